"""Rules on the operation of a database: its windows, logs, growth and parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, must_be, must_be_at_least, must_be_set, pair_rule, resource_rule, shown
from policy.rules.databases import INSTANCE, is_delayed, replicas

PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
_GUIDE = "Amazon RDS User Guide"


@resource_rule(
    "rds-instance-insights-encrypted",
    INSTANCE,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(a)(2)(iv)",),
        remediation="Set `performanceInsightsKmsKeyId` to the database's key.",
        reference=f"{_GUIDE}, 'Configuring access policies for Performance Insights'",
        also=("CKV_AWS_354",),
    ),
)
def insights_encrypted(instance: Resource) -> Iterator[str]:
    """Performance Insights keeps the text of statements, so it has a key of ours."""
    if instance.get("performanceInsightsEnabled") is True:
        yield from must_be_set(instance, "performanceInsightsKmsKeyId")


@resource_rule(
    "rds-instance-no-surprise-upgrade",
    INSTANCE,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Set `autoMinorVersionUpgrade: false`, and upgrade the replica before its source.",
        reference=f"{_GUIDE}, 'Upgrading a read replica': a replica is upgraded before its source",
    ),
)
def no_surprise_upgrade(instance: Resource) -> Iterator[str]:
    """RDS upgrades no database by itself, because a replica older than its source stops replicating."""
    yield from must_be(instance, False, "autoMinorVersionUpgrade")


@resource_rule(
    "rds-instance-changes-now",
    INSTANCE,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Set `applyImmediately: true`.",
        reference=f"{_GUIDE}, 'Using the schedule modifications setting'",
    ),
)
def changes_now(instance: Resource) -> Iterator[str]:
    """A change made during a recovery takes effect at once and not in next week's maintenance window."""
    yield from must_be(instance, True, "applyImmediately")


@resource_rule(
    "rds-instance-logs-leave-it",
    INSTANCE,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(b)",),
        remediation="Export `postgresql` and `upgrade`.",
        reference=f"{_GUIDE}, 'Publishing PostgreSQL logs to Amazon CloudWatch Logs'",
        also=("CKV_AWS_129", "HIPAA.Security-RDSLoggingEnabled", "rds-logging-enabled"),
    ),
)
def logs_leave_it(instance: Resource) -> Iterator[str]:
    """The logs of a database leave it, so they survive it."""
    missing = {"postgresql", "upgrade"} - set(instance.items("enabledCloudwatchLogsExports"))
    if missing and instance.get("enabledCloudwatchLogsExports") is not UNKNOWN:
        yield f"enabledCloudwatchLogsExports lacks {', '.join(sorted(missing))}"


@resource_rule(
    "rds-instance-storage-grows",
    INSTANCE,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Set `maxAllocatedStorage` far above the present size: a leader keeps its log for a lost replica.",
        reference=f"{_GUIDE}, 'Managing capacity automatically with Amazon RDS storage autoscaling'",
    ),
)
def storage_grows(instance: Resource, *, factor: int = 2) -> Iterator[str]:
    """Storage grows by itself while a lost replica makes the leader keep its log."""
    least = factor * size if isinstance(size := instance.get("allocatedStorage"), int) else 1
    yield from must_be_at_least(instance, least, "maxAllocatedStorage")


@resource_rule(
    "rds-instance-observed",
    INSTANCE,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(b)",),
        remediation="Set `monitoringInterval` to 60 seconds or less.",
        reference=f"{_GUIDE}, 'Monitoring OS metrics with Enhanced Monitoring'",
        also=("CKV_AWS_118", "HIPAA.Security-RDSEnhancedMonitoringEnabled", "rds-enhanced-monitoring-enabled"),
    ),
)
def observed(instance: Resource, *, maximum_seconds: int = 60) -> Iterator[str]:
    """A database is observed at least once a minute."""
    interval = instance.get("monitoringInterval")
    if interval is not UNKNOWN and (not isinstance(interval, int) or not 0 < interval <= maximum_seconds):
        yield f"monitoringInterval is {shown(interval)}, expected 1 to {maximum_seconds}"


@resource_rule(
    "rds-instance-windows-apart",
    INSTANCE,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Set a `backupWindow` and a `maintenanceWindow` that do not overlap.",
        reference=f"{_GUIDE}, 'Backup window'. RDS does not promote a replica while it is `backing-up`.",
    ),
)
def windows_apart(instance: Resource) -> Iterator[str]:
    """The times at which RDS may refuse a promotion are known, and do not join into a longer one."""
    backup, maintenance = instance.get("backupWindow"), instance.get("maintenanceWindow")
    if UNKNOWN in (backup, maintenance) or is_delayed(instance):
        return
    if not isinstance(backup, str) or not isinstance(maintenance, str):
        yield f"backupWindow is {shown(backup)} and maintenanceWindow {shown(maintenance)}, expected both to be set"
        return
    first, second = backup.split("-"), [day.partition(":")[2] for day in maintenance.split("-")]
    if first[0] < second[1] and second[0] < first[1]:
        yield f"backupWindow {backup} overlaps maintenanceWindow {maintenance}"


@resource_rule(
    "rds-parametergroup-tls",
    PARAMETERS,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(e)(1)",),
        remediation="Set the parameter `rds.force_ssl` to `1`.",
        reference=f"{_GUIDE}, 'Requiring an SSL connection to a PostgreSQL DB instance'",
        also=("CKV2_AWS_69",),
    ),
)
def tls(group: Resource) -> Iterator[str]:
    """A database refuses connections without TLS."""
    yield from must_be(_parameters(group), "1", "rds.force_ssl")


@resource_rule(
    "rds-parametergroup-sessions-end",
    PARAMETERS,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Set `idle_in_transaction_session_timeout` to a minute or less.",
        reference="PostgreSQL documentation, 'Client Connection Defaults'",
    ),
)
def sessions_end(group: Resource, *, maximum_milliseconds: int = 60_000) -> Iterator[str]:
    """No forgotten transaction holds back a drain or the cleaning of tables."""
    value = _parameters(group).get("idle_in_transaction_session_timeout")
    if value is None or not 0 < int(value) <= maximum_milliseconds:
        yield f"idle_in_transaction_session_timeout is {shown(value)}, expected 1 to {maximum_milliseconds}"


def _parameters(group: Resource) -> dict[str, Any]:
    return {entry["name"]: entry["value"] for entry in group.items("parameters")}


@pair_rule(
    "rds-replica-upgraded-first",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Upgrade the replica's site first, then the leader's: raise `engineVersion` in that order.",
        reference="Amazon RDS User Guide, 'Upgrading the RDS for PostgreSQL DB engine': read replicas first",
    ),
)
def replica_upgraded_first(first: Site, second: Site) -> Iterator[tuple[Site, Resource, str]]:
    """A replica is never of an older minor version than its source, or RDS refuses the source's upgrade."""
    for site, replica, _, source in replicas(first, second):
        versions = [entry.get("engineVersion") for entry in (replica, source) if entry is not None]
        if len(versions) == 2 and _version(versions[0]) < _version(versions[1]):
            yield site, replica, f"engineVersion is {shown(versions[0])}, and its source's is {shown(versions[1])}"


def _version(text: object) -> tuple[int, ...]:
    return tuple(int(part) for part in str(text).split(".") if part.isdigit())


PAIR_RULES = (replica_upgraded_first,)
RULES = (
    insights_encrypted,
    no_surprise_upgrade,
    changes_now,
    logs_leave_it,
    storage_grows,
    observed,
    windows_apart,
    tls,
    sessions_end,
)
