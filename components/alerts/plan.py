"""The three alerts of the recovery plan, under the plan's names, labels and annotations.

The plan's `up == 0` is not enough: a job that vanished has no `up`, and one dead pod of many is no complete failure.
"""

from __future__ import annotations

from components.alerts.model import Alert, Group, Severity, Team, series, unless_shown, up
from components.kube.services import BACKEND, CRISIS_DETECTOR
from recovery import objectives
from recovery.naming import DATABASE_JOB

PLAN = Group(
    name="disaster-recovery",
    alerts=(
        Alert(
            name="CompleteSystemFailure",
            expr=unless_shown(up(BACKEND.name)),
            wait_seconds=objectives.COMPLETE_FAILURE_SECONDS,
            severity=Severity.CRITICAL,
            team=Team.EMERGENCY,
            summary="Complete system failure detected",
            action="Execute disaster recovery plan immediately",
            source="Prometheus's own `up` for the pods of the backend",
        ),
        Alert(
            name="DatabaseCompleteFailure",
            expr=unless_shown(f"{up(DATABASE_JOB)} and max({series('pg_up', job=DATABASE_JOB)}) == 1"),
            wait_seconds=objectives.DATABASE_FAILURE_SECONDS,
            severity=Severity.CRITICAL,
            team=Team.DATABASE,
            summary="Database complete failure",
            action="Activate database disaster recovery",
            source="operations/exporter.py: `pg_up`, and Prometheus's own `up` for its pods",
        ),
        Alert(
            name="CrisisSystemDown",
            expr=unless_shown(up(CRISIS_DETECTOR.name)),
            wait_seconds=objectives.CRISIS_FAILURE_SECONDS,
            severity=Severity.CRITICAL,
            team=Team.CRISIS,
            summary="LIFE CRITICAL: Crisis detection system down",
            action="Activate emergency crisis response procedures",
            source="Prometheus's own `up` for the pods of the crisis detector",
        ),
    ),
)
