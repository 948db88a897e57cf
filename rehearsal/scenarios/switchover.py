"""A planned change of the leading site, both regions well: nothing may be lost, not even a row."""

from __future__ import annotations

from recovery import objectives
from recovery.naming import database_identifier
from rehearsal.assumptions import PLANNED
from rehearsal.environment import Environment
from rehearsal.report import Check, Outcome, outcome_of
from rehearsal.scenarios import actions
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.verification import verify


def switchover(environment: Environment, reporter: Reporter, engine: str) -> Outcome:
    """Build both sites, hand over from the leading one to the other, and give the first one its next database."""
    phases = Phases(reporter)
    with phases("build both sites"):
        leader, taker = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, leader)
    began = environment.clock.now()
    with phases("switchover"):
        steps = actions.switchover(environment, reporter, leader, taker)
    with phases("until everything is back"):
        actions.wait_until_back(environment, client, began)
    with phases("the first site follows"):
        steps += actions.apply(environment, reporter, leader, database=actions.seeded_at(leader, 2))
        follower = database_identifier(leader.config.own_database)
        environment.postgres.wait_caught_up(follower)
    with phases("verify"):
        checks = verify(client, taker.config.domain)
        client.stop()
    rows, missing = actions.rows_kept(environment, client, taker)
    old = database_identifier(leader.config.history[0])
    return Outcome(
        scenario="switchover",
        engine=engine,
        tiers=tuple(outcome_of(tier, client.outage(tier.name, began), PLANNED[tier.name]) for tier in objectives.TIERS),
        crisis_events=actions.events_kept(environment, client, taker),
        user_rows=rows,
        user_data_loss_seconds=max((began - at for at in missing), default=0.0),
        user_data_rpo_seconds=1,
        steps=steps,
        checks=(
            Check("no user row is lost", passed=not rows.lost, detail=f"{rows.lost} of {rows.acknowledged}"),
            Check("the old leader takes no writes", passed=not environment.postgres.is_writable(old), detail=old),
            Check(
                "the first site follows the new leader",
                passed=not environment.postgres.is_writable(follower) and environment.postgres.is_running(follower),
                detail=follower,
            ),
            *checks,
        ),
        phases=phases.seconds,
    )
