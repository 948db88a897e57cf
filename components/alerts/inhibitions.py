"""Alerts that say nothing new while another one fires.

Both ends are named by `incident` or by the alert itself, so an escalation is inhibited together with its alert.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from components.alerts.canary import CANARY_ALERTS, CANARY_MISSING
from components.alerts.endpoints import PROBER_DOWN
from components.alerts.model import INCIDENT
from components.alerts.notice import NOTICE
from components.alerts.watch import WATCHDOG


@dataclass(frozen=True, kw_only=True)
class Inhibition:
    """An alert, and those of the same site that it explains."""

    source: str
    targets: tuple[str, ...]
    """The names of alerts."""
    reason: str


OUTSIDE = ("CrisisEndpointDown", "EndpointDown", "PeerSiteSilent")
NEVER = ("CompleteSystemFailure", "CrisisSystemDown", *OUTSIDE, *(alert.name for alert in NOTICE.alerts))
"""The alerts that a complete failure of the site does not explain, or that must page in any case."""
INHIBITIONS: tuple[Inhibition, ...] = (
    Inhibition(
        source="DatabaseCompleteFailure",
        targets=("DatabaseReplicationBehind", "FenceBlind", "UserDataObjectiveAtRisk"),
        reason="the age of the heartbeat in a database that does not answer is unknown",
    ),
    Inhibition(
        source=PROBER_DOWN,
        targets=(*OUTSIDE, "CertificateExpiring", "ErrorBudgetBurn"),
        reason="without its exporter, no probe has an answer, whatever the endpoints do",
    ),
    Inhibition(
        source="PeerSiteSilent",
        targets=("EndpointDown",),
        reason="a lost region that leads takes the web endpoint with it, until the failover",
    ),
    Inhibition(
        source="UserDataObjectiveAtRisk",
        targets=("DatabaseReplicationBehind",),
        reason="half of the objective is used: the warning at a tenth of it adds nothing",
    ),
    Inhibition(
        source="FenceMissing",
        targets=("DatabaseFenced", "FenceBlind"),
        reason="a fence that does not run reports nothing",
    ),
    Inhibition(source="FenceBlind", targets=("DatabaseFenced",), reason="a fence that sees nothing reports nothing"),
    Inhibition(
        source=CANARY_MISSING,
        targets=tuple(alert.name for alert in CANARY_ALERTS.alerts if alert.name != CANARY_MISSING),
        reason="without the canary, no call has an answer",
    ),
    Inhibition(
        source="CrisisDetectionFailing",
        targets=("CrisisDetectionSlow", "KeywordOnlyDetection"),
        reason="a call without an answer has no time and no mode",
    ),
)


def inhibit_rules(same: str) -> Iterator[dict[str, Any]]:
    """The rules as Alertmanager reads them. `same` is the label that source and target share."""
    yield {
        "source_matchers": ['alertname="CompleteSystemFailure"'],
        "target_matchers": [f'{INCIDENT}!~"{"|".join(NEVER)}"', f'alertname!="{WATCHDOG}"'],
        "equal": [same],
    }
    for inhibition in INHIBITIONS:
        targets = "|".join(inhibition.targets)
        for label in ("alertname", INCIDENT):
            yield {
                "source_matchers": [f'alertname="{inhibition.source}"'],
                "target_matchers": [f'{label}=~"{targets}"'],
                "equal": [same],
            }
