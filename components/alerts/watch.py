"""The alerts that watch the alerting itself: the Watchdog, and the escalation of pages that no one has answered."""

from __future__ import annotations

from components.alerts.model import ESCALATED, INCIDENT, Alert, Group, Severity, Team
from recovery import objectives

WATCHDOG = "Watchdog"
_UNANSWERED = f'group by ({INCIDENT}) (ALERTS{{alertstate="firing", severity="critical", {ESCALATED}="1"}})'


def _escalation(level: int, seconds: int) -> Alert:
    return Alert(
        name=f"EscalationLevel{level}",
        expr=_UNANSWERED,
        wait_seconds=seconds,
        severity=Severity.CRITICAL,
        team=Team.EMERGENCY,
        summary=f"A page is unanswered after {seconds // objectives.MINUTE} minutes",
        action="Answer the page: silence the incident, then act on it",
        source="Prometheus's own `ALERTS`",
        labels={ESCALATED: str(level)},
    )


WATCH = Group(
    name="watch",
    alerts=(
        Alert(
            name=WATCHDOG,
            expr="vector(1)",
            wait_seconds=0,
            severity=Severity.NONE,
            team=Team.PLATFORM,
            summary="The alerting works",
            action="Nothing while it arrives. If it stops, treat this site's monitoring as dead",
            source="none",
        ),
    ),
)

ESCALATION = Group(
    name="escalation",
    alerts=tuple(_escalation(level, seconds) for level, seconds in objectives.ESCALATION_SECONDS.items()),
)
