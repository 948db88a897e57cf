"""The copy of a site's logs in the other region.

CloudWatch Logs sends the events of each log group to a stream of Firehose, which writes them to a bucket of the site,
and S3 copies the bucket. A stream in the other region would be one step less. But a new database could not be
subscribed to it while that region is lost, so the copy would stop a recovery.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.copied_bucket import CopiedBucket, CopiedBucketArgs
from components.locked_bucket import LockMode
from components.log_permissions import log_delivery, log_forwarding
from components.permissions import Document, service_trust
from components.site import Site
from recovery import objectives
from recovery.naming import LOG_ERRORS, LOG_EVENTS, log_bucket, log_stream, log_stream_arn

BUFFER_SECONDS = objectives.RPO_LOGS_SECONDS // 5
"""Firehose writes an object at least so often. The rest of the objective is for CloudWatch Logs and for S3's
replication, which usually take seconds."""
BUFFER_MIB = 5


@dataclass(frozen=True, kw_only=True)
class LogCopiesArgs:
    """The log groups, and the retention of their copies."""

    groups: Mapping[str, pulumi.Input[str]]
    """The names of log groups in the site's region, by a short name that never changes."""
    peer_region: str
    lock_mode: LockMode
    keep_days: int
    """Copies are kept for so long; those in the other region are locked for so long, too."""
    site: Site


class LogCopies(pulumi.ComponentResource):
    """A stream, the buckets behind it, and a subscription per log group."""

    def __init__(self, name: str, args: LogCopiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:LogCopies", name, {}, opts)
        self._site = args.site
        bucket = log_bucket(args.site.name, account=args.site.account)
        buckets = CopiedBucketArgs(
            bucket=bucket,
            purpose="logs-archive",
            peer_region=args.peer_region,
            lock_mode=args.lock_mode,
            lock_days=args.keep_days,
            lock_own=False,
            keep_days=dict.fromkeys((LOG_EVENTS, LOG_ERRORS), args.keep_days),
            tier="platform",
            data="phi",
            site=args.site,
        )
        pair = CopiedBucket(name, buckets, pulumi.ResourceOptions(parent=self))
        key = pair.own.key_arn
        region, account = args.site.region, args.site.account
        delivery = self._role(
            f"{name}-delivery",
            "firehose.amazonaws.com",
            key.apply(lambda arn: json.dumps(log_delivery(bucket=bucket, bucket_key_arn=arn, region=region))),
            {"StringEquals": {"aws:SourceAccount": account}},
        )
        stream = self._stream(name, pair, *delivery)
        forwarding = self._role(
            f"{name}-forwarding",
            f"logs.{region}.amazonaws.com",
            json.dumps(log_forwarding(log_stream_arn(args.site.name, account=account, region=region))),
            {"ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account}:*"}},
        )
        for short_name, group in args.groups.items():
            self._subscribe(f"{name}-{short_name}", group, stream, *forwarding)
        self.register_outputs({"bucket": pair.own.name, "copy": pair.copy.name})

    def _role(
        self, name: str, service: str, policy: pulumi.Input[str], condition: Document
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(service_trust(service, condition=condition)),
            description=f"{service}: copies of logs",
            tags=self._site.tags.of(tier="platform", data="none", name=f"{name}-role"),
            opts=child,
        )
        return role, aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=policy, opts=child)

    def _stream(
        self, name: str, pair: CopiedBucket, role: aws.iam.Role, policy: aws.iam.RolePolicy
    ) -> aws.kinesis.FirehoseDeliveryStream:
        stream = log_stream(self._site.name)
        return aws.kinesis.FirehoseDeliveryStream(
            f"{name}-stream",
            name=stream,
            destination="extended_s3",
            extended_s3_configuration={
                "role_arn": role.arn,
                "bucket_arn": pair.own.arn,
                "kms_key_arn": pair.own.key_arn,
                "buffering_interval": BUFFER_SECONDS,
                "buffering_size": BUFFER_MIB,
                # CloudWatch Logs has compressed the events already.
                "compression_format": "UNCOMPRESSED",
                "prefix": LOG_EVENTS,
                "error_output_prefix": LOG_ERRORS,
            },
            server_side_encryption={"enabled": True, "key_type": "AWS_OWNED_CMK"},
            tags=self._site.tags.of(tier="platform", data="phi", name=stream),
            # Firehose tries its role when the stream is created.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, *pair.own.settings]),
        )

    def _subscribe(
        self,
        name: str,
        group: pulumi.Input[str],
        stream: aws.kinesis.FirehoseDeliveryStream,
        role: aws.iam.Role,
        policy: aws.iam.RolePolicy,
    ) -> None:
        aws.cloudwatch.LogSubscriptionFilter(
            f"{name}-subscription",
            name=stream.name,
            log_group=group,
            filter_pattern="",
            destination_arn=stream.arn,
            role_arn=role.arn,
            # CloudWatch Logs sends a test message at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
