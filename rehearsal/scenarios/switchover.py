"""A planned switchover while both regions work: nothing may be lost, not even one user row."""

from __future__ import annotations

from procedures.assumptions import PLANNED
from procedures.checks import Check
from recovery.naming import SNAPSHOT_CRON_JOB, database_identifier, promotion_snapshot
from rehearsal.environment import Environment
from rehearsal.report import Outcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.losses import losses_of
from rehearsal.scenarios.verification import verify


def switchover(environment: Environment, reporter: Reporter) -> Outcome:
    """Build both sites, hand over from the leading site to the other, and reseed the site that led first."""
    phases = Phases(reporter)
    with phases("build both sites"):
        leader, taker = actions.build_both(environment, reporter)
    with phases("people use the platform"):
        client = actions.people_near(environment, leader)
    began = environment.clock.now()
    with phases("switchover"):
        steps = actions.switchover(environment, reporter, leader, taker)
    with phases("until every tier answers"):
        actions.wait_until_back(environment, client, began)
    with phases("snapshot the promoted database"):
        said = environment.pods_of(taker).run_cron_job(SNAPSHOT_CRON_JOB)[-1]["step"]
        snapshots = environment.console.snapshots(taker)
    with phases("the first site follows"):
        steps += actions.reseed(environment, reporter, leader, taker)
        follower = database_identifier(leader.config.own_database)
    with phases("verify"):
        checks = verify(environment, client, taker)
        client.stop()
    old = database_identifier(leader.config.history[0])
    return outcomes.outcome(
        "switchover",
        environment,
        tiers=outcomes.tier_outcomes(client, began, PLANNED),
        losses=losses_of(environment, client, taker),
        writes_ended=began,
        user_data_rpo_seconds=0,
        steps=steps,
        checks=(
            Check("the old leader takes no writes", passed=not environment.postgres.is_writable(old), detail=old),
            Check(
                "the first site follows the new leader",
                passed=not environment.postgres.is_writable(follower) and environment.postgres.is_running(follower),
                detail=follower,
            ),
            Check(
                "the promoted database has a snapshot",
                passed=snapshots == [promotion_snapshot(taker.config.own_database, 2)],
                detail=f"{said}: {', '.join(snapshots)}",
            ),
            *checks,
        ),
        phases=phases,
    )
