"""Flow logs of all connections in a VPC, in an encrypted log group."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.permissions import flow_log_delivery, service_trust
from components.site import Site

RETENTION_DAYS = 365
AGGREGATION_SECONDS = 60
"""The shortest interval that EC2 offers (60 or 600): it keeps the logs' RPO of five minutes."""


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    """The VPC whose connections are logged, and the key of the log group."""

    vpc_id: pulumi.Input[str]
    site: Site
    key_arn: pulumi.Input[str]
    """The key of the log group; CloudWatch Logs must be allowed to use it."""


class FlowLogs(pulumi.ComponentResource):
    """Flow logs of all traffic, accepted and rejected."""

    group: pulumi.Output[str]
    """The name of the log group."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:FlowLogs", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        tags = args.site.tags.of(tier="platform", data="operational", name=name)
        group = aws.cloudwatch.LogGroup(
            f"{name}-group", kms_key_id=args.key_arn, retention_in_days=RETENTION_DAYS, tags=tags, opts=child
        )
        self.group = group.name
        own = {"ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{args.site.region}:*:vpc-flow-log/*"}}
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(service_trust("vpc-flow-logs.amazonaws.com", condition=own)),
            description="VPC flow logs to CloudWatch Logs",
            tags=tags,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=group.arn.apply(lambda arn: json.dumps(flow_log_delivery(arn))),
            opts=child,
        )
        aws.ec2.FlowLog(
            f"{name}-log",
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=AGGREGATION_SECONDS,
            tags=tags,
            # Without the policy, the flow log is created and stays in the status "Access error".
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({})
