"""The failures of AWS Backup's jobs, as events."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site
from recovery.naming import PROJECT

BACKUP_EVENT = "BackupJobFailed"
"""The name of its page."""

PATTERN = {
    "source": ["aws.backup"],
    "detail-type": ["Backup Job State Change", "Copy Job State Change"],
    "detail": {"state": ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"]},
}
"""A job that ended without a complete recovery point or copy.

Source: AWS Backup Developer Guide, "Monitoring AWS Backup events using Amazon EventBridge".
"""


@dataclass(frozen=True, kw_only=True)
class BackupEventsArgs:
    """The topic, in the site's own region."""

    topic_arn: pulumi.Input[str]
    site: Site


class BackupEvents(pulumi.ComponentResource):
    """A rule that publishes each failed job of the site's region.

    A copy to the other region is a job of the region that it starts in. A job that never began has no event:
    RecoveryPointMissing reports it.
    """

    def __init__(self, name: str, args: BackupEventsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:BackupEvents", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        label = f"{PROJECT}-{args.site.name}-{BACKUP_EVENT}"
        rule = aws.cloudwatch.EventRule(
            f"{name}-rule",
            name=label,
            description="A job of AWS Backup ended without a recovery point or copy",
            event_pattern=json.dumps(PATTERN),
            tags=args.site.tags.of(tier="data", data="none", name=label),
            opts=child,
        )
        aws.cloudwatch.EventTarget(f"{name}-target", rule=rule.name, target_id="topic", arn=args.topic_arn, opts=child)
        self.register_outputs({})
