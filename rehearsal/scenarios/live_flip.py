"""A flip while the old leader lives and sees the ledger: somebody is wrong about the region. No row may be lost."""

from __future__ import annotations

from procedures.assumptions import PLANNED
from procedures.checks import Check
from recovery.naming import closing_key, database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import verify


def live_flip(environment: Environment, reporter: Reporter) -> Outcome:
    """Build both sites, and fail over although nothing is broken: the promotion waits for the old leader's closing."""
    phases = Phases(reporter)
    with phases("build both sites"):
        old, taker = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, old)
    began = environment.clock.now()
    with phases("flip, without a drain"):
        steps, checks = actions.flip(environment, reporter, taker)
    with phases("until every tier answers"):
        actions.wait_until_back(environment, client, began)
    with phases("the old leader learns that it is fenced"):
        timeline = [str(entry) for entry in taker.config.history]
        steps += actions.apply(environment, reporter, old, timeline=timeline)
    with phases("verify"):
        checks = (*checks, *verify(environment, client, taker))
        client.stop()
    waited = environment.pods_of(taker).log("promotion-wait-2")[-1]
    return outcomes.outcome(
        "live-flip",
        environment,
        tiers=outcomes.tier_outcomes(client, began, PLANNED),
        losses=losses_of(environment, client, taker),
        writes_ended=began,
        user_data_rpo_seconds=0,
        steps=steps,
        checks=(
            *closed(environment, old, taker),
            Check("the promotion waited for it", passed=waited["step"] == "may promote", detail=str(waited)),
            *checks,
        ),
        phases=phases,
    )


def closed(environment: Environment, old: SiteWorld, taker: SiteWorld) -> tuple[Check, ...]:
    """Whether the first leader is closed, and the ledger says so."""
    database = database_identifier(old.config.history[0])
    noted = environment.account.ledger.get(taker.region, closing_key(1)) or {}
    return (
        Check("the old leader takes no writes", passed=not environment.postgres.is_writable(database), detail=database),
        Check(
            "its closing is in the ledger",
            passed=noted.get("database") == str(old.config.history[0]),
            detail=str(noted),
        ),
    )
