"""The routes of a site: the rules that send every path to the cluster that serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site
from components.targets import PATHS

FIRST_PRIORITY = 1000
"""After the rules of each cluster's own targets. The first matching rule gets a request."""


@dataclass(frozen=True, kw_only=True)
class RoutesArgs:
    """The listener and the target groups of the serving cluster."""

    listener_arn: pulumi.Input[str]
    group_arns: Mapping[str, pulumi.Input[str]]
    """By the short name of the service."""
    site: Site
    after: tuple[pulumi.Resource, ...]
    """The workloads: when another cluster begins to serve, traffic moves after its pods are ready."""


class Routes(pulumi.ComponentResource):
    """A rule per service. A move to another cluster changes their target groups; a flip changes none."""

    def __init__(self, name: str, args: RoutesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Routes", name, {}, opts)
        for number, (service, paths) in enumerate(PATHS, start=1):
            rule = f"{name}-{service.short_name}"
            aws.lb.ListenerRule(
                rule,
                listener_arn=args.listener_arn,
                priority=FIRST_PRIORITY + 10 * number,
                conditions=[{"path_pattern": {"values": list(paths)}}],
                actions=[{"type": "forward", "target_group_arn": args.group_arns[service.short_name]}],
                tags=args.site.tags.of(tier=service.tier.name, data="none", name=rule),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[*args.after]),
            )
        self.register_outputs({})
