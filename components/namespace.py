"""The platform's namespace, and what must exist before its first pod."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import connections, foundation, scaling
from components.kube.objects import declare
from components.site import Site


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """The networks that the namespace's pods may reach."""

    vpc_cidr: str
    database_cidrs: tuple[str, ...]
    site: Site


class Namespace(pulumi.ComponentResource):
    """The namespace, its network policies, and the cluster's priority classes."""

    priority_classes: tuple[pulumi.CustomResource, ...]
    resources: tuple[pulumi.CustomResource, ...]
    """Everything that a pod waits for."""

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Namespace", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        plain = args.site.tags.labels(tier="platform", data="none")
        labels = args.site.tags.labels(tier="platform", data="phi")
        namespace = declare(f"{name}-namespace", foundation.namespace(labels=labels), child)
        self.priority_classes = tuple(
            declare(f"{name}-priority-{manifest['metadata']['name']}", manifest, child)
            for manifest in scaling.priority_classes(labels=plain)
        )
        policies = connections.network_policies(
            vpc_cidr=args.vpc_cidr, database_cidrs=args.database_cidrs, labels=plain
        )
        inside = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        self.resources = (
            namespace,
            *self.priority_classes,
            *(declare(f"{name}-policy-{manifest['metadata']['name']}", manifest, inside) for manifest in policies),
        )
        self.register_outputs({})
