"""Scenario 2 of the plan: the data is destroyed, in the replica as well, and comes back from a moment before."""

from __future__ import annotations

from datetime import UTC, datetime

from recovery import objectives
from recovery.naming import database_identifier
from rehearsal.assumptions import RESTORED
from rehearsal.environment import Environment
from rehearsal.report import Check, Outcome, outcome_of
from rehearsal.scenarios import actions
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.verification import verify


def database_loss(environment: Environment, reporter: Reporter, engine: str) -> Outcome:
    """Back up, let a bad migration delete every user, stop writes, restore in place, and reseed the other site."""
    phases = Phases(reporter)
    with phases("build both sites"):
        home, away = actions.build_both(environment, reporter)
        old, replica = (database_identifier(site.config.own_database) for site in (home, away))
        environment.postgres.back_up(old)
    with phases("people use the platform"):
        client = actions.people_near(environment, home)
        before = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        expected = _rows_before(environment, old, before)
        environment.clock.sleep(actions.LOAD_SECONDS)
    disaster = environment.clock.now()
    with phases("every user is deleted, and the replica follows"):
        _destroy(environment, old)
        actions.until(environment, lambda: not environment.rows(replica) & expected)
        steps = actions.apply(environment, reporter, home, switchover={"drain": 1})
        actions.drained(environment, 1, home.region)
        stopped = environment.clock.now()
    with phases("restore in place"):
        restored = {**actions.seeded_at(home, 2), "restores": [{"epoch": 2, "pointInTime": before}]}
        timeline = [str(entry) for entry in home.config.history] + [f"{home.name}-2"]
        steps += actions.apply(environment, reporter, home, timeline=timeline, database=restored)
        found = environment.rows(database_identifier(home.config.own_database))
        actions.wait_until_back(environment, client, disaster)
    with phases("the other site follows again"):
        steps += actions.apply(environment, reporter, away, timeline=timeline)
        steps += actions.apply(environment, reporter, away, database={**actions.seeded_at(away, 2), "kept": [1]})
        environment.postgres.wait_caught_up(database_identifier(away.config.own_database))
    with phases("verify"):
        checks = verify(client, home.config.domain)
        client.stop()
    rows, missing = actions.rows_kept(environment, client, home)
    deleted = {step.name for step in steps if step.op in ("delete", "replace")}
    return Outcome(
        scenario="database-loss",
        engine=engine,
        tiers=tuple(
            outcome_of(tier, client.outage(tier.name, disaster), RESTORED[tier.name]) for tier in objectives.TIERS
        ),
        crisis_events=actions.events_kept(environment, client, home),
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
            Check("the destroyed database is kept, and takes no writes", passed=_kept(environment, old), detail=old),
            *checks,
        ),
        phases=phases.seconds,
    )


def _rows_before(environment: Environment, database: str, moment: str) -> set[str]:
    """The users that were surely committed by a moment: a second for what had begun and was not committed yet."""
    with environment.postgres[database].connect() as connection:
        rows = connection.execute(
            "SELECT id FROM users WHERE created_at < %s::timestamptz - interval '1 second'", [moment]
        )
        return {str(row[0]) for row in rows}


def _destroy(environment: Environment, database: str) -> None:
    with environment.postgres[database].connect() as connection:
        connection.execute("DELETE FROM users")


def _kept(environment: Environment, database: str) -> bool:
    return environment.postgres.is_running(database) and not environment.postgres.is_writable(database)
