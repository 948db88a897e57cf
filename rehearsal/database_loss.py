"""Scenario 2 of the plan: the data is destroyed, in the replica as well, and comes back from a moment before."""

from __future__ import annotations

from datetime import UTC, datetime

from recovery import objectives
from recovery.naming import database_identifier
from rehearsal import acts
from rehearsal.acts import Phases, Stagehand
from rehearsal.assumptions import RESTORED
from rehearsal.report import Check, Outcome, outcome_of
from rehearsal.stage import Stage
from rehearsal.verification import verify


def database_loss(stage: Stage, hand: Stagehand, engine: str) -> Outcome:
    """Back up, let a bad migration delete every user, stop writes, restore in place, and reseed the other site."""
    phases = Phases(hand)
    with phases("build both sites"):
        home, away = acts.build_both(stage, hand)
        old, replica = (database_identifier(site.config.own_database) for site in (home, away))
        stage.postgres.back_up(old)
    with phases("people use the platform"):
        client = acts.people_near(stage, home)
        before = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        expected = _rows_before(stage, old, before)
        stage.clock.sleep(acts.LOAD_SECONDS)
    disaster = stage.clock.now()
    with phases("every user is deleted, and the replica follows"):
        _destroy(stage, old)
        acts.until(stage, lambda: not stage.rows(replica) & expected)
        steps = acts.apply(stage, hand, home, switchover={"drain": 1})
        acts.drained(stage, 1, home.region)
        stopped = stage.clock.now()
    with phases("restore in place"):
        restored = {**acts.seeded_at(home, 2), "restores": [{"epoch": 2, "pointInTime": before}]}
        timeline = [str(entry) for entry in home.config.history] + [f"{home.name}-2"]
        steps += acts.apply(stage, hand, home, timeline=timeline, database=restored)
        found = stage.rows(database_identifier(home.config.own_database))
        acts.wait_until_back(stage, client, disaster)
    with phases("the other site follows again"):
        steps += acts.apply(stage, hand, away, timeline=timeline)
        steps += acts.apply(stage, hand, away, database={**acts.seeded_at(away, 2), "kept": [1]})
        stage.postgres.wait_caught_up(database_identifier(away.config.own_database))
    with phases("verify"):
        checks = verify(client, home.config.domain)
        client.stop()
    rows, missing = acts.rows_kept(stage, client, home)
    deleted = {step.name for step in steps if step.op in ("delete", "replace")}
    return Outcome(
        scenario="database-loss",
        engine=engine,
        tiers=tuple(
            outcome_of(tier, client.outage(tier.name, disaster), RESTORED[tier.name]) for tier in objectives.TIERS
        ),
        crisis_events=acts.events_kept(stage, client, home),
        user_rows=rows,
        user_data_loss_seconds=max((stopped - at for at in missing), default=0.0),
        user_data_rpo_seconds=objectives.RPO_USER_DATA_SECONDS,
        steps=steps,
        checks=(
            Check(
                "every user of that moment is back",
                passed=expected <= found and len(expected) > 0,
                detail=f"{len(expected)} users then, {len(expected & found)} of them restored",
            ),
            Check("nothing is deleted or replaced", passed=not deleted, detail=", ".join(sorted(deleted))),
            Check("the destroyed database is kept, and takes no writes", passed=_kept(stage, old), detail=old),
            *checks,
        ),
        phases=phases.seconds,
    )


def _rows_before(stage: Stage, database: str, moment: str) -> set[str]:
    """The users that were surely committed by a moment: a second for what had begun and was not committed yet."""
    with stage.postgres[database].connect() as connection:
        rows = connection.execute(
            "SELECT id FROM users WHERE created_at < %s::timestamptz - interval '1 second'", [moment]
        )
        return {str(row[0]) for row in rows}


def _destroy(stage: Stage, database: str) -> None:
    with stage.postgres[database].connect() as connection:
        connection.execute("DELETE FROM users")


def _kept(stage: Stage, database: str) -> bool:
    return stage.postgres.is_running(database) and not stage.postgres.is_writable(database)
