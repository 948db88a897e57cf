"""Alarms about the copies of a site's data that AWS makes: recovery points, logs, and replicated buckets."""

from __future__ import annotations

from components.alarms.model import Alarm, Comparison, Missing
from components.alerts.model import Severity
from components.copied_bucket import REPLICATION_RULE
from recovery import naming, objectives


def resource_types(*, has_ledger: bool) -> tuple[str, ...]:
    """The types of AWS Backup that a site's plan selects. Only a copy of the ledger in its own region is one."""
    return ("DynamoDB", "RDS") if has_ledger else ("RDS",)


def recovery_point(site: str, resource_type: str) -> Alarm:
    """An absent recovery point of one type, whatever the reason."""
    return Alarm(
        name="RecoveryPointMissing",
        subject=f"{naming.PROJECT}-{site}-{resource_type}",
        namespace="AWS/Backup",
        metric="NumberOfBackupJobsCompleted",
        dimensions={"BackupVaultName": naming.vault(site), "ResourceType": resource_type},
        statistic="Sum",
        comparison=Comparison.BELOW,
        threshold=1,
        period_seconds=objectives.HOUR,
        periods=objectives.OLDEST_BACKUP_SECONDS // objectives.HOUR,
        missing=Missing.FAULT,
        severity=Severity.CRITICAL,
        summary=f"AWS Backup has made no recovery point of {resource_type} for more than a day",
        action="Start a backup job by hand, then find the reason",
        source="AWS Backup Developer Guide, 'AWS Backup metrics with Amazon CloudWatch'",
    )


def logs(site: str) -> tuple[Alarm, ...]:
    """The alarms of the stream that copies a site's logs."""
    stream = naming.log_stream(site)
    source = "Amazon Data Firehose Developer Guide, 'Monitor Amazon Data Firehose with CloudWatch metrics'"
    return (
        Alarm(
            name="LogDeliveryBehind",
            subject=stream,
            namespace="AWS/Firehose",
            metric="DeliveryToS3.DataFreshness",
            dimensions={"DeliveryStreamName": stream},
            statistic="Maximum",
            comparison=Comparison.ABOVE,
            threshold=objectives.RPO_LOGS_SECONDS,
            periods=5,
            # LogsMissing reports a stream without events.
            missing=Missing.HEALTH,
            severity=Severity.WARNING,
            summary="The copies of logs are older than their objective of five minutes",
            action="Read the errors of the stream",
            source=source,
        ),
        Alarm(
            name="LogsMissing",
            subject=stream,
            namespace="AWS/Firehose",
            metric="IncomingRecords",
            dimensions={"DeliveryStreamName": stream},
            statistic="Sum",
            comparison=Comparison.BELOW,
            threshold=1,
            # Nodes always exchange packets with the control plane, so flow logs arrive in every quiet night.
            periods=15,
            missing=Missing.FAULT,
            severity=Severity.WARNING,
            summary="No log event has reached the stream for a quarter of an hour",
            action="Compare the subscriptions of the log groups with the stream",
            source=source,
        ),
    )


def replication(bucket: str, copy: str) -> Alarm:
    """A failed copy of an object of a bucket, by the names of both."""
    return Alarm(
        name="CopyFailed",
        subject=bucket,
        namespace="AWS/S3",
        metric="OperationsFailedReplication",
        dimensions={
            "SourceBucket": bucket,
            "DestinationBucket": copy,
            "RuleId": REPLICATION_RULE,
        },
        statistic="Sum",
        comparison=Comparison.ABOVE,
        threshold=0,
        # One object that is not copied may be the only backup of a day.
        period_seconds=5 * objectives.MINUTE,
        periods=1,
        missing=Missing.HEALTH,
        severity=Severity.WARNING,
        summary="S3 has failed to copy an object of this bucket to the other region",
        action="Compare the permissions of the replication's role with the two buckets and keys",
        source="Amazon S3 User Guide, 'Using S3 Replication metrics': published in the region of the source bucket",
    )
