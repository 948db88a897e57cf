"""A lost region returns with its old configuration: it must take neither writes nor traffic."""

from __future__ import annotations

import uuid

from procedures.checks import Check
from recovery.naming import claim_key, database_identifier
from rehearsal.environment import Environment
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import kept_after, losses_of
from rehearsal.scenarios.verification import verify
from rehearsal.world.loopback import Request

FENCED_WITHIN_SECONDS = 10
"""The limit for a superseded leader that can read the ledger to become read-only. Simulated seconds."""
WATCH_SECONDS = 90
"""How long the returned site is observed: longer than its health checks need to turn healthy. Simulated seconds."""


def split_brain(environment: Environment, reporter: Reporter) -> Outcome:
    """Lose a region, fail over, bring the region back, apply its old configuration, and see which site answers."""
    phases = Phases(reporter)
    with phases("build both sites"):
        old, leader = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, old)
    disaster = environment.clock.now()
    with phases("the region is lost, and the other site leads"):
        environment.lose_region(old)
        steps, checks = actions.flip(environment, reporter, leader)
        actions.wait_until_back(environment, client, disaster)
    with phases("the region returns as it was"):
        returned = environment.clock.now()
        environment.restore_region(old)
        actions.until(environment, lambda: not environment.postgres.is_writable(_database(old)))
        fenced = environment.clock.now() - returned
        reporter.say(f"{_database(old)} is read-only after {fenced:.1f} s")
        stale = environment.account.up(old, on_step=reporter.step)
        environment.clock.sleep(WATCH_SECONDS)
    with phases("verify"):
        checks = (*checks, *verify(environment, client, leader))
        ended = environment.clock.now()
        refused = refuses_write(environment, old.name)
        client.stop()
    losses = losses_of(environment, client, leader)
    claim = environment.account.ledger.get(old.region, claim_key(2)) or {}
    return outcomes.outcome(
        "split-brain",
        environment,
        tiers=outcomes.tier_outcomes(client, disaster, ended=ended),
        losses=losses,
        writes_ended=disaster,
        steps=steps,
        checks=(
            Check(
                f"the old leader is read-only within {FENCED_WITHIN_SECONDS} s of its return",
                passed=fenced <= FENCED_WITHIN_SECONDS,
                detail=f"{fenced:.1f} s",
            ),
            Check("its old configuration changes nothing", passed=not stale.steps, detail=f"{len(stale.steps)} steps"),
            Check("it takes no write that is sent to it directly", passed=refused, detail=old.name),
            Check(
                "its copy of the ledger names the new leader",
                passed=claim.get("database") == str(leader.config.own_database),
                detail=str(claim),
            ),
            *kept_after(environment, losses, _database(old), leader, disaster),
            *checks,
        ),
        phases=phases,
    )


def _database(site: actions.SiteWorld) -> str:
    return database_identifier(site.config.own_database)


def refuses_write(environment: Environment, site: str) -> bool:
    """Whether a site's own services take no write. The request goes to the site itself, not through DNS."""
    user = f"stray-{uuid.uuid4()}"
    reply = environment.platforms[site].answer(Request("POST", "/api/users", body={"id": user}))
    return reply.status >= 300
