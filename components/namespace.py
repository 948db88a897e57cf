"""The platform's namespace, and what must exist before its first pod."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pulumi

from components.kube import connections, foundation, pods, scaling
from components.kube.objects import declare
from components.site import Site
from recovery import objectives
from recovery.naming import APPLICATION_SECRET, PASSWORD_SECRET


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """The networks that the namespace's pods may reach, and what their mounts need."""

    vpc_cidr: str
    database_cidrs: tuple[str, ...]
    site: Site
    drivers: tuple[pulumi.Resource, ...] = ()
    """The add-ons. One of them defines the kind of the classes that mount passwords."""


class Namespace(pulumi.ComponentResource):
    """The namespace, its network policies, the passwords that its pods mount, and the cluster's priority classes."""

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
            *self._password_classes(name, args, namespace),
        )
        self.register_outputs({})

    def _password_classes(
        self, name: str, args: NamespaceArgs, namespace: pulumi.Resource
    ) -> Iterator[pulumi.CustomResource]:
        after = pulumi.ResourceOptions(parent=self, depends_on=[namespace, *args.drivers])
        labels = args.site.tags.labels(tier=objectives.CORE.name, data="credentials")
        for class_, secret in ((pods.OWNER, PASSWORD_SECRET), (pods.APPLICATION, APPLICATION_SECRET)):
            manifest = foundation.password_class(
                name=class_, secret_name=secret, region=args.site.region, labels=labels
            )
            yield declare(f"{name}-{class_}", manifest, after)
