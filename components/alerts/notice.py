"""The public notice of an outage of the crisis services: its draft, and its deadline.

A provider of the 988 Lifeline must notify its administrator within 30 minutes of discovering an outage (Federal
Communications Commission, 89 FR 2503). A local crisis centre is no such provider: its clock is in its contract. This
project keeps the same 30 minutes. The draft is part of the page (`routing`): each field has its value.
"""

from __future__ import annotations

from collections.abc import Mapping

from components.alerts.model import ESCALATED, INCIDENT, Alert, Group, Severity, Team
from recovery import objectives

ABOUT = "about"
"""The label of the outage that a notice is about. It is not `incident`: an answer to the outage does not stop the clock
of its notice."""
OUTAGES: Mapping[str, str] = {
    "CrisisDetectionFailing": "automatic detection of crises in messages",
    "CrisisEndpointDown": "automatic detection of crises in messages, in all regions",
    "HotlineFailing": "connection of calls to the 988 hotline",
}
"""The service that the public knows, by the alert of its outage."""
_LASTING = (
    f'group by ({ABOUT}) (label_replace(ALERTS{{alertstate="firing", {ESCALATED}="1", '
    f'{INCIDENT}=~"{"|".join(OUTAGES)}"}}, "{ABOUT}", "$1", "{INCIDENT}", "(.+)"))'
)


def _notice(name: str, wait_seconds: int, summary: str, action: str) -> Alert:
    return Alert(
        name=name,
        expr=_LASTING,
        wait_seconds=wait_seconds,
        severity=Severity.CRITICAL,
        team=Team.NOTICE,
        summary=summary,
        action=action,
        source="Prometheus's own `ALERTS`",
    )


NOTICE = Group(
    name="public-notice",
    alerts=(
        _notice(
            "PublicNoticeDraft",
            objectives.NOTICE_DRAFT_SECONDS,
            "An outage of the crisis services lasts: the draft of its public notice is in this page",
            "Read the draft, correct it, and decide whether to publish it",
        ),
        _notice(
            "PublicNoticeDue",
            objectives.NOTICE_SECONDS - 5 * objectives.MINUTE,
            "The public notice of an outage of the crisis services is due in five minutes",
            "Publish the notice",
        ),
    ),
)
