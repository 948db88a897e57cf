"""The public entrance of one site: an application load balancer that sends each path to its service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks import objectives
from stacks.naming import PROJECT, Tags

ANYWHERE = "0.0.0.0/0"
HTTPS_PORT = 443
HTTP_PORT = 80

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3, and 1.2 for the old phones that people in a crisis may hold and for Route 53's health checkers."""

IDLE_SECONDS = 300
"""Longer than the pings of a WebSocket: a chat with a counsellor must not drop in a pause."""

DRAIN_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service behind the load balancer."""

    name: str
    """The Kubernetes Deployment's name without the platform's prefix, and the key of `target_group_arns`."""
    port: int
    """The pods' own port: the load balancer reaches pods, not nodes."""
    tier: str
    health_path: str
    paths: tuple[str, ...] = ()
    """Path patterns, at most five a rule (an ELB quota); none for the service that gets what is left."""


SERVICES: tuple[Service, ...] = (
    Service(
        name="hotline-gateway",
        port=8080,
        tier=objectives.HOTLINE.name,
        health_path="/health",
        paths=("/api/crisis/hotline*",),
    ),
    Service(
        name="crisis-detector",
        port=8080,
        tier=objectives.CRISIS.name,
        health_path="/api/crisis/health",
        paths=("/api/crisis/*",),
    ),
    Service(
        name="backend",
        port=3001,
        tier=objectives.CORE.name,
        health_path="/health",
        paths=("/api/*", "/health*", "/ws*"),
    ),
    Service(name="frontend", port=8080, tier=objectives.CORE.name, health_path="/health"),
)
"""In the order of their rules: the first whose paths match gets the request."""


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """Where the load balancer stands and what it reaches."""

    vpc_id: pulumi.Input[str]
    public_subnet_ids: Sequence[pulumi.Input[str]]
    certificate_arn: pulumi.Input[str]
    pod_security_group_id: pulumi.Input[str]
    """The group that pods share with their nodes; it is opened to the load balancer at the services' ports."""
    tags: Tags
    protect: bool = True
    """Whether ELB refuses to delete the load balancer. It holds no data, so Pulumi does not refuse."""


class LoadBalancer(pulumi.ComponentResource):
    """An internet-facing load balancer with a target group for each of `SERVICES`. Plain HTTP is sent on to HTTPS."""

    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    """The load balancer's own hosted zone, which an alias record has to name."""
    security_group_id: pulumi.Output[str]
    target_group_arns: dict[str, pulumi.Output[str]]
    """By service."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:LoadBalancer", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.security_group_id = self._security_group()
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            name=f"{PROJECT}-{args.tags.site}",
            load_balancer_type="application",
            internal=False,
            subnets=list(args.public_subnet_ids),
            security_groups=[self.security_group_id],
            drop_invalid_header_fields=True,
            enable_deletion_protection=args.protect,
            idle_timeout=IDLE_SECONDS,
            tags=self._tags(f"{PROJECT}-{args.tags.site}"),
            opts=self._child,
        )
        groups = {service.name: self._target_group(service) for service in SERVICES}
        self._listeners(balancer, groups)
        self.dns_name, self.zone_id = balancer.dns_name, balancer.zone_id
        self.target_group_arns = {service: group.arn for service, group in groups.items()}
        self.register_outputs({})

    def _tags(self, name: str, tier: str = "platform") -> dict[str, str]:
        return self._args.tags.of(tier=tier, data="none", name=name)

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
            f"{self._name}-{service.name}",
            # Auto-naming would pass ELB's limit of 32 characters. A port cannot be changed in place: with it in the
            # name, the group for a new port can stand beside the old one until the rules have moved.
            name=f"{PROJECT}-{service.name}-{service.port}",
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
            tags=self._tags(f"{PROJECT}-{service.name}", service.tier),
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
        (rest,) = (service for service in SERVICES if not service.paths)
        listener = aws.lb.Listener(
            f"{self._name}-listener-https",
            load_balancer_arn=balancer.arn,
            port=HTTPS_PORT,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._args.certificate_arn,
            default_actions=[{"type": "forward", "target_group_arn": groups[rest.name].arn}],
            tags=self._tags(f"{self._name}-https"),
            opts=self._child,
        )
        for number, service in enumerate((service for service in SERVICES if service.paths), start=1):
            self._rule(listener, service, groups[service.name], priority=10 * number)

    def _rule(self, listener: aws.lb.Listener, service: Service, group: aws.lb.TargetGroup, *, priority: int) -> None:
        aws.lb.ListenerRule(
            f"{self._name}-rule-{service.name}",
            listener_arn=listener.arn,
            priority=priority,
            conditions=[{"path_pattern": {"values": list(service.paths)}}],
            actions=[{"type": "forward", "target_group_arn": group.arn}],
            tags=self._tags(f"{self._name}-{service.name}", service.tier),
            opts=self._child,
        )
