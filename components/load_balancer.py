"""The public load balancer of one site, which sends each path to its service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.access_logs import AccessLogs, AccessLogsArgs
from components.firewall import Firewall, FirewallArgs
from components.site import Site
from recovery.naming import PROJECT

ANYWHERE = "0.0.0.0/0"
HTTPS_PORT = 443
HTTP_PORT = 80

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3, and TLS 1.2 for the old phones of people in a crisis and for Route 53's health checkers."""

IDLE_SECONDS = 300
"""Longer than the interval between WebSocket pings: a pause in a chat with a counsellor must not end the connection."""


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """The network and the certificate of the load balancer."""

    vpc_id: pulumi.Input[str]
    public_subnet_ids: Sequence[pulumi.Input[str]]
    certificate_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    """The key of log groups."""
    site: Site


class LoadBalancer(pulumi.ComponentResource):
    """An internet-facing load balancer that redirects HTTP to HTTPS, with its web ACL and its logs.

    Its rules are those of `Targets` and `Routes`.
    """

    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    """The load balancer's own hosted zone, which an alias record must name."""
    listener_arn: pulumi.Output[str]
    """The HTTPS listener, which the rules belong to."""
    security_group_id: pulumi.Output[str]
    firewall_log: pulumi.Output[str]
    """The name of the log group of its web ACL."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:LoadBalancer", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.security_group_id = self._security_group()
        logs = AccessLogs(f"{name}-logs", AccessLogsArgs(site=args.site), self._child)
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            name=f"{PROJECT}-{args.site.name}",
            load_balancer_type="application",
            internal=False,
            subnets=list(args.public_subnet_ids),
            security_groups=[self.security_group_id],
            drop_invalid_header_fields=True,
            enable_deletion_protection=args.site.protect,
            idle_timeout=IDLE_SECONDS,
            access_logs={"bucket": logs.name, "enabled": True},
            tags=self._tags(f"{PROJECT}-{args.site.name}"),
            # Elastic Load Balancing writes a test file at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs.policy, *logs.settings]),
        )
        firewall = FirewallArgs(load_balancer_arn=balancer.arn, logs_key_arn=args.logs_key_arn, site=args.site)
        self.firewall_log = Firewall(f"{name}-firewall", firewall, self._child).log_group
        self.listener_arn = self._listeners(balancer)
        self.dns_name, self.zone_id = balancer.dns_name, balancer.zone_id
        self.register_outputs({})

    def _tags(self, name: str) -> dict[str, str]:
        return self._args.site.tags.of(tier="platform", data="none", name=name)

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
        return group.id

    def _listeners(self, balancer: aws.lb.LoadBalancer) -> pulumi.Output[str]:
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
            # A request that meets no rule. All do while the first deployment has not come to the routes.
            default_actions=[
                {"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "503"}}
            ],
            tags=self._tags(f"{self._name}-https"),
            opts=self._child,
        )
        return listener.arn
