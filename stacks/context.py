"""The frozen context that the wiring of one site passes around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.database import Database
from components.keys import Keys
from components.namespace import Namespace
from components.network import Network
from components.site import Site
from recovery import naming
from recovery.timeline import DatabaseId
from stacks.config import SiteConfig

Databases = dict[DatabaseId, Database]
"""Every database that a site declares."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The site's configuration and the parts that almost every other part needs."""

    config: SiteConfig
    site: Site
    keys: Keys
    network: Network
    clusters: Mapping[int, Cluster]
    """By generation."""
    namespace: Namespace
    """The platform's, in the serving cluster."""

    @property
    def cluster(self) -> Cluster:
        """The cluster that has the workloads and the traffic."""
        return self.clusters[self.config.cluster.serving_generation]

    @property
    def in_cluster(self) -> pulumi.ResourceOptions:
        """The options of a component whose children are Kubernetes objects."""
        return pulumi.ResourceOptions(provider=self.cluster.provider)

    def of_cluster(self, name: str) -> str:
        """The name of a component that belongs to the serving cluster.

        Each generation has components of its own, so a move creates the new ones, moves the traffic, and deletes the
        old ones last.
        """
        return naming.of_generation(name, self.config.cluster.serving_generation)

    @property
    def secrets_key_arn(self) -> pulumi.Output[str | None]:
        """The key of the password's secret in this region.

        None where the secret is the other site's replica: its key is managed by AWS and needs no permission. A site
        that left the passwords keeps the permission, until the new owner has replaced its secret by a replica.
        """
        return pulumi.Output.from_input(None) if self.config.globals == "use" else self.keys.secrets_arn

    @property
    def place_of_ledger(self) -> dict[str, str]:
        """The account, the region and the copy of the ledger, as the policies of pods take them."""
        return {"account": self.site.account, "region": self.site.region, "ledger": self.site.ledger_arn}

    def image(self, repository: str, digest: str) -> str:
        """An image in the registry of the site's own region."""
        return naming.image(repository, digest, account=self.site.account, region=self.site.region)

    @property
    def operations_image(self) -> str:
        """The image of all in-cluster jobs."""
        return self.image("operations", self.config.images.operations)


def site_of(config: SiteConfig) -> Site:
    """The facts that every component of the site takes."""
    return Site(
        account=config.account,
        region=config.region,
        ledger_region=config.ledger_region,
        copy_generation=config.copies.generation,
        tags=config.tags,
        protect=config.protect,
    )
