"""Alarms about a site's databases and its replica of the ledger. None of them knows a role, so a flip changes none."""

from __future__ import annotations

from components.alarms.model import Alarm, Comparison, Missing
from components.alerts.model import Severity
from recovery import naming, objectives
from recovery.timeline import DatabaseId

_RDS = "Amazon RDS User Guide, 'Amazon CloudWatch metrics for Amazon RDS'"
_DYNAMODB = "Amazon DynamoDB Developer Guide, 'DynamoDB metrics and dimensions'"
_GIB = 1024**3
LOW_STORAGE_PERCENT = 10
"""RDS adds storage when so little has been free for five minutes: Amazon RDS User Guide, 'Managing capacity
automatically with Amazon RDS storage autoscaling'."""
MILLISECONDS = 1000
_WRITE = {"TableName": naming.LEDGER_TABLE, "Operation": "PutItem"}


def database(database_id: DatabaseId, *, storage_gib: int) -> tuple[Alarm, ...]:
    """The alarms of one database.

    Args:
        database_id: of the site.
        storage_gib: its storage at creation.
    """
    subject = naming.database_identifier(database_id)
    return (_silent(subject), _storage_low(subject, storage_gib), _replica_lag(subject))


def delayed(database_id: DatabaseId, *, storage_gib: int) -> tuple[Alarm, ...]:
    """The alarms of a database's replica that is late on purpose. It keeps the log of its delay on its disk."""
    subject = naming.delayed_replica(database_id)
    return (_silent(subject), _storage_low(subject, storage_gib))


def _silent(subject: str) -> Alarm:
    return Alarm(
        name="DatabaseSilent",
        subject=subject,
        namespace="AWS/RDS",
        metric="DatabaseConnections",
        dimensions={"DBInstanceIdentifier": subject},
        statistic="SampleCount",
        comparison=Comparison.BELOW,
        threshold=1,
        periods=5,
        missing=Missing.FAULT,
        severity=Severity.CRITICAL,
        summary="RDS has had no sample from this database for five minutes",
        action="Find out whether RDS restarts it, moves it to another zone, or has lost it",
        source=_RDS,
    )


def _storage_low(subject: str, storage_gib: int) -> Alarm:
    return Alarm(
        name="DatabaseStorageLow",
        subject=subject,
        namespace="AWS/RDS",
        metric="FreeStorageSpace",
        dimensions={"DBInstanceIdentifier": subject},
        statistic="Minimum",
        comparison=Comparison.BELOW,
        threshold=storage_gib * _GIB * LOW_STORAGE_PERCENT // 100,
        periods=15,
        # DatabaseSilent reports an absent database.
        missing=Missing.HEALTH,
        severity=Severity.CRITICAL,
        summary="This database has little storage left, and RDS has added none",
        action="Find out whether a lost replica makes it keep its write-ahead log",
        source=_RDS,
    )


def _replica_lag(subject: str) -> Alarm:
    return Alarm(
        name="DatabaseReplicaLag",
        subject=subject,
        namespace="AWS/RDS",
        metric="ReplicaLag",
        dimensions={"DBInstanceIdentifier": subject},
        statistic="Maximum",
        comparison=Comparison.ABOVE,
        threshold=objectives.RPO_AT_RISK_SECONDS,
        periods=5,
        # A leader has no lag. The lag of a replica that replays nothing grows: it is the age of the newest replayed
        # transaction, and the leader's heartbeat is one transaction per minute.
        missing=Missing.HEALTH,
        severity=Severity.CRITICAL,
        summary="A failover to this replica would lose more than half an hour of user data",
        action="Restore replication before the objective of one hour is missed",
        source="Amazon RDS User Guide, 'Monitoring PostgreSQL read replicas'",
    )


def ledger(site: str) -> tuple[Alarm, ...]:
    """The alarms of the ledger in a site's own region.

    A strongly consistent table has no metric of its replication, because a write is acknowledged only after it is
    replicated. Therefore slow replication shows as slow writes, and lost replication as failed ones.
    Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work".
    """
    subject = f"{naming.PROJECT}-{site}"
    return (_ledger_silent(subject), _ledger_writes_failing(subject), _ledger_slow(subject))


def _ledger_silent(subject: str) -> Alarm:
    return Alarm(
        name="LedgerSilent",
        subject=subject,
        namespace="AWS/DynamoDB",
        metric="SuccessfulRequestLatency",
        dimensions={"TableName": naming.LEDGER_TABLE, "Operation": "BatchGetItem"},
        statistic="SampleCount",
        comparison=Comparison.BELOW,
        threshold=1,
        periods=5,
        missing=Missing.FAULT,
        severity=Severity.CRITICAL,
        summary="The site has read no claim from the ledger for five minutes",
        action="Find out whether the site's fence runs, and whether DynamoDB answers",
        source=_DYNAMODB,
    )


def _ledger_writes_failing(subject: str) -> Alarm:
    return Alarm(
        name="LedgerWritesFailing",
        subject=subject,
        namespace="AWS/DynamoDB",
        metric="SystemErrors",
        dimensions=_WRITE,
        statistic="Sum",
        comparison=Comparison.ABOVE,
        threshold=0,
        periods=3,
        missing=Missing.HEALTH,
        severity=Severity.CRITICAL,
        summary="DynamoDB has failed writes of crisis events for three minutes",
        action="Send crisis traffic to the other site",
        source=_DYNAMODB,
    )


def _ledger_slow(subject: str) -> Alarm:
    return Alarm(
        name="LedgerSlow",
        subject=subject,
        namespace="AWS/DynamoDB",
        metric="SuccessfulRequestLatency",
        dimensions=_WRITE,
        statistic="Average",
        comparison=Comparison.ABOVE,
        threshold=objectives.CRISIS_RESPONSE_SECONDS * MILLISECONDS // 2,
        periods=5,
        missing=Missing.HEALTH,
        severity=Severity.CRITICAL,
        summary="A write of a crisis event takes more than half of the time that a person is promised",
        action="Find out which of the ledger's three regions is slow",
        source=_DYNAMODB,
    )
