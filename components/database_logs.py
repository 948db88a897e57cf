"""The log groups of a database."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site

EXPORTS = ("postgresql", "upgrade")
"""Every log that RDS for PostgreSQL can export."""
RETENTION_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class DatabaseLogsArgs:
    """The database whose logs are kept."""

    identifier: str
    """The instance's identifier. RDS derives the names of the groups from it."""
    key_arn: pulumi.Input[str]
    site: Site


class DatabaseLogs(pulumi.ComponentResource):
    """The log groups, created before the database.

    RDS would create them itself, unencrypted and without a retention period.
    """

    groups: dict[str, pulumi.Output[str]]
    """The name of each group, by the log that it takes."""

    def __init__(self, name: str, args: DatabaseLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DatabaseLogs", name, {}, opts)
        self.groups = {}
        for export in EXPORTS:
            group = log_group_name(args.identifier, export)
            made = aws.cloudwatch.LogGroup(
                f"{name}-{export}",
                name=group,
                kms_key_id=args.key_arn,
                retention_in_days=RETENTION_DAYS,
                tags=args.site.tags.of(tier="data", data="operational", name=group),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.groups[export] = made.name
        self.register_outputs({})


def log_group_name(identifier: str, export: str) -> str:
    """The name that RDS writes to. Source: Amazon RDS User Guide, "Publishing PostgreSQL logs to CloudWatch Logs"."""
    return f"/aws/rds/instance/{identifier}/{export}"
