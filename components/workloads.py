"""Everything that runs in a site's cluster: the platform's four services, and the room that a flip needs.

A flip changes the ConfigMap; the Deployments whose pods read a changed key (the crisis services read none); the
`minReplicas` of the HorizontalPodAutoscalers of services that grow; and the placeholders, which go to zero. Autoscalers
and Deployments change in parallel after the ConfigMap, and do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.kube import connections, foundation, pods, scaling
from components.kube.objects import checksum, declare
from components.kube.services import SERVICES, SHORT_NAMES, Service
from components.site import Site


@dataclass(frozen=True, kw_only=True)
class WorkloadsArgs:
    """The settings, sizes and images of one site. Every mapping by service has exactly the keys `SHORT_NAMES`.

    Raises:
        ValueError: if a service is missing or unknown, or a setting that a service reads is missing.
    """

    config: Mapping[str, pulumi.Input[str]]
    """The ConfigMap's data. A changed value replaces the pods that read its key."""
    replicas: Mapping[str, int]
    """The number of pods by service in the site's current role."""
    active_replicas: Mapping[str, int]
    """The number of pods by service when the site is active. Placeholders reserve room for the difference."""
    images: Mapping[str, str]
    """The image of each service, by digest, in the site's own registry."""
    placeholder_image: str
    """An image that does nothing, in the site's own region: see `pause_image`."""
    target_group_arns: Mapping[str, pulumi.Input[str]]
    site: Site
    namespace: tuple[pulumi.Resource, ...]
    """The namespace, and what must exist before its first pod."""
    load_balancer_security_group_id: pulumi.Input[str] | None = None
    """The group that the load balancer controller allows at the nodes; None if a rule of the program does."""
    after: tuple[pulumi.Resource, ...] = ()
    """The resources that must exist before a pod starts: the load balancer controller, the pods' identities, and during
    a flip the promoted database."""

    def __post_init__(self) -> None:
        by_service: dict[str, Mapping[str, object]] = {
            "replicas": self.replicas,
            "active_replicas": self.active_replicas,
            "images": self.images,
            "target_group_arns": self.target_group_arns,
        }
        for field, values in by_service.items():
            if values.keys() ^ SHORT_NAMES:
                raise ValueError(f"{field}: has {sorted(values)}, expected {sorted(SHORT_NAMES)}")
        for service in SERVICES:
            missing = sorted(set(service.settings or ()) - self.config.keys())
            if missing:
                raise ValueError(f"config: lacks {', '.join(missing)}, which {service.name} reads")

    def config_keys(self, service: Service) -> tuple[str, ...]:
        """The keys that one service reads, sorted."""
        return tuple(sorted(self.config if service.settings is None else service.settings))

    @property
    def held_back(self) -> int:
        """The number of pods that a flip would add."""
        return sum(max(0, size - self.replicas[short_name]) for short_name, size in self.active_replicas.items())


def pause_image(region: str) -> str:
    """The pause image in EKS's registry of a region, which every node may pull.

    Source: Amazon EKS User Guide, "View Amazon container image registries for Amazon EKS add-ons", commercial regions
    that need no opt-in.
    """
    return f"602401143452.dkr.ecr.{region}.amazonaws.com/eks/pause:3.10"


class Workloads(pulumi.ComponentResource):
    """The services' pods and what they need: settings, the password, their ways in, and their sizes."""

    config_map: pulumi.CustomResource
    settled: tuple[pulumi.Resource, ...]
    """The resources that a flip waits for before it moves traffic: completed rollouts, autoscalers at their new
    minimum, and no placeholder left."""

    def __init__(self, name: str, args: WorkloadsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Workloads", name, {}, opts)
        self._name = name
        self._args = args
        self.config_map = self._declare("config", self._config_manifest(), (*args.namespace, *args.after))
        # A pod gets its readiness gate only if the binding exists before the pod.
        bindings = [self._expose(service) for service in SERVICES]
        accounts = [self._account(service) for service in SERVICES]
        needed = (self.config_map, *args.namespace, *bindings, *accounts)
        deployments = [self._deployment(service, needed) for service in SERVICES]
        autoscalers = [self._scale(service) for service in SERVICES]
        placeholders = self._placeholders((self.config_map, *args.namespace))
        self.settled = (*deployments, *autoscalers, placeholders)
        self.register_outputs({})

    def _declare(
        self, role: str, manifest: Mapping[str, Any], after: Iterable[pulumi.Resource]
    ) -> pulumi.CustomResource:
        return declare(f"{self._name}-{role}", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*after]))

    def _config_manifest(self) -> pods.Manifest:
        labels = self._args.site.tags.labels(tier="platform", data="none")
        return foundation.config_map(self._args.config, labels=labels)

    def _account(self, service: Service) -> pulumi.CustomResource:
        labels = self._service_labels(service)
        manifest = foundation.service_account(service, labels=labels)
        return self._declare(f"{service.short_name}-account", manifest, self._args.namespace)

    def _expose(self, service: Service) -> pulumi.CustomResource:
        args, labels = self._args, self._service_labels(service)
        inside = self._declare(
            f"{service.short_name}-service", connections.service(service, labels=labels), self._args.namespace
        )
        manifest = connections.target_group_binding(
            service,
            arn=args.target_group_arns[service.short_name],
            security_group_id=args.load_balancer_security_group_id,
            labels=labels,
        )
        return self._declare(f"{service.short_name}-binding", manifest, (inside, *args.after))

    def _deployment(self, service: Service, needed: Iterable[pulumi.Resource]) -> pulumi.CustomResource:
        args, keys = self._args, self._args.config_keys(service)
        manifest = pods.deployment(
            service,
            image=args.images[service.short_name],
            config_keys=keys,
            checksum=checksum({key: args.config[key] for key in keys}),
            labels=self._service_labels(service),
        )
        return self._declare(service.short_name, manifest, needed)

    def _scale(self, service: Service) -> pulumi.CustomResource:
        """The budget, and the autoscaler.

        The autoscaler follows the ConfigMap, because the pods that it adds must read the new role.
        """
        args, labels = self._args, self._service_labels(service)
        budget = scaling.disruption_budget(service.name, service.labels, labels=labels)
        self._declare(f"{service.short_name}-budget", budget, self._args.namespace)
        manifest = scaling.autoscaler(
            service,
            minimum=args.replicas[service.short_name],
            maximum=scaling.maximum_replicas(
                max(args.replicas[service.short_name], args.active_replicas[service.short_name])
            ),
            labels=labels,
        )
        return self._declare(f"{service.short_name}-autoscaler", manifest, (self.config_map,))

    def _placeholders(self, needed: Iterable[pulumi.Resource]) -> pulumi.CustomResource:
        labels = self._args.site.tags.labels(tier="platform", data="none")
        manifest = pods.placeholders(replicas=self._args.held_back, image=self._args.placeholder_image, labels=labels)
        return self._declare(pods.PLACEHOLDER, manifest, needed)

    def _service_labels(self, service: Service) -> dict[str, str]:
        return self._args.site.tags.labels(tier=service.tier.name, data="phi")
