"""Alerts about the data: the loss that a failover would cost now, and the age of the backups."""

from __future__ import annotations

from components.alerts.model import Alert, Group, Severity, Team, all_younger, unless_shown, younger
from recovery import objectives

_SOURCE = "operations/exporter.py"
_FENCE_SOURCE = "operations/fence.py"
_SWITCH_SOURCE = "operations/switch.py"


def _young(seconds: int) -> str:
    """The leader's heartbeat is younger, or this database is closed: it follows no leader until it is reseeded."""
    return f"min(lifeline_heartbeat_age_seconds) < {seconds} or max(lifeline_fence_closed) == 1"


DATA = Group(
    name="recovery-data",
    alerts=(
        Alert(
            name="DatabaseReplicationBehind",
            expr=unless_shown(_young(objectives.REPLICA_BEHIND_SECONDS)),
            wait_seconds=5 * objectives.MINUTE,
            severity=Severity.WARNING,
            team=Team.DATABASE,
            summary="This site's database has no recent heartbeat of the leader",
            action="Find the reason why the leader's heartbeats do not arrive",
            source=_SOURCE,
        ),
        Alert(
            name="UserDataObjectiveAtRisk",
            expr=unless_shown(_young(objectives.RPO_AT_RISK_SECONDS)),
            wait_seconds=5 * objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.DATABASE,
            summary="A failover to this site's database would lose more than half an hour of user data",
            action="Restore replication before the objective of one hour is missed",
            source=_SOURCE,
        ),
        Alert(
            name="FenceBlind",
            expr=unless_shown(younger("lifeline_fence_seen_timestamp_seconds", objectives.MINUTE)),
            wait_seconds=2 * objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.DATABASE,
            summary="The fence cannot read the claims or the database, so it would not close a superseded one",
            action="Find out whether the ledger or the database does not answer",
            source=_FENCE_SOURCE,
        ),
        Alert(
            name="SwitchBlind",
            # A pod that reads nothing keeps its last answer, so each of them must read.
            expr=unless_shown(all_younger("lifeline_switch_seen_timestamp_seconds", objectives.MINUTE)),
            wait_seconds=2 * objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.PLATFORM,
            summary="A pod of the switch cannot read who leads, so web traffic would not follow a flip",
            action="Find out whether the ledger does not answer, or the switch does not run",
            source=_SWITCH_SOURCE,
        ),
        Alert(
            name="DatabaseFenced",
            expr=unless_shown("max(lifeline_fence_closed) == 0"),
            wait_seconds=15 * objectives.MINUTE,
            severity=Severity.WARNING,
            team=Team.DATABASE,
            summary="This site's database is closed, because another one leads: this site has no replica",
            action="Compare the two databases, then reseed this site",
            source=_FENCE_SOURCE,
        ),
        Alert(
            name="BackupMissing",
            expr=unless_shown(younger("lifeline_backup_newest_timestamp_seconds", objectives.OLDEST_BACKUP_SECONDS)),
            wait_seconds=15 * objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.DATABASE,
            summary="No backup was made in the last day",
            action="Make a backup by hand, then find the reason",
            source=_SOURCE,
        ),
        Alert(
            name="BackupNotProved",
            expr=unless_shown(younger("lifeline_backup_proved_timestamp_seconds", objectives.OLDEST_BACKUP_SECONDS)),
            # The check of today begins when yesterday's backup reaches this age, and has two hours.
            wait_seconds=2 * objectives.HOUR,
            severity=Severity.CRITICAL,
            team=Team.DATABASE,
            summary="No restore has proved a backup of the last day",
            action="Read the result of the last restore check",
            source=_SOURCE,
        ),
        Alert(
            name="BackupsUnknown",
            expr=unless_shown(younger("lifeline_backup_listed_timestamp_seconds", objectives.BACKUPS_LISTED_SECONDS)),
            wait_seconds=5 * objectives.MINUTE,
            severity=Severity.WARNING,
            team=Team.DATABASE,
            summary="The exporter cannot list the bucket of backups",
            action="Read the log of the exporter",
            source=_SOURCE,
        ),
    ),
)
