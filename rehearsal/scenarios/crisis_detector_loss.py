"""Scenario 3 of the plan: a model ends the crisis detector's pods, and the release before it is restored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from procedures.assumptions import NO_DECISION
from procedures.calls import call
from procedures.checks import Check
from recovery import objectives
from recovery.naming import MODEL_KEY, NAMESPACE, model_bucket
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome, StackStep
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.review import review, two_events
from rehearsal.scenarios.verification import none_fails, said, verify
from rehearsal.world.detector import HYBRID, KEYWORD_ONLY, OWN_MODEL
from rehearsal.world.people import People
from rehearsal.world.platform import CRISIS_DETECTOR
from rehearsal.world.scheduling import Placement, placements

_WEIGHTS = {**OWN_MODEL.weights, "numb": 0.6}
GOOD = {"weights": _WEIGHTS, "threshold": OWN_MODEL.threshold}
"""A model that finds more than that of the image."""
BAD = {**GOOD, "weights": {**_WEIGHTS, "thoughts": None}}
"""It passes the sample, so its pods are rolled out, and ends the process at the first message with one of its words."""
WORDLESS = "I have felt numb for weeks"
"""A message without a keyword, which only the good model finds."""


def crisis_detector_loss(environment: Environment, reporter: Reporter) -> Outcome:
    """Release a model that kills, site after site; answer with keywords and more pods; go back to the model before."""
    phases = Phases(reporter)
    with phases("build both sites"):
        struck, other = actions.build_both(environment, reporter)
    with phases("both sites have the same good model"):
        good = {site.name: _upload(environment, site, GOOD) for site in (struck, other)}
        steps = _in_both(environment, reporter, (struck, other), lambda site: {"modelVersion": good[site.name]})
    with phases("people use the platform"):
        client = actions.people_near(environment, struck)
    before = _finds_by_model(client, struck)
    two_events(client, struck.config.domain)
    began = environment.clock.now()
    with phases("one site gets a model that ends its pods"):
        bad = _upload(environment, struck, BAD)
        steps += actions.degrade(environment, reporter, struck, modelVersion=bad)
        actions.until(environment, lambda: bool(client.failures(objectives.CRISIS.name, began)))
    with phases("until the other site answers"):
        actions.wait_until_back(environment, client, began, tiers=(objectives.CRISIS,))
        led_away = _mode(client, struck)
    with phases("keywords alone, and a surge, in both sites"):
        surge = {"crisisFallback": KEYWORD_ONLY, "crisisReplicas": objectives.CRISIS_SURGE_REPLICAS}
        steps += _in_both(environment, reporter, (struck, other), lambda _: surge)
        degraded = _mode(client, struck)
        pods = {site.name: _pods(environment, site) for site in (struck, other)}
        environment.clock.sleep(actions.WARM_UP_SECONDS)
    with phases("back to the model before"):
        steps += _in_both(environment, reporter, (struck, other), lambda site: {"modelVersion": good[site.name]})
        actions.wait_until_back(environment, client, began)
    with phases("verify"):
        after = _finds_by_model(client, struck)
        checks = verify(environment, client, struck)
        client.stop()
    with phases("review the crisis events"):
        checks += review(environment, struck, began)
    return outcomes.outcome(
        "crisis-detector-loss",
        environment,
        tiers=outcomes.tier_outcomes(client, began, NO_DECISION),
        losses=losses_of(environment, client, struck),
        writes_ended=began,
        user_data_rpo_seconds=0,
        steps=steps,
        checks=(
            Check("the model finds what no keyword does, before and after", passed=before and after),
            Check("the other site answers meanwhile, with its model", passed=led_away == HYBRID, detail=led_away),
            Check("both sites answer by keywords alone", passed=degraded == KEYWORD_ONLY, detail=degraded),
            *(
                Check(
                    f"each of {objectives.CRISIS_SURGE_REPLICAS} pods of the surge finds a node at {site}",
                    passed=found.placed == found.wanted == objectives.CRISIS_SURGE_REPLICAS,
                    detail=f"{found.placed} of {found.wanted} {found.reason}".rstrip(),
                )
                for site, found in pods.items()
            ),
            none_fails("no request of the website fails", client, (objectives.CORE,), began),
            *checks,
        ),
        phases=phases,
    )


def _upload(environment: Environment, site: SiteWorld, model: dict[str, Any]) -> str:
    """The version id of a model that is new in the bucket of a site."""
    bucket = model_bucket(site.name, account=site.config.account)
    stored = environment.console.s3.put_object(Bucket=bucket, Key=MODEL_KEY, Body=json.dumps(model).encode())
    return stored.get("VersionId", "")


def _in_both(
    environment: Environment,
    reporter: Reporter,
    sites: tuple[SiteWorld, ...],
    emergency: Callable[[SiteWorld], dict[str, Any]],
) -> tuple[StackStep, ...]:
    return tuple(step for site in sites for step in actions.degrade(environment, reporter, site, **emergency(site)))


def _pods(environment: Environment, site: SiteWorld) -> Placement:
    """The pods of the crisis detector that find a node beside all others."""
    found = placements(environment.effects.declared, site.cluster, site.clusters.serving)
    return found[NAMESPACE, CRISIS_DETECTOR]


def _mode(client: People, site: SiteWorld) -> str:
    """The mode in which a person near a site gets an answer now, or the reason for which they get none."""
    return said(client, site.config.domain, "/api/crisis/detect", {"message": WORDLESS, "test": True}, "mode")


def _finds_by_model(client: People, site: SiteWorld) -> bool:
    return call(
        client.browser,
        f"api.{site.config.domain}",
        "POST",
        "/api/crisis/detect",
        lambda answer: answer.get("crisis_detected") is True,
        {"message": WORDLESS, "test": True},
    ).passed
