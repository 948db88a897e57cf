"""The add-ons of a cluster that AWS maintains: those that a node needs to become ready, and those that need nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components.identity import pod_role
from components.site import Site

SYSTEM_NAMESPACE = "kube-system"
CREATE_TIMEOUT = "30m"
"""Longer than the provider's twenty minutes: on a new cluster, the first pods of an add-on wait for nodes and
images."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The AWS permissions of an add-on's pods."""

    service_account: str
    """In the namespace kube-system."""
    policy_arn: str


@dataclass(frozen=True, kw_only=True)
class Addon:
    """One add-on."""

    name: str
    configuration: dict[str, Any] | None = None
    identity: Identity | None = None
    """None if the add-on calls no AWS service."""


BEFORE_NODES = (
    Addon(name="eks-pod-identity-agent"),
    Addon(name="kube-proxy"),
    Addon(
        name="vpc-cni",
        # The plugin's agent enforces network policies. It is off by default.
        configuration={"enableNetworkPolicy": "true"},
        identity=Identity(service_account="aws-node", policy_arn="arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"),
    ),
)
"""DaemonSets without which a node never becomes ready. EKS counts them active while there is no node."""

AFTER_NODES = (
    Addon(name="coredns"),
    Addon(name="metrics-server"),
    Addon(
        name="aws-ebs-csi-driver",
        identity=Identity(
            service_account="ebs-csi-controller-sa",
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
        ),
    ),
    # A secret is read with the identity of the pod that mounts it, so the add-on needs no identity.
    Addon(name="aws-secrets-store-csi-driver-provider"),
)
"""Workloads that are degraded as long as no node can run them."""


@dataclass(frozen=True, kw_only=True)
class AddonsArgs:
    """A cluster, and the add-ons to install in it."""

    cluster_name: pulumi.Input[str]
    addons: tuple[Addon, ...]
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """The versions by the add-on's name. Without one, EKS installs its default, and never upgrades it by itself."""
    after: tuple[pulumi.Resource, ...] = ()
    """The resources, besides the cluster, that must exist first."""
    site: Site


class Addons(pulumi.ComponentResource):
    """Add-ons, each with a role if it needs one."""

    resources: list[aws.eks.Addon]

    def __init__(self, name: str, args: AddonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Addons", name, {}, opts)
        self.resources = [self._addon(f"{name}-{addon.name}", args, addon) for addon in args.addons]
        self.register_outputs({})

    def _addon(self, name: str, args: AddonsArgs, addon: Addon) -> aws.eks.Addon:
        tags = args.site.tags.of(tier="platform", data="none", name=name)
        role, attached = self._role(name, args.cluster_name, addon.identity, tags) if addon.identity else (None, ())
        identity = addon.identity
        return aws.eks.Addon(
            name,
            cluster_name=args.cluster_name,
            addon_name=addon.name,
            addon_version=args.versions.get(addon.name),
            configuration_values=None if addon.configuration is None else json.dumps(addon.configuration),
            pod_identity_associations=(
                [{"role_arn": role.arn, "service_account": identity.service_account}] if role and identity else None
            ),
            # The declared state overrides manual changes in the cluster.
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                # A pod that starts before it has its permissions fails its first calls.
                depends_on=[*args.after, *attached],
                custom_timeouts=pulumi.CustomTimeouts(create=CREATE_TIMEOUT),
            ),
        )

    def _role(
        self, name: str, cluster_name: pulumi.Input[str], identity: Identity, tags: dict[str, str]
    ) -> tuple[aws.iam.Role, tuple[pulumi.Resource, ...]]:
        child = pulumi.ResourceOptions(parent=self)
        role = pod_role(f"{name}-role", cluster_name, SYSTEM_NAMESPACE, identity.service_account, tags, child)
        policy = aws.iam.RolePolicyAttachment(
            f"{name}-policy", role=role.name, policy_arn=identity.policy_arn, opts=child
        )
        return role, (policy,)
