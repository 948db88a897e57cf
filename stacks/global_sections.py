"""The sections of a stack file about the global resources: the ledger, and what a stack adopts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stacks.sections import BackupName, BucketName, Region, Section


class LedgerRestoreConfig(Section):
    """A part of a ledger that is lost, either an export or a table. Its crisis events are added to the ledger."""

    region: Region
    bucket: BucketName | None = None
    """A bucket of exports that a lost site has left."""
    export: BackupName = "latest"
    table: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{3,255}$")] | None = None
    """A table that DynamoDB restored from its backup of the deleted ledger."""

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the job `ledger-restore`, without the number of the part."""
        found = {"TABLE": self.table} if self.table else {"BUCKET": str(self.bucket), "EXPORT": self.export}
        return {"REGION": self.region, **found}


class LedgerConfig(Section):
    """The crisis ledger: its regions, and the parts of a lost one."""

    regions: Annotated[tuple[Region, Region], Field(strict=False)] | None = None
    """The regions of the two copies, which never change; None: those of the two sites. Equal at both sites."""

    witness: Region = "us-east-1"
    """The third region, which holds no copy."""
    restores: tuple[LedgerRestoreConfig, ...] = Field(default=(), strict=False, max_length=4)
    """Adding an event again changes nothing, so the parts may overlap."""


class AdoptedPassword(Section):
    """A database password that another stack made."""

    secret_arn: Annotated[
        str, StringConstraints(pattern=r"^arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_-]+$")
    ]
    """Its secret in the site's own region."""
    version_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{32,64}$")]
    """The version that is AWSCURRENT at the adoption."""
    number: int = Field(ge=1, le=99)
    """The number of the password: `lifeline:database.ownerPassword` or `applicationPassword` of the former owner."""


class AdoptedConfig(Section):
    """The global resources that another stack made, as this one finds them. The lines stay after the adoption."""

    distribution_id: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{12,20}$")]
    """The distribution of CloudFront with the page of the last resort."""
    ledger: Literal["found", "later", "lost"] = "found"
    """`later` while the region of the ledger's other copy does not answer: the provider reads both. `lost`: no copy is
    left, and this stack makes another table."""
    owner_password: AdoptedPassword | None = None
    """None: it is lost, and this stack makes another one."""
    application_password: AdoptedPassword | None = None
