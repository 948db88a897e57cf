"""Scenario 2 of the plan: all users are deleted, in the replica as well, and restored from an earlier moment."""

from __future__ import annotations

from datetime import UTC, datetime

from recovery.naming import database_identifier
from rehearsal.assumptions import RESTORED
from rehearsal.environment import Environment
from rehearsal.report import Check, Outcome
from rehearsal.scenarios import actions
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.verification import verify


def database_loss(environment: Environment, reporter: Reporter) -> Outcome:
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
    with phases("every user is deleted, in the replica as well"):
        _delete_users(environment, old)
        actions.until(environment, lambda: not environment.rows(replica) & expected)
        steps = actions.apply(environment, reporter, home, switchover={"drain": 1})
        actions.handover_record(environment, 1, home.region)
        stopped = environment.clock.now()
    with phases("restore in place"):
        database = {**actions.seeded_at(home, 2), "restores": [{"epoch": 2, "pointInTime": before}]}
        timeline = [*map(str, home.config.history), f"{home.name}-2"]
        steps += actions.apply(environment, reporter, home, timeline=timeline, database=database)
        restored = environment.rows(database_identifier(home.config.own_database))
        actions.wait_until_back(environment, client, disaster)
    with phases("the other site follows again"):
        steps += actions.apply(environment, reporter, away, timeline=timeline)
        steps += actions.apply(environment, reporter, away, database={**actions.seeded_at(away, 2), "kept": [1]})
        environment.postgres.wait_caught_up(database_identifier(away.config.own_database))
    with phases("verify"):
        checks = verify(client, home.config.domain)
        client.stop()
    deleted = {step.name for step in steps if step.op in ("delete", "replace")}
    return actions.outcome(
        "database-loss",
        environment,
        tiers=actions.tier_outcomes(client, disaster, RESTORED),
        losses=actions.losses(environment, client, home),
        writes_ended=stopped,
        steps=steps,
        checks=(
            Check(
                "every user of that moment is restored",
                passed=expected <= restored and len(expected) > 0,
                detail=f"{len(expected)} users then, {len(expected & restored)} of them restored",
            ),
            Check("nothing is deleted or replaced", passed=not deleted, detail=", ".join(sorted(deleted))),
            Check("the old database is kept and takes no writes", passed=_is_closed(environment, old), detail=old),
            *checks,
        ),
        phases=phases,
    )


def _rows_before(environment: Environment, database: str, moment: str) -> set[str]:
    """The users committed before a moment. One second is deducted: a row's own time is set before its commit."""
    with environment.postgres[database].connect() as connection:
        rows = connection.execute(
            "SELECT id FROM users WHERE created_at < %s::timestamptz - interval '1 second'", [moment]
        )
        return {str(row[0]) for row in rows}


def _delete_users(environment: Environment, database: str) -> None:
    with environment.postgres[database].connect() as connection:
        connection.execute("DELETE FROM users")


def _is_closed(environment: Environment, database: str) -> bool:
    return environment.postgres.is_running(database) and not environment.postgres.is_writable(database)
