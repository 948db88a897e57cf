"""The provider of the hotline connects no one: the backup is activated by the alert, and the calls are led to it."""

from __future__ import annotations

import json

from components.alerts.canary import CANARY_ALERTS, HOTLINE_FAILING
from components.alerts.model import Alert
from components.alerts.routing import HOTLINE_BACKUP, HOTLINE_KEY
from operations.canary import CALLS
from procedures.assumptions import DECISION, ENGINE, NO_DECISION
from procedures.checks import Check
from procedures.web import FAILURES
from recovery import objectives
from recovery.naming import ALERTING_SECRET
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import none_fails, verify
from rehearsal.scenarios.verification import said as said_by
from rehearsal.world.hotline import BACKUP, PRIMARY
from rehearsal.world.people import People

_BY_TIER = NO_DECISION | {objectives.HOTLINE.name: (DECISION, ENGINE)}
"""The provider is activated without a person. An engineer leads the calls to it."""


def hotline_loss(environment: Environment, reporter: Reporter) -> Outcome:
    """Let the hotline's provider fail, let the alert activate the backup, and lead the calls of both sites to it."""
    phases = Phases(reporter)
    with phases("build both sites"):
        sites = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        for site in sites:
            environment.console.put_secret(site, ALERTING_SECRET, json.dumps(_secrets(environment)))
        client = actions.people_near(environment, sites[0])
    began = environment.clock.now()
    with phases("the hotline's provider fails"):
        environment.hotline.fail(PRIMARY)
        waited = _until_the_alert(environment, client, sites[0])
        early = environment.hotline.is_activated
    with phases("the alert activates the backup"):
        said = [line for site in sites for line in environment.fire(site, _labels())]
        reporter.say("; ".join(said))
    with phases("lead the calls to it, in both sites"):
        steps = tuple(step for site in sites for step in actions.degrade(environment, reporter, site, hotline=BACKUP))
    with phases("until every tier answers"):
        actions.wait_until_back(environment, client, began)
    with phases("verify"):
        checks = verify(environment, client, sites[0])
        provider = said_by(
            client, sites[0].config.domain, "/api/crisis/hotline", {"emergency": True, "test": True}, "provider"
        )
        client.stop()
    others = [tier for tier in objectives.TIERS if tier is not objectives.HOTLINE]
    return outcomes.outcome(
        "hotline-loss",
        environment,
        tiers=outcomes.tier_outcomes(client, began, _BY_TIER),
        losses=losses_of(environment, client, sites[0]),
        writes_ended=began,
        user_data_rpo_seconds=0,
        steps=steps,
        checks=(
            Check(
                f"the alert fires after {_alert().wait_seconds} s of failed calls, and not before",
                passed=waited >= _alert().wait_seconds and not early,
                detail=f"{waited:.0f} s",
            ),
            Check(
                "each site's Alertmanager activates the backup provider",
                passed=[line.partition(":")[0] for line in said if line.endswith(" 200")] == 2 * [HOTLINE_BACKUP],
                detail="; ".join(said),
            ),
            Check("the backup provider connects people", passed=provider == BACKUP, detail=provider),
            none_fails("no other request fails", client, others, began),
            *checks,
        ),
        phases=phases,
    )


def _secrets(environment: Environment) -> dict[str, str]:
    """The secret of Alertmanager, as docs/runbooks/first-deployment.md writes it."""
    return {HOTLINE_KEY.replace("-", "_"): environment.hotline.token}


def _alert() -> Alert:
    (found,) = (alert for alert in CANARY_ALERTS.alerts if alert.name == HOTLINE_FAILING)
    return found


def _labels() -> dict[str, str]:
    alert = _alert()
    return {"alertname": alert.name, **alert.rule("")["labels"]}


def _until_the_alert(environment: Environment, client: People, site: SiteWorld) -> float:
    """Make the canary's call until it has failed for as long as the alert waits. Returns the simulated seconds."""
    (call,) = (entry for entry in CALLS if entry.name == "hotline")
    began = since = environment.clock.now()
    while environment.clock.now() - since < _alert().wait_seconds:
        environment.clock.sleep(objectives.CANARY_SECONDS)
        try:
            client.browser.send(f"api.{site.config.domain}", "POST", call.path, call.body)
        except FAILURES:
            continue
        since = environment.clock.now()
        if since - began > actions.PATIENCE_SECONDS:
            break
    return environment.clock.now() - began
