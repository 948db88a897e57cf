"""The nodes of a cluster: one managed group per zone, so that the surviving zones can replace a lost zone's nodes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.permissions import service_trust
from components.site import Site

MANAGED_POLICIES = {
    "worker": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "registry": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
    "session": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
}
"""Policies to join the cluster, pull images, and open a shell without SSH. The network plugin has its own role."""

ROOT_DEVICE = "/dev/xvda"
"""The root device of Amazon Linux 2023 images."""


@dataclass(frozen=True, kw_only=True)
class NodesArgs:
    """The size and the subnets of a cluster's nodes. Sizes are per site and are divided among the zones."""

    cluster_name: pulumi.Input[str]
    after: tuple[pulumi.Resource, ...]
    """The add-ons that a node needs to become ready. A group counts as created when its nodes are ready."""
    version: str
    subnet_ids: tuple[pulumi.Input[str], ...]
    """One per zone. Each gets a group."""
    instance_type: str
    minimum: int
    maximum: int
    disk_gib: int
    release_version: str | None = None
    """The release of the image; None for the newest when the group is created."""
    key_arn: pulumi.Input[str]
    """The key of the disks. Auto Scaling must be allowed to use it."""
    site: Site

    def __post_init__(self) -> None:
        if not len(self.subnet_ids) <= self.minimum <= self.maximum:
            zones = len(self.subnet_ids)
            raise ValueError(
                f"minimum is {self.minimum}, maximum {self.maximum}: expected {zones} <= minimum <= maximum"
            )


class Nodes(pulumi.ComponentResource):
    """Managed node groups that run their minimum at least. The autoscaler adds nodes up to their maximum."""

    groups: list[aws.eks.NodeGroup]

    def __init__(self, name: str, args: NodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Nodes", name, {}, opts)
        tags = args.site.tags.of(tier="platform", data="none", name=name)
        role, attachments = self._role(name, tags)
        template = self._template(name, args, tags)
        sizes = zip(spread(args.minimum, len(args.subnet_ids)), spread(args.maximum, len(args.subnet_ids)), strict=True)
        self.groups = [
            aws.eks.NodeGroup(
                f"{name}-{zone}",
                cluster_name=args.cluster_name,
                node_role_arn=role.arn,
                subnet_ids=[subnet_id],
                ami_type=ami_type(args.instance_type),
                capacity_type="ON_DEMAND",
                version=args.version,
                release_version=args.release_version,
                launch_template={"id": template.id, "version": template.latest_version.apply(str)},
                scaling_config={"min_size": low, "max_size": high, "desired_size": low},
                update_config={"max_unavailable": 1},
                node_repair_config={"enabled": True},
                tags=tags,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # A node without its policies cannot join, and cannot leave properly if they are deleted first.
                    depends_on=[*args.after, *attachments],
                    # The autoscaler owns the number. An `up` after a refresh would remove the nodes of a surge.
                    ignore_changes=["scalingConfig.desiredSize"],
                ),
            )
            for zone, (subnet_id, (low, high)) in enumerate(zip(args.subnet_ids, sizes, strict=True), 1)
        ]
        self.register_outputs({})

    def _role(self, name: str, tags: dict[str, str]) -> tuple[aws.iam.Role, list[aws.iam.RolePolicyAttachment]]:
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(service_trust("ec2.amazonaws.com")),
            description="Nodes of an EKS cluster",
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        attachments = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{purpose}", role=role.name, policy_arn=arn, opts=pulumi.ResourceOptions(parent=self)
            )
            for purpose, arn in MANAGED_POLICIES.items()
        ]
        return role, attachments

    def _template(self, name: str, args: NodesArgs, tags: dict[str, str]) -> aws.ec2.LaunchTemplate:
        """Names no security group, so that EKS adds its own.

        The instance type is set here because it can change in place here.
        """
        return aws.ec2.LaunchTemplate(
            f"{name}-template",
            instance_type=args.instance_type,
            update_default_version=True,
            # One hop keeps pods from the node's credentials. Pods have credentials of their own by Pod Identity.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                {
                    "device_name": ROOT_DEVICE,
                    "ebs": {
                        "volume_size": args.disk_gib,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "kms_key_id": args.key_arn,
                        "delete_on_termination": "true",
                    },
                }
            ],
            monitoring={"enabled": True},
            tag_specifications=[
                {"resource_type": kind, "tags": tags} for kind in ("instance", "volume", "network-interface")
            ],
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )


def spread(total: int, zones: int) -> tuple[int, ...]:
    """Divide a number of nodes among zones as evenly as possible. The first zones get the remainder."""
    share, remainder = divmod(total, zones)
    return tuple(share + (zone < remainder) for zone in range(zones))


def ami_type(instance_type: str) -> str:
    """The Amazon Linux 2023 image for an instance type: Arm for Graviton (a `g` after the generation), else x86."""
    graviton = re.match(r"[a-z]+[0-9]+[a-z]*g", instance_type.split(".", maxsplit=1)[0])
    return "AL2023_ARM_64_STANDARD" if graviton else "AL2023_x86_64_STANDARD"
