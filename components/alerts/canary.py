"""Alerts on the plan's own calls, which the canary makes, and on the two sites side by side."""

from __future__ import annotations

from components.alerts.model import Alert, Group, Severity, Team, series, unless_shown, up
from recovery import objectives
from recovery.naming import CANARY

CANARY_MISSING = "CanaryMissing"
HOTLINE_FAILING = "HotlineFailing"
_SOURCE = "operations/canary.py"
_DETECTION_SECONDS = series("lifeline_canary_duration_seconds", call="detect")
_MOVED_SECONDS = objectives.detection_seconds(objectives.CRISIS_RECORD_TTL_SECONDS) + 45
"""By then, DNS has moved the calls to the other site, and one of them has waited for its answer."""


def _succeeds(call: str) -> str:
    return f"max({series('lifeline_canary_success', call=call)}) == 1"


def _failing(name: str, call: str, wait_seconds: int, summary: str, action: str) -> Alert:
    return Alert(
        name=name,
        expr=unless_shown(_succeeds(call)),
        wait_seconds=wait_seconds,
        severity=Severity.CRITICAL,
        team=Team.CRISIS,
        summary=f"LIFE CRITICAL: {summary}",
        action=action,
        source=_SOURCE,
    )


CANARY_ALERTS = Group(
    name="canary",
    alerts=(
        _failing(
            "CrisisDetectionFailing",
            "detect",
            _MOVED_SECONDS,
            "The platform does not detect a crisis in a test message",
            "Switch detection to keywords, then find the reason",
        ),
        _failing(
            "CrisisEscalationFailing",
            "escalate",
            _MOVED_SECONDS,
            "The platform does not escalate a test emergency",
            "Read the log of the crisis detector, and whether the ledger answers",
        ),
        _failing(
            HOTLINE_FAILING,
            "hotline",
            2 * objectives.MINUTE,
            "The platform does not connect a test call to the hotline",
            "The backup provider was activated: lead the calls to it",
        ),
        Alert(
            name="CrisisDetectionSlow",
            expr=unless_shown(f"min({_DETECTION_SECONDS}) < {objectives.CRISIS_RESPONSE_SECONDS}"),
            wait_seconds=5 * objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.CRISIS,
            summary=f"Crisis detection takes longer than {objectives.CRISIS_RESPONSE_SECONDS} seconds",
            action="Add pods of the crisis detector, then find the reason",
            source=_SOURCE,
        ),
        Alert(
            name="KeywordOnlyDetection",
            expr=unless_shown("max(lifeline_canary_degraded) == 0"),
            wait_seconds=objectives.KEYWORD_ONLY_SECONDS,
            severity=Severity.CRITICAL,
            team=Team.CRISIS,
            summary="Crisis detection has used keywords only for an hour",
            action="Restore the models, or a clinician must decide how long keywords are enough",
            source=_SOURCE,
        ),
        Alert(
            name="TwoSitesActive",
            expr=unless_shown("max(lifeline_canary_active_sites) <= 1"),
            wait_seconds=objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.EMERGENCY,
            summary="Both sites serve users as the active one",
            action="Close the site that the newest claim does not name",
            source=_SOURCE,
        ),
        Alert(
            name="DnsDisagreesWithHealth",
            expr=unless_shown("max(lifeline_canary_dns_agrees) == 1"),
            # DNS moves by itself within 90 seconds, and the cluster's resolver keeps an answer for 30.
            wait_seconds=objectives.detection_seconds(objectives.RECORD_TTL_SECONDS) + 90,
            severity=Severity.CRITICAL,
            team=Team.EMERGENCY,
            summary="DNS sends users to a site that does not answer, although one does",
            action="Compare the health checks in Route 53 with the sites' answers",
            source=_SOURCE,
        ),
        Alert(
            name=CANARY_MISSING,
            expr=unless_shown(up(CANARY)),
            wait_seconds=2 * objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.CRISIS,
            summary="No canary runs, so a silent failure of the crisis services would go unnoticed",
            action="Start the canary",
            source="Prometheus's own `up` for the pods of the canary",
        ),
    ),
)
