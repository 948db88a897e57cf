"""The switch of a site: two pods whose answers move the web traffic.

Health checkers read from outside whether the site leads, so a recovery changes no record and no health check, whose
control plane is in us-east-1. The answers follow the ready marks of the crisis ledger, which the site's fence writes.
Sources: AWS Fault Isolation Boundaries, appendix B; AWS Architecture Blog, "Creating Disaster Recovery Mechanisms Using
Amazon Route 53" (standby takes over primary).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.kube import connections, foundation, pods, scaling
from components.kube.objects import checksum, declare
from components.kube.services import SWITCH
from components.site import Site

REPLICAS = 2
SECONDS = 5
"""The time between two reads of the ledger."""


@dataclass(frozen=True, kw_only=True)
class SwitchArgs:
    """The settings, the image and the target group of the switch."""

    config: Mapping[str, pulumi.Input[str]]
    """The ConfigMap's data: a changed value of a setting that the switch reads replaces the pods."""
    image: str
    target_group_arn: pulumi.Input[str]
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, the load balancer controller, the identity of the pods, and the
    rules and ports between load balancer and pods."""


class Switch(pulumi.ComponentResource):
    """The pods, with their Service, their binding to the load balancer, and their disruption budget."""

    pods: pulumi.CustomResource
    """Ready when the load balancer sends requests to them."""

    def __init__(self, name: str, args: SwitchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Switch", name, {}, opts)
        labels = args.site.tags.labels(tier=SWITCH.tier.name, data="none")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        account = declare(f"{name}-account", foundation.service_account(SWITCH, labels=labels), after)
        inside = declare(f"{name}-service", connections.service(SWITCH, labels=labels), after)
        binding = connections.target_group_binding(
            SWITCH, arn=args.target_group_arn, security_group_id=None, labels=labels
        )
        # A pod gets its readiness gate only if the binding exists before the pod.
        bound = declare(f"{name}-binding", binding, pulumi.ResourceOptions(parent=self, depends_on=[inside]))
        keys = tuple(sorted(SWITCH.settings or ()))
        manifest = pods.deployment(
            SWITCH,
            image=args.image,
            config_keys=keys,
            checksum=checksum({key: args.config[key] for key in keys}),
            labels=labels,
            replicas=REPLICAS,
            command=("python", "-m", "operations", SWITCH.name),
            SWITCH_SECONDS=str(SECONDS),
        )
        self.pods = declare(f"{name}-pods", manifest, pulumi.ResourceOptions(parent=self, depends_on=[account, bound]))
        declare(f"{name}-budget", scaling.disruption_budget(SWITCH.name, SWITCH.labels, labels=labels), after)
        self.register_outputs({})
