"""Scenario 2 of the plan: all users are deleted, in the replica as well, and restored.

It restores twice: from a point in time, which is the way to recover, and then from the dump of the night before, which
is the way when RDS has no backup left.
"""

from __future__ import annotations

from datetime import UTC, datetime

from procedures.assumptions import RESTORED
from procedures.checks import Check
from recovery.naming import database_identifier
from rehearsal.environment import Environment
from rehearsal.report import Outcome, StackStep
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.actions import Phases, Reporter
from rehearsal.scenarios.backups import archive_crisis_events, back_up_and_prove, restore_checks
from rehearsal.scenarios.exports import export_checks
from rehearsal.scenarios.losses import losses_of, users_in
from rehearsal.scenarios.verification import verify


def database_loss(environment: Environment, reporter: Reporter) -> Outcome:
    """Back up, let a bad migration delete every user, stop writes, restore in place twice, reseed the other site."""
    phases = Phases(reporter)
    with phases("build both sites"):
        home, away = actions.build_both(environment, reporter)
        old = database_identifier(home.config.own_database)
        environment.postgres.back_up(old)
    with phases("people use the platform"):
        client = actions.people_near(environment, home)
    with phases("the night's backup is made, copied and proved"):
        archive_crisis_events(environment, home)
        night = back_up_and_prove(environment, reporter, home)
        exports = export_checks(environment, reporter, home)
    with phases("people go on"):
        environment.clock.sleep(actions.LOAD_SECONDS)
        before = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        expected = _rows_before(environment, old, before)
        environment.clock.sleep(actions.LOAD_SECONDS)
    disaster = environment.clock.now()
    with phases("every user is deleted, in the replica as well"):
        _delete_users(environment, old)
        actions.until(environment, lambda: not users_in(environment, away) & expected)
    with phases("stop writes, and restore in place from a point in time"):
        steps, stopped = actions.restore(environment, reporter, home, {"pointInTime": before})
        restored = users_in(environment, home)
        actions.wait_until_back(environment, client, disaster)
        losses, back = losses_of(environment, client, home), environment.clock.now()
    with phases("restore in place from the copy of the night's dump"):
        again = environment.clock.now()
        dump = {"dump": night.manifest.name, "dumpFrom": "ownCopy"}
        steps += actions.restore(environment, reporter, home, dump)[0]
        from_dump = users_in(environment, home)
        actions.wait_until_back(environment, client, again)
    with phases("the other site follows again"):
        steps += actions.reseed(environment, reporter, away, home)
    with phases("verify"):
        checks = verify(environment, client, home)
        client.stop()
    return outcomes.outcome(
        "database-loss",
        environment,
        tiers=outcomes.tier_outcomes(client, disaster, RESTORED, back),
        losses=losses,
        writes_ended=stopped,
        steps=steps,
        checks=(
            _all_restored(expected, restored),
            *restore_checks(environment, home, night, from_dump),
            *exports,
            _nothing_deleted(steps),
            Check("the old database is kept and takes no writes", passed=_is_closed(environment, old), detail=old),
            *checks,
        ),
        phases=phases,
    )


def _all_restored(expected: set[str], restored: set[str]) -> Check:
    return Check(
        "every user of that moment is restored",
        passed=expected <= restored and len(expected) > 0,
        detail=f"{len(expected)} users then, {len(expected & restored)} of them restored",
    )


def _nothing_deleted(steps: tuple[StackStep, ...]) -> Check:
    deleted = sorted({step.name for step in steps if step.op in ("delete", "replace")})
    return Check("nothing is deleted or replaced", passed=not deleted, detail=", ".join(deleted))


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
