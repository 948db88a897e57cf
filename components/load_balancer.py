"""The public load balancer of one site, which sends each path to its service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.kube.services import BACKEND, CRISIS_DETECTOR, FRONTEND, HOTLINE_GATEWAY, SERVICES, Service
from components.site import Site
from recovery import objectives
from recovery.naming import PROJECT

ANYWHERE = "0.0.0.0/0"
HTTPS_PORT = 443
HTTP_PORT = 80

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3, and TLS 1.2 for the old phones of people in a crisis and for Route 53's health checkers."""

IDLE_SECONDS = 300
"""Longer than the interval between WebSocket pings: a pause in a chat with a counsellor must not end the connection."""

DRAIN_SECONDS = 30


ROUTES: tuple[tuple[Service, tuple[str, ...]], ...] = (
    (HOTLINE_GATEWAY, ("/api/crisis/hotline*",)),
    (CRISIS_DETECTOR, ("/api/crisis/*",)),
    (BACKEND, ("/api/*", "/health*", "/ws*")),
)
"""Path patterns by rule, in order; the first matching rule gets the request. ELB allows five patterns per rule."""

DEFAULT = FRONTEND
"""The service for requests that match no rule."""


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """The network, the certificate and the targets of the load balancer."""

    vpc_id: pulumi.Input[str]
    public_subnet_ids: Sequence[pulumi.Input[str]]
    certificate_arn: pulumi.Input[str]
    pod_security_group_id: pulumi.Input[str]
    """The security group of pods and nodes. It gets a rule for the load balancer at each service's port."""
    site: Site


class LoadBalancer(pulumi.ComponentResource):
    """An internet-facing load balancer with a target group per service. It redirects HTTP to HTTPS."""

    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    """The load balancer's own hosted zone, which an alias record must name."""
    target_group_arns: dict[str, pulumi.Output[str]]
    """By the short name of the service."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:LoadBalancer", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            name=f"{PROJECT}-{args.site.name}",
            load_balancer_type="application",
            internal=False,
            subnets=list(args.public_subnet_ids),
            security_groups=[self._security_group()],
            drop_invalid_header_fields=True,
            enable_deletion_protection=args.site.protect,
            idle_timeout=IDLE_SECONDS,
            tags=self._tags(f"{PROJECT}-{args.site.name}"),
            opts=self._child,
        )
        groups = {service.short_name: self._target_group(service) for service in SERVICES}
        self._listeners(balancer, groups)
        self.dns_name, self.zone_id = balancer.dns_name, balancer.zone_id
        self.target_group_arns = {short_name: group.arn for short_name, group in groups.items()}
        self.register_outputs({})

    def _tags(self, name: str, tier: str = "platform") -> dict[str, str]:
        return self._args.site.tags.of(tier=tier, data="none", name=name)

    def _security_group(self) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{self._name}-group",
            description="Load balancer: HTTP and HTTPS from anywhere, pods and nothing else behind it",
            vpc_id=self._args.vpc_id,
            tags=self._tags(f"{self._name}-group"),
            opts=self._child,
        )
        for role, port in (("http", HTTP_PORT), ("https", HTTPS_PORT)):
            aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-{role}",
                security_group_id=group.id,
                cidr_ipv4=ANYWHERE,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                tags=self._tags(f"{self._name}-{role}"),
                opts=self._child,
            )
        for port in sorted({service.port for service in SERVICES}):
            self._path_to_pods(group.id, port)
        return group.id

    def _path_to_pods(self, own: pulumi.Output[str], port: int) -> None:
        pods = self._args.pod_security_group_id
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-to-{port}",
            security_group_id=own,
            referenced_security_group_id=pods,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=self._tags(f"{self._name}-to-{port}"),
            opts=self._child,
        )
        aws.vpc.SecurityGroupIngressRule(
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

    def _target_group(self, service: Service) -> aws.lb.TargetGroup:
        return aws.lb.TargetGroup(
            f"{self._name}-{service.short_name}",
            # Auto-naming would exceed ELB's limit of 32 characters. A port cannot be changed in place: the name
            # contains it, so that the group for a new port can exist beside the old one until the rules have moved.
            name=f"{PROJECT}-{service.short_name}-{service.port}",
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
            tags=self._tags(f"{PROJECT}-{service.short_name}", service.tier.name),
            opts=self._child,
        )

    def _listeners(self, balancer: aws.lb.LoadBalancer, groups: dict[str, aws.lb.TargetGroup]) -> None:
        aws.lb.Listener(
            f"{self._name}-listener-http",
            load_balancer_arn=balancer.arn,
            port=HTTP_PORT,
            protocol="HTTP",
            default_actions=[
                {
                    "type": "redirect",
                    "redirect": {"protocol": "HTTPS", "port": str(HTTPS_PORT), "status_code": "HTTP_301"},
                }
            ],
            tags=self._tags(f"{self._name}-http"),
            opts=self._child,
        )
        listener = aws.lb.Listener(
            f"{self._name}-listener-https",
            load_balancer_arn=balancer.arn,
            port=HTTPS_PORT,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._args.certificate_arn,
            default_actions=[{"type": "forward", "target_group_arn": groups[DEFAULT.short_name].arn}],
            tags=self._tags(f"{self._name}-https"),
            opts=self._child,
        )
        for number, (service, paths) in enumerate(ROUTES, start=1):
            self._rule(listener, service, paths, groups[service.short_name], priority=10 * number)

    def _rule(
        self,
        listener: aws.lb.Listener,
        service: Service,
        paths: tuple[str, ...],
        group: aws.lb.TargetGroup,
        *,
        priority: int,
    ) -> None:
        aws.lb.ListenerRule(
            f"{self._name}-rule-{service.short_name}",
            listener_arn=listener.arn,
            priority=priority,
            conditions=[{"path_pattern": {"values": list(paths)}}],
            actions=[{"type": "forward", "target_group_arn": group.arn}],
            tags=self._tags(f"{self._name}-{service.short_name}", service.tier.name),
            opts=self._child,
        )
