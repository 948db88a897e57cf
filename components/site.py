"""The facts that all components of one site share."""

from __future__ import annotations

from dataclasses import dataclass

from recovery import naming
from recovery.naming import Tags


@dataclass(frozen=True, kw_only=True)
class Site:
    """The site that a component is part of. Its name is the stack's name."""

    account: str
    """The AWS account, in twelve digits."""
    region: str
    """The site's own region."""
    ledger_region: str
    """The region of the ledger's copy that the site uses: its own, or the peer's where it has no copy."""
    copy_generation: int = 1
    """The generation of the site's copies in the other region."""
    tags: Tags
    protect: bool
    """Whether Pulumi, and AWS where it can, refuses to delete what holds data or cannot be made again: databases and
    their password, keys, the ledger, the cluster, the switch's bucket and the zone. ELB refuses to delete the load
    balancer; Pulumi does not, because a load balancer holds no data."""

    @property
    def name(self) -> str:
        """The site's name, which its tags carry too."""
        return self.tags.site

    @property
    def has_ledger(self) -> bool:
        """Whether the site's own region has a copy of the ledger."""
        return self.ledger_region == self.region

    @property
    def ledger_arn(self) -> str:
        """The copy of the ledger that the site uses."""
        return naming.ledger_arn(account=self.account, region=self.ledger_region)

    @property
    def ledger_table(self) -> str:
        """The ledger as pods know it: the name of the table in their own region, or the ARN of a copy elsewhere."""
        return naming.LEDGER_TABLE if self.has_ledger else self.ledger_arn

    def copy_name(self, name: str) -> str:
        """The name of the site's copy, in the other region, of what has a name."""
        return naming.copy_name(name, self.copy_generation)

    def elsewhere(self, region: str) -> str | None:
        """The `region` of a resource: None in the site's own region, so that a resource there names none."""
        return None if region == self.region else region
