"""The passwords of the database's roles, created once and stored in both regions."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components.ownership import Ownership, belonging
from components.site import Site

PASSWORD_LENGTH = 48
"""Characters. Letters and digits only: RDS refuses `/`, `"`, `@` and spaces, and a URL needs no escapes."""

RECOVERY_WINDOW_DAYS = 30
"""The longest time for which Secrets Manager allows a deletion to be cancelled."""


@dataclass(frozen=True, kw_only=True)
class AdoptedPassword:
    """A secret that another stack made, with the password that it has."""

    secret_arn: str
    version_id: str
    number: int
    """The number of that password."""


@dataclass(frozen=True, kw_only=True)
class DatabasePasswordArgs:
    """One password, and the regions and the key of its secret."""

    secret_name: str
    description: str
    number: int
    """A higher number is another password."""
    peer_region: str
    """The region of the secret's replica, which has the same name: a flip must not need this region."""
    key_arn: pulumi.Input[str]
    """The key in this region. The replica uses `aws/secretsmanager` of its region, because the peer's key is created
    later."""
    site: Site
    ownership: Ownership = Ownership.OWN
    adopted: AdoptedPassword | None = None

    def __post_init__(self) -> None:
        if self.adopted and self.number < self.adopted.number:
            raise ValueError(f"{self.secret_name} has password {self.adopted.number}: {self.number} is gone")


class DatabasePassword(pulumi.ComponentResource):
    """A random password, in a secret that contains only the password."""

    version: aws.secretsmanager.SecretVersion
    value: pulumi.Output[str]
    """The password. `RandomPassword` marks it, and every value derived from it, as secret."""

    def __init__(self, name: str, args: DatabasePasswordArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DatabasePassword", name, {}, opts)
        adopted, protect = args.adopted, args.site.protect
        # The earlier ones stay, so that a rotation deletes nothing that is protected.
        passwords = [
            random.RandomPassword(
                _numbered(name, number),
                length=PASSWORD_LENGTH,
                special=False,
                opts=belonging(args.ownership, parent=self, protect=protect),
            )
            for number in range(adopted.number + 1 if adopted else 1, args.number + 1)
        ]
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            name=args.secret_name,
            description=args.description,
            kms_key_id=args.key_arn,
            recovery_window_in_days=RECOVERY_WINDOW_DAYS,
            replicas=[{"region": args.peer_region}],
            # A secret that was the replica becomes the original, and overwrites what the former original left.
            force_overwrite_replica_secret=True if adopted else None,
            tags=args.site.tags.of(tier="data", data="credentials", name=args.secret_name),
            opts=belonging(
                args.ownership,
                parent=self,
                protect=protect,
                import_id=adopted and adopted.secret_arn,
                differs=(
                    "description",
                    "forceOverwriteReplicaSecret",
                    "kmsKeyId",
                    "recoveryWindowInDays",
                    "replicas",
                    "tags",
                ),
            ),
        )
        version = belonging(
            args.ownership,
            parent=self,
            protect=False,
            import_id=f"{adopted.secret_arn}|{adopted.version_id}" if adopted and not passwords else None,
            always=() if passwords else ("secretString", "versionStages"),
        )
        # A rotation keeps the former version, as AWSPREVIOUS, until the next one.
        version.retain_on_delete = True
        self.version = aws.secretsmanager.SecretVersion(
            f"{name}-version",
            secret_id=secret.id,
            secret_string=passwords[-1].result if passwords else None,
            opts=version,
        )
        self.value = (
            passwords[-1].result
            if passwords
            else pulumi.Output.secret(self.version.secret_string).apply(lambda text: text or "")
        )
        self.register_outputs({})


def _numbered(name: str, number: int) -> str:
    return f"{name}-random" if number == 1 else f"{name}-random-{number}"
