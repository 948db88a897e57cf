"""A planned change of the leading site, both regions well: nothing may be lost, not even a row."""

from __future__ import annotations

from recovery import objectives
from recovery.naming import database_identifier
from rehearsal import acts
from rehearsal.acts import Phases, Stagehand
from rehearsal.assumptions import PLANNED
from rehearsal.report import Check, Outcome, outcome_of
from rehearsal.stage import Stage
from rehearsal.verification import verify


def switchover(stage: Stage, hand: Stagehand, engine: str) -> Outcome:
    """Build both sites, hand over from the leading one to the other, and give the first one its next database."""
    phases = Phases(hand)
    with phases("build both sites"):
        leader, taker = acts.build_both(stage, hand)
    with phases("people use the platform"):
        client = acts.people_near(stage, leader)
    began = stage.clock.now()
    with phases("switchover"):
        steps = acts.switchover(stage, hand, leader, taker)
    with phases("until everything is back"):
        acts.wait_until_back(stage, client, began)
    with phases("the first site follows"):
        steps += acts.apply(stage, hand, leader, database=acts.seeded_at(leader, 2))
        follower = database_identifier(leader.config.own_database)
        stage.postgres.wait_caught_up(follower)
    with phases("verify"):
        checks = verify(client, taker.config.domain)
        client.stop()
    rows, missing = acts.rows_kept(stage, client, taker)
    old = database_identifier(leader.config.history[0])
    return Outcome(
        scenario="switchover",
        engine=engine,
        tiers=tuple(outcome_of(tier, client.outage(tier.name, began), PLANNED[tier.name]) for tier in objectives.TIERS),
        crisis_events=acts.events_kept(stage, client, taker),
        user_rows=rows,
        user_data_loss_seconds=max((began - at for at in missing), default=0.0),
        user_data_rpo_seconds=1,
        steps=steps,
        checks=(
            Check("no user row is lost", passed=not rows.lost, detail=f"{rows.lost} of {rows.acknowledged}"),
            Check("the old leader takes no writes", passed=not stage.postgres.is_writable(old), detail=old),
            Check(
                "the first site follows the new leader",
                passed=not stage.postgres.is_writable(follower) and stage.postgres.is_running(follower),
                detail=follower,
            ),
            *checks,
        ),
        phases=phases.seconds,
    )
