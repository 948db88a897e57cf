"""The facts that all components of one site share."""

from __future__ import annotations

from dataclasses import dataclass

from recovery.naming import Tags


@dataclass(frozen=True, kw_only=True)
class Site:
    """The site that a component is part of. Its name is the stack's name."""

    account: str
    """The AWS account, in twelve digits."""
    region: str
    """The site's own region."""
    tags: Tags
    protect: bool
    """Whether Pulumi, and AWS where it can, refuses to delete what holds data or cannot be made again: databases and
    their password, keys, the ledger, the cluster, the switch's bucket and the zone. ELB refuses to delete the load
    balancer; Pulumi does not, because a load balancer holds no data."""

    @property
    def name(self) -> str:
        """The site's name, which its tags carry too."""
        return self.tags.site

    def elsewhere(self, region: str) -> str | None:
        """The `region` of a resource: None in the site's own region, so that a resource there names none."""
        return None if region == self.region else region
