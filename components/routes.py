"""The routes of a site: the rules that send every path to the cluster that serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.kube.services import FRONTEND, Service
from components.site import Site
from components.targets import PATHS

FIRST_PRIORITY = 1000
"""After the rules of each cluster's own targets. The first matching rule gets a request."""
BEFORE_PAGES = FIRST_PRIORITY + 10 * len(PATHS) - 5
"""After the rules for requests for data, health checks and the crisis services, and before the rule for pages."""

_Action = aws.lb.ListenerRuleActionArgsDict

MAINTENANCE_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Maintenance</title>
<h1>We are doing maintenance</h1>
<p>Please try again in a few minutes.</p>
<h2>If you need help now</h2>
<p>In an emergency call <a href="tel:911">911</a>. In a crisis call or text <a href="tel:988">988</a>, at any time.</p>
<div lang="es">
<h2>Si necesita ayuda ahora</h2>
<p>Estamos en mantenimiento. En una emergencia llame al <a href="tel:911">911</a>. En una crisis llame al \
<a href="tel:988">988</a> y oprima 2, o env&iacute;e AYUDA al 988, a cualquier hora.</p>
</div></html>
"""
"""The answer to every page during maintenance, at most 1,024 characters.

Sources: Elastic Load Balancing API Reference, FixedResponseActionConfig; 988 Suicide & Crisis Lifeline, "Ayuda en
Español".
"""


@dataclass(frozen=True, kw_only=True)
class RoutesArgs:
    """The listener and the target groups of the serving cluster."""

    listener_arn: pulumi.Input[str]
    group_arns: Mapping[str, pulumi.Input[str]]
    """By the short name of the service."""
    maintenance: bool = False
    """Whether the load balancer answers every page by itself."""
    site: Site
    after: tuple[pulumi.Resource, ...]
    """The workloads: when another cluster begins to serve, traffic moves after its pods are ready."""


class Routes(pulumi.ComponentResource):
    """A rule per service. A move to another cluster changes their target groups; a flip changes none.

    During maintenance, one more rule answers pages. It does not wait for the workloads, which may be what is broken.
    """

    def __init__(self, name: str, args: RoutesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Routes", name, {}, opts)
        self._name, self._args = name, args
        for number, (service, paths) in enumerate(PATHS, start=1):
            forward: _Action = {"type": "forward", "target_group_arn": args.group_arns[service.short_name]}
            self._rule(service.short_name, FIRST_PRIORITY + 10 * number, paths, forward, service, after=args.after)
        if args.maintenance:
            # Not 503: the health check of the page would fail, and DNS would lead people to the site without writes.
            answer: _Action = {
                "type": "fixed-response",
                "fixed_response": {"content_type": "text/html", "message_body": MAINTENANCE_PAGE, "status_code": "200"},
            }
            self._rule("maintenance", BEFORE_PAGES, dict(PATHS)[FRONTEND], answer, FRONTEND)
        self.register_outputs({})

    def _rule(
        self,
        role: str,
        priority: int,
        paths: tuple[str, ...],
        action: _Action,
        service: Service,
        *,
        after: tuple[pulumi.Resource, ...] = (),
    ) -> None:
        rule = f"{self._name}-{role}"
        aws.lb.ListenerRule(
            rule,
            listener_arn=self._args.listener_arn,
            priority=priority,
            conditions=[{"path_pattern": {"values": list(paths)}}],
            actions=[action],
            tags=self._args.site.tags.of(tier=service.tier.name, data="none", name=rule),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*after]),
        )
