"""The lost region comes back as it was, its configuration untouched: nothing it does may take writes or traffic."""

from __future__ import annotations

import uuid

from recovery import objectives
from recovery.naming import claim_key, database_identifier
from rehearsal.environment import Environment
from rehearsal.report import Check, Outcome, outcome_of
from rehearsal.scenarios import actions
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.verification import verify
from rehearsal.world.loopback import Request

FENCED_WITHIN_SECONDS = 10
"""A superseded leader that can read the ledger is read-only by then. Simulated seconds."""
WATCH_SECONDS = 90
"""How long the returned site is watched: longer than its health checks need to find it well. Simulated."""


def split_brain(environment: Environment, reporter: Reporter, engine: str) -> Outcome:
    """Lose a region, flip, bring the region back, run its old configuration, and see who is heard."""
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
        began = environment.clock.now()
        environment.restore_region(old)
        actions.until(environment, lambda: not environment.postgres.is_writable(_database(old)))
        fenced = environment.clock.now() - began
        reporter.say(f"{_database(old)} is read-only after {fenced:.1f} s")
        stale = environment.account.up(old, on_step=reporter.step)
        environment.clock.sleep(WATCH_SECONDS)
    with phases("verify"):
        checks = (*checks, *verify(client, leader.config.domain))
        returned = environment.clock.now()
        refused = _write_at(environment, old.name)
        client.stop()
    rows, missing = actions.rows_kept(environment, client, leader)
    assert environment.account.ledger is not None, "a site was added, and the ledger with it"
    claim = environment.account.ledger.get(old.region, claim_key(2)) or {}
    return Outcome(
        scenario="split-brain",
        engine=engine,
        tiers=tuple(outcome_of(tier, client.outage(tier.name, disaster, returned)) for tier in objectives.TIERS),
        crisis_events=actions.events_kept(environment, client, leader),
        user_rows=rows,
        user_data_loss_seconds=max((disaster - at for at in missing), default=0.0),
        user_data_rpo_seconds=objectives.RPO_USER_DATA_SECONDS,
        steps=steps,
        checks=(
            Check(
                f"the old leader is read-only within {FENCED_WITHIN_SECONDS} s of its return",
                passed=fenced <= FENCED_WITHIN_SECONDS,
                detail=f"{fenced:.1f} s",
            ),
            Check("its old configuration changes nothing", passed=not stale.steps, detail=f"{len(stale.steps)} steps"),
            Check("a write sent to it by hand is refused", passed=refused, detail=old.name),
            Check(
                "it sees in the ledger whose epoch it is",
                passed=claim.get("database") == str(leader.config.own_database),
                detail=str(claim),
            ),
            Check("nothing that was acknowledged since is only there", passed=_none_since(missing, disaster)),
            *checks,
        ),
        phases=phases.seconds,
    )


def _database(site: actions.SiteWorld) -> str:
    return database_identifier(site.config.own_database)


def _write_at(environment: Environment, site: str) -> bool:
    """Whether a site's own services refuse a write, whatever DNS says."""
    user = f"stray-{uuid.uuid4()}"
    reply = environment.platforms[site].answer(Request("POST", "/api/users", body={"id": user}))
    return reply.status >= 400


def _none_since(missing: list[float], disaster: float) -> bool:
    return all(at < disaster for at in missing)
