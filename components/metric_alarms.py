"""The alarms of one thing, in one region."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alarms.model import Alarm
from components.alerts.model import Severity
from components.site import Site


@dataclass(frozen=True, kw_only=True)
class MetricAlarmsArgs:
    """The alarms, and the topics that they publish to."""

    alarms: tuple[Alarm, ...]
    """Each has its own name."""
    topics: Mapping[Severity, pulumi.Input[str]]
    """The ARNs of topics in the alarms' own region."""
    region: str
    domain: str
    tier: str
    site: Site


class MetricAlarms(pulumi.ComponentResource):
    """Alarms of CloudWatch. Each publishes once when it fires and once when it ends."""

    def __init__(self, name: str, args: MetricAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:MetricAlarms", name, {}, opts)
        elsewhere = args.site.elsewhere(args.region)
        for alarm in args.alarms:
            topic = args.topics[alarm.severity]
            aws.cloudwatch.MetricAlarm(
                f"{name}-{_role(alarm)}",
                **alarm.inputs(args.domain),
                alarm_actions=[topic],
                ok_actions=[topic],
                region=elsewhere,
                tags=args.site.tags.of(tier=args.tier, data="none", name=alarm.full_name),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def _role(alarm: Alarm) -> str:
    """The name in lower case, with hyphens."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alarm.name).lower()
