"""The ways from the load balancer to the pods of one cluster: target groups, rules of their own, and open ports.

A target group that no rule names is `unused`: it checks no target, and the readiness gate of its pods never opens
(AWS Load Balancer Controller, "Pod readiness gate"). So each group has a rule from its start, before any pod exists and
whether its cluster serves or not. The rule is for requests with the header `X-Lifeline-Cluster`, by which an operator
tries a new cluster before it serves.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.kube.services import BACKEND, CRISIS_DETECTOR, FRONTEND, HOTLINE_GATEWAY, SERVED, SWITCH, Service
from components.site import Site
from recovery import objectives
from recovery.naming import LEADS_PATH, YIELDS_PATH, target_group

PATHS: tuple[tuple[Service, tuple[str, ...]], ...] = (
    (HOTLINE_GATEWAY, ("/api/crisis/hotline*",)),
    (CRISIS_DETECTOR, ("/api/crisis/*",)),
    (SWITCH, (LEADS_PATH, YIELDS_PATH)),
    (BACKEND, ("/api/*", "/health*", "/ws*")),
    (FRONTEND, ("/*",)),
)
"""Path patterns by service, in order; the first matching rule gets the request. ELB allows five values per rule."""

CLUSTER_HEADER = "X-Lifeline-Cluster"
"""A request with this header reaches the cluster of the generation that it names."""

DRAIN_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class TargetsArgs:
    """The load balancer and the pods of one cluster."""

    generation: int
    """The cluster's generation. Target groups of two generations can exist at once."""
    vpc_id: pulumi.Input[str]
    listener_arn: pulumi.Input[str]
    load_balancer_security_group_id: pulumi.Input[str]
    pod_security_group_id: pulumi.Input[str]
    """The security group of pods and nodes. It gets a rule for the load balancer at each service's port."""
    site: Site


class Targets(pulumi.ComponentResource):
    """A target group per service, a rule for each, and the open ports between load balancer and pods."""

    group_arns: dict[str, pulumi.Output[str]]
    """By the short name of the service."""
    ways: tuple[pulumi.Resource, ...]
    """The resources that must exist before a pod, or it is never ready."""

    def __init__(self, name: str, args: TargetsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Targets", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        groups = {service.short_name: self._group(service) for service in SERVED}
        ports = [rule for port in sorted({service.port for service in SERVED}) for rule in self._open(port)]
        rules = [
            self._rule(service, paths, groups[service.short_name], priority=len(PATHS) * (args.generation - 1) + number)
            for number, (service, paths) in enumerate(PATHS, start=1)
        ]
        self.group_arns = {short_name: group.arn for short_name, group in groups.items()}
        self.ways = (*ports, *rules)
        self.register_outputs({})

    def _group(self, service: Service) -> aws.lb.TargetGroup:
        physical = target_group(
            service.short_name, service.port, site=self._args.site.name, generation=self._args.generation
        )
        return aws.lb.TargetGroup(
            f"{self._name}-{service.short_name}",
            name=physical,
            vpc_id=self._args.vpc_id,
            port=service.port,
            protocol="HTTP",
            target_type="ip",
            deregistration_delay=DRAIN_SECONDS,
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=service.health_path,
                protocol="HTTP",
                matcher="200",
                interval=objectives.HEALTH_CHECK_INTERVAL_SECONDS,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=objectives.HEALTH_CHECK_FAILURES,
            ),
            tags=self._tags(physical, service.tier.name),
            opts=self._child,
        )

    def _open(self, port: int) -> tuple[pulumi.Resource, ...]:
        """Let the load balancer send to a port, and the pods receive there."""
        own, pods = self._args.load_balancer_security_group_id, self._args.pod_security_group_id
        sent = aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-to-{port}",
            security_group_id=own,
            referenced_security_group_id=pods,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=self._tags(f"{self._name}-to-{port}"),
            opts=self._child,
        )
        received = aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-from-{port}",
            security_group_id=pods,
            referenced_security_group_id=own,
            description="From the load balancer",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=self._tags(f"{self._name}-from-{port}"),
            opts=self._child,
        )
        return sent, received

    def _rule(
        self, service: Service, paths: tuple[str, ...], group: aws.lb.TargetGroup, *, priority: int
    ) -> aws.lb.ListenerRule:
        return aws.lb.ListenerRule(
            f"{self._name}-rule-{service.short_name}",
            listener_arn=self._args.listener_arn,
            priority=priority,
            conditions=[
                {"http_header": {"http_header_name": CLUSTER_HEADER, "values": [str(self._args.generation)]}},
                {"path_pattern": {"values": list(paths)}},
            ],
            actions=[{"type": "forward", "target_group_arn": group.arn}],
            tags=self._tags(f"{self._name}-{service.short_name}", service.tier.name),
            opts=self._child,
        )

    def _tags(self, name: str, tier: str = "platform") -> dict[str, str]:
        return self._args.site.tags.of(tier=tier, data="none", name=name)
