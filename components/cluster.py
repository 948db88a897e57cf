"""A Kubernetes cluster on EKS with warm nodes, its add-ons, and a provider for what runs on it.

A failed cluster is not repaired under load: a new one of the next generation is built beside it. The generation shows
in the physical name and in the component's, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as kubernetes

from components.addons import AFTER_NODES, BEFORE_NODES, Addon, Addons, AddonsArgs
from components.nodes import Nodes, NodesArgs
from components.site import Site

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
AUDIT_RETENTION_DAYS = 2192
"""Six years: the audit log says who read health information. Source: 45 CFR 164.316(b)(2)(i)."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What the cluster of a site is made from."""

    cluster_name: str
    """The physical name: operators, alerts and roles refer to it."""
    version: str
    site: Site
    public_subnet_ids: tuple[pulumi.Input[str], ...]
    private_subnet_ids: tuple[pulumi.Input[str], ...]
    """One a zone; each gets a node group."""
    vpc_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """Encrypts Kubernetes secrets and the nodes' disks."""
    logs_key_arn: pulumi.Input[str]
    public_access_cidrs: tuple[str, ...]
    """Who may reach the API server from the internet; if empty, it has a private endpoint only."""
    node_instance_type: str
    node_minimum: int
    """Nodes of all zones together that run at all times, active or standby."""
    node_maximum: int
    node_disk_gib: int


class Cluster(pulumi.ComponentResource):
    """An EKS cluster that takes its principals from access entries alone."""

    name: pulumi.Output[str]
    node_security_group_id: pulumi.Output[str]
    """The group that nodes and pods are in: the same."""
    nodes: list[pulumi.Resource]
    """What a workload has to wait for: nodes, and the add-ons that its pods lean on."""
    provider: kubernetes.Provider

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Cluster", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        cluster = self._cluster(name, args)
        # The name is given, yet who takes it from here means a cluster that answers: the output waits for its address.
        self.name = pulumi.Output.unsecret(cluster.kubeconfig_json).apply(lambda _: args.cluster_name)
        self.node_security_group_id = cluster.node_security_group_id
        early = Addons(f"{name}-early", self._addons(args, BEFORE_NODES), child)
        nodes = Nodes(f"{name}-nodes", self._nodes(args, early), child)
        late = Addons(f"{name}-late", self._addons(args, AFTER_NODES, *nodes.groups), child)
        self.nodes = [*nodes.groups, *late.resources]
        self.provider = kubernetes.Provider(
            f"{name}-kubernetes",
            # JSON. It holds no token: it calls the AWS command line for one.
            kubeconfig=pulumi.Output.secret(cluster.kubeconfig_json),
            # Otherwise a renewed certificate or endpoint would replace every object in the cluster.
            cluster_identifier=args.cluster_name,
            enable_server_side_apply=True,
            # Otherwise a changed ConfigMap is deleted and made anew, and in a flip pods would start without one.
            enable_config_map_mutable=True,
            opts=child,
        )
        self.register_outputs({})

    def _cluster(self, name: str, args: ClusterArgs) -> eks.Cluster:
        tags = args.site.tags.of(tier="platform", data="credentials", name=args.cluster_name)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{args.cluster_name}/cluster",
            kms_key_id=args.logs_key_arn,
            retention_in_days=AUDIT_RETENTION_DAYS,
            tags=args.site.tags.of(tier="platform", data="operational", name=f"{args.cluster_name}-logs"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return eks.Cluster(
            f"{name}-eks",
            name=args.cluster_name,
            version=args.version,
            vpc_id=args.vpc_id,
            public_subnet_ids=list(args.public_subnet_ids),
            private_subnet_ids=list(args.private_subnet_ids),
            authentication_mode=eks.AuthenticationMode.API,
            endpoint_private_access=True,
            endpoint_public_access=bool(args.public_access_cidrs),
            # EKS refuses ranges for an endpoint that is not public.
            public_access_cidrs=list(args.public_access_cidrs) or None,
            encryption_config_key_arn=args.key_arn,
            enabled_cluster_log_types=list(LOG_TYPES),
            deletion_protection=args.site.protect,
            # STANDARD would upgrade the cluster by itself when the version's standard support ends.
            upgrade_policy={"support_type": "EXTENDED"},
            skip_default_node_group=True,
            # The group that EKS makes is enough, and is the one that managed nodes join.
            skip_default_security_groups=True,
            # Add-ons are declared beside it: the component would look their versions up in AWS on every run.
            bootstrap_self_managed_addons=False,
            use_default_vpc_cni=True,
            coredns_addon_options={"enabled": False},
            kube_proxy_addon_options={"enabled": False},
            tags=tags,
            # EKS would make the log group itself, unencrypted and kept for ever.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs], protect=args.site.protect),
        )

    def _addons(self, args: ClusterArgs, addons: tuple[Addon, ...], *after: pulumi.Resource) -> AddonsArgs:
        return AddonsArgs(cluster_name=self.name, addons=addons, after=after, site=args.site)

    def _nodes(self, args: ClusterArgs, early: Addons) -> NodesArgs:
        return NodesArgs(
            cluster_name=self.name,
            after=tuple(early.resources),
            version=args.version,
            subnet_ids=args.private_subnet_ids,
            instance_type=args.node_instance_type,
            minimum=args.node_minimum,
            maximum=args.node_maximum,
            disk_gib=args.node_disk_gib,
            key_arn=args.key_arn,
            site=args.site,
        )
