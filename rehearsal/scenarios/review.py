"""The review of crisis events, in a rehearsal: of two events one is alerted, and the job names the other one."""

from __future__ import annotations

import contextlib
from typing import Any

from procedures.checks import Check
from recovery.naming import LEDGER_EVENTS, NAMESPACE, REVIEW_CRON_JOB
from recovery.objectives import CRISIS
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.providers.kubernetes.api import ApiError
from rehearsal.world.ledger import event_keys
from rehearsal.world.people import People

ALERTED, MISSED = "person-1", "person-2"
"""The ids of the events."""
_EVENT = LEDGER_EVENTS[0]


def two_events(client: People, domain: str) -> None:
    """Let two people near the client report a crisis, and an alert follow for the first of them."""
    api = f"api.{domain}"
    for event in (ALERTED, MISSED):
        client.browser.insist(api, "POST", "/api/crisis/detect", {"id": event, "message": "I want to end my life"})
    alert = {"id": f"alert-of-{ALERTED}", "event": ALERTED, "severity": "high"}
    client.browser.insist(api, "POST", "/api/crisis/escalate", alert)


def review(environment: Environment, site: SiteWorld, reported: float) -> tuple[Check, ...]:
    """Run the review at a site when nothing is written any more, and compare it with the ledger and the two events."""
    environment.clock.sleep(reported + CRISIS.rto_seconds - environment.clock.now())
    lines = _lines(environment, site)
    events = len(event_keys(environment.account.ledger.scan(site.region)))
    counted = next((int(line["events"]) for line in lines if line["step"] == "crisis events reviewed"), None)
    named = {key for line in lines if line["step"] == "not alerted" for key in line["events"]}
    return (
        Check("the review counts every crisis event", passed=counted == events, detail=f"{counted} of {events}"),
        Check(
            "the review names the event for which no one was alerted",
            passed=f"{_EVENT}{MISSED}" in named and f"{_EVENT}{ALERTED}" not in named,
            detail=f"{len(named)} events are named",
        ),
    )


def _lines(environment: Environment, site: SiteWorld) -> list[dict[str, Any]]:
    """The lines that the job logs. It fails, because it has found something."""
    declared = site.cluster.get("batch/v1", "CronJob", REVIEW_CRON_JOB, NAMESPACE)
    assert declared is not None, "every site reviews its events"
    job = f"{REVIEW_CRON_JOB}-after-incident"
    pods = environment.pods_of(site)
    with contextlib.suppress(ApiError):
        pods.run({"metadata": {"name": job}, "spec": declared["spec"]["jobTemplate"]["spec"]})
    return pods.log(job)
