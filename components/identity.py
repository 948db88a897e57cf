"""An IAM role for the pods of one service account, by EKS Pod Identity."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.permissions import pod_trust
from components.site import Site


@dataclass(frozen=True, kw_only=True)
class PodIdentityArgs:
    """A service account, and the permissions of its pods."""

    cluster_name: pulumi.Input[str]
    namespace: str
    service_account: str
    policy: pulumi.Input[str]
    """A policy document as JSON, built in `components.permissions`."""
    site: Site
    tier: str = "platform"
    """The tier that the pods belong to; a tag."""


class PodIdentity(pulumi.ComponentResource):
    """A role, its inline policy, and the association of the role with a service account."""

    def __init__(self, name: str, args: PodIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:PodIdentity", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = args.site.tags.of(tier=args.tier, data="none", name=name)
        role = pod_role(f"{name}-role", args.cluster_name, args.namespace, args.service_account, tags, child)
        policy = aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=args.policy, opts=child)
        aws.eks.PodIdentityAssociation(
            f"{name}-association",
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=role.arn,
            tags=tags,
            # A pod that starts with the role but before its policy would fail its first calls.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({})


def pod_role(
    name: str,
    cluster_name: pulumi.Input[str],
    namespace: str,
    service_account: str,
    tags: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.iam.Role:
    """A role that only the pods of one service account in one cluster can assume."""

    def trust(cluster: str) -> str:
        return json.dumps(pod_trust(cluster_name=cluster, namespace=namespace, service_account=service_account))

    return aws.iam.Role(
        name,
        assume_role_policy=pulumi.Output.from_input(cluster_name).apply(trust),
        description=f"Pods of {namespace}/{service_account}",
        tags=tags,
        opts=opts,
    )
