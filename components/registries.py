"""The registries of both regions, which the site that owns the global resources declares.

An image that is pushed to one region is copied to the other one, so a recovery pulls no image from a lost region. The
repositories of both regions have the same names and exist before the first push: Amazon ECR would create a missing one
with settings of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.keys import service_key_policy, symmetric_key
from components.site import Site
from recovery.naming import REPOSITORIES


@dataclass(frozen=True, kw_only=True)
class RegistriesArgs:
    """The owner, and the region of the other registry."""

    peer_region: str
    site: Site


class Registries(pulumi.ComponentResource):
    """A repository per image in each region, and the replication in both directions.

    Amazon ECR copies an image once, at its push, so two directions make no circle. No image expires: a cluster may need
    one long after its release, when a node is replaced. Source: Amazon ECR User Guide, "Private image replication".
    """

    def __init__(self, name: str, args: RegistriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Registries", name, {}, opts)
        self._args = args
        regions = {"own": args.site.region, "peer": args.peer_region}
        repositories = [
            repository for place, region in regions.items() for repository in self._registry(f"{name}-{place}", region)
        ]
        for place, region in regions.items():
            (other,) = set(regions.values()) - {region}
            self._replication(f"{name}-{place}", region, other, repositories)
        self.register_outputs({})

    def _registry(self, name: str, region: str) -> list[aws.ecr.Repository]:
        site = self._args.site
        key = symmetric_key(
            f"{name}-key",
            site=site,
            purpose="images" if region == site.region else "images-copy",
            region=region,
            policy=service_key_policy("ecr", account=site.account, region=region),
            tier="platform",
            data="none",
            parent=self,
        )
        return [self._repository(f"{name}-{entry.replace('/', '-')}", entry, region, key) for entry in REPOSITORIES]

    def _repository(self, name: str, repository: str, region: str, key: pulumi.Output[str]) -> aws.ecr.Repository:
        site = self._args.site
        return aws.ecr.Repository(
            name,
            name=repository,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": key}],
            region=site.elsewhere(region),
            tags=site.tags.of(tier="platform", data="none", name=repository),
            opts=pulumi.ResourceOptions(parent=self, protect=site.protect),
        )

    def _replication(self, name: str, region: str, other: str, after: list[aws.ecr.Repository]) -> None:
        site = self._args.site
        aws.ecr.ReplicationConfiguration(
            f"{name}-replication",
            replication_configuration={
                "rules": [
                    {
                        "destinations": [{"region": other, "registry_id": site.account}],
                        "repository_filters": [
                            {"filter": repository, "filter_type": "PREFIX_MATCH"} for repository in REPOSITORIES
                        ],
                    }
                ]
            },
            region=site.elsewhere(region),
            # Otherwise an early push would create a repository in the other region.
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
