"""A Kubernetes cluster on EKS with its nodes, its add-ons, and a provider for the objects in it.

A failed cluster is not repaired under load: the next generation is built beside it, and the workloads move.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as kubernetes

from components.addons import AFTER_NODES, BEFORE_NODES, Addon, Addons, AddonsArgs
from components.nodes import Nodes, NodesArgs
from components.site import Site

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
API_PORT = 443
AUDIT_RETENTION_DAYS = 2192
"""Six years: the audit log records every access to health information. Source: 45 CFR 164.316(b)(2)(i)."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """The settings of a site's cluster."""

    cluster_name: str
    """The physical name: operators, alerts and roles refer to it."""
    version: str
    site: Site
    public_subnet_ids: tuple[pulumi.Input[str], ...]
    private_subnet_ids: tuple[pulumi.Input[str], ...]
    """One per zone. Each gets a node group."""
    vpc_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """Encrypts Kubernetes secrets and the nodes' disks."""
    logs_key_arn: pulumi.Input[str]
    public_access_cidrs: tuple[str, ...]
    """The networks that may reach the API server from the internet. If empty, it has a private endpoint only."""
    operator_cidrs: tuple[str, ...]
    """The networks that may reach the private endpoint, besides the cluster's own nodes."""
    protect: bool
    """Whether Pulumi and EKS refuse to delete the cluster: true for the cluster that serves."""
    delete_unreachable: bool
    """Whether objects in the cluster are forgotten instead of deleted, because its API server is dead."""
    node_instance_type: str
    node_minimum: int
    """The total number of nodes that always run, whether the site is active or standby."""
    node_maximum: int
    node_disk_gib: int
    node_release_version: str | None = None
    """The release of the nodes' image; None for the newest at creation."""
    addon_versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """The versions of add-ons by name. Others have EKS's default at creation."""


class Cluster(pulumi.ComponentResource):
    """An EKS cluster that authenticates principals by access entries only."""

    name: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    """The address of the API server."""
    node_security_group_id: pulumi.Output[str]
    """The security group of both nodes and pods."""
    log_group: pulumi.Output[str]
    """The name of the log group of the control plane, with the audit log."""
    nodes: list[pulumi.Resource]
    """The resources that a workload waits for: the nodes, and the add-ons that its pods need."""
    provider: kubernetes.Provider

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Cluster", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        cluster = self._cluster(name, args)
        # The name is known from the start. The output resolves only when the cluster answers, because its users call
        # the cluster.
        self.name = pulumi.Output.unsecret(cluster.kubeconfig_json).apply(lambda _: args.cluster_name)
        self.endpoint = pulumi.Output.unsecret(cluster.kubeconfig_json).apply(_server)
        self.node_security_group_id = cluster.node_security_group_id
        self._admit_operators(name, args)
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
            # Otherwise a changed ConfigMap is deleted and created again, and during a flip pods would start without
            # one.
            enable_config_map_mutable=True,
            # With a dead API server, each deletion would fail: pulumi-kubernetes, `provider.go`, `deleteUnreachable`.
            delete_unreachable=args.delete_unreachable or None,
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
            # The audit log outlives its cluster.
            skip_destroy=args.site.protect,
            tags=args.site.tags.of(tier="platform", data="operational", name=f"{args.cluster_name}-logs"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.log_group = logs.name
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
            # EKS refuses address ranges for an endpoint that is not public.
            public_access_cidrs=list(args.public_access_cidrs) or None,
            encryption_config_key_arn=args.key_arn,
            enabled_cluster_log_types=list(LOG_TYPES),
            deletion_protection=args.protect,
            # With STANDARD, EKS upgrades the cluster itself when the version's standard support ends.
            upgrade_policy={"support_type": "EXTENDED"},
            skip_default_node_group=True,
            # The group that EKS creates is sufficient, and managed nodes join it.
            skip_default_security_groups=True,
            # Add-ons are declared separately: this component would look up their versions in AWS at every run.
            bootstrap_self_managed_addons=False,
            use_default_vpc_cni=True,
            coredns_addon_options={"enabled": False},
            kube_proxy_addon_options={"enabled": False},
            tags=tags,
            # EKS would create the log group itself, unencrypted and without a retention period.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs], protect=args.protect),
        )

    def _admit_operators(self, name: str, args: ClusterArgs) -> None:
        """Open the private endpoint to named networks.

        Source: Amazon EKS User Guide, "Cluster API server endpoint": the control plane's security group must allow port
        443 from the connected network or the bastion.
        """
        for cidr in args.operator_cidrs:
            role = f"from-{cidr.replace('/', '-')}"
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-{role}",
                security_group_id=self.node_security_group_id,
                description="Operators, to the API server",
                cidr_ipv4=cidr,
                ip_protocol="tcp",
                from_port=API_PORT,
                to_port=API_PORT,
                tags=args.site.tags.of(tier="platform", data="none", name=f"{args.cluster_name}-{role}"),
                opts=pulumi.ResourceOptions(parent=self),
            )

    def _addons(self, args: ClusterArgs, addons: tuple[Addon, ...], *after: pulumi.Resource) -> AddonsArgs:
        return AddonsArgs(
            cluster_name=self.name, addons=addons, versions=args.addon_versions, after=after, site=args.site
        )

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
            release_version=args.node_release_version,
            key_arn=args.key_arn,
            site=args.site,
        )


def _server(kubeconfig: str) -> str:
    return str(json.loads(kubeconfig)["clusters"][0]["cluster"]["server"])
