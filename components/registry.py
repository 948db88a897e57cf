"""The registry of a site's region, which copies each image to the other region.

An image that is pushed to one region is copied to the other one, so a recovery pulls no image from a lost region. Each
site declares its own registry: a site that is lost takes only its own along. The repositories of both regions have the
same names and exist before the first push: Amazon ECR would create a missing one with settings of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.keys import service_key_policy, symmetric_key
from components.site import Site
from recovery.naming import REPOSITORIES


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """The site, and the region that its images are copied to."""

    peer_region: str
    site: Site


class Registry(pulumi.ComponentResource):
    """A repository per image, and the replication to the other region.

    Amazon ECR copies an image once, at its push, so two directions make no circle. No image expires: a cluster may need
    one long after its release, when a node is replaced. Source: Amazon ECR User Guide, "Private image replication".
    """

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Registry", name, {}, opts)
        site = args.site
        key = symmetric_key(
            f"{name}-key",
            site=site,
            purpose="images",
            region=site.region,
            policy=service_key_policy("ecr", account=site.account, region=site.region),
            tier="platform",
            data="none",
            parent=self,
        )
        repositories = [
            aws.ecr.Repository(
                f"{name}-{repository.replace('/', '-')}",
                name=repository,
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration={"scan_on_push": True},
                encryption_configurations=[{"encryption_type": "KMS", "kms_key": key}],
                tags=site.tags.of(tier="platform", data="none", name=repository),
                opts=pulumi.ResourceOptions(parent=self, protect=site.protect),
            )
            for repository in REPOSITORIES
        ]
        aws.ecr.ReplicationConfiguration(
            f"{name}-replication",
            replication_configuration={
                "rules": [
                    {
                        "destinations": [{"region": args.peer_region, "registry_id": site.account}],
                        "repository_filters": [
                            {"filter": repository, "filter_type": "PREFIX_MATCH"} for repository in REPOSITORIES
                        ],
                    }
                ]
            },
            # A first `up` that fails halfway leaves no replication of images whose repository is missing here.
            opts=pulumi.ResourceOptions(parent=self, depends_on=repositories),
        )
        self.register_outputs({})
