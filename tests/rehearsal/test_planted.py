"""Faults that are planted in real databases: each of them turns the verdict of a rehearsal to broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from procedures.assumptions import BY_TIER
from recovery import objectives
from rehearsal.environment import Environment
from rehearsal.history import History, Kind, Stored, Write
from rehearsal.report import Outcome, TierOutcome
from rehearsal.scenarios import actions, outcomes
from rehearsal.scenarios.losses import Losses
from rehearsal.world.lag import held
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.server import Server
from rehearsal.world.users import Users

OLD, NEW = "primary-1", "secondary-1"
DISASTER = 10_000.0
MINUTE = 60
TABLES = {Kind.USER: "SELECT id, version FROM users", Kind.EVENT_ROW: "SELECT id, 1 FROM crisis_events"}


@dataclass
class Site:
    """A leader with its replica, and people whose writes are recorded: one a minute, then a promotion."""

    servers: PostgresServers
    history: History
    ledger: list[str]

    def write(self, kind: Kind, number: int, at: float, place: str = OLD, version: int = 1) -> None:
        key, users = f"{kind.name}-{number}", Users(lambda name: self.servers[name].conninfo())
        if kind is Kind.EVENT:
            self.ledger.append(key)
        elif kind is Kind.EVENT_ROW:
            users.add_event(place, key, "ml")
        elif version == 1:
            users.add(place, key)
        else:
            assert users.change(place, key, version)
        users.close()
        database = "" if kind is Kind.EVENT else place
        self.history.add(Write(kind=kind, key=key, version=version, began=at - 1, ended=at, place=database))

    def hour(self, minutes: Sequence[int]) -> None:
        """Write one of everything at each of some minutes before the disaster."""
        for minute in minutes:
            for kind in Kind:
                self.write(kind, minute, DISASTER - minute * MINUTE)

    def promote(self) -> Server:
        self.servers.kill(OLD)
        self.servers.promote(NEW)
        return self.servers[NEW]

    def losses(self) -> Losses:
        found: dict[Kind, tuple[Stored, ...]] = {Kind.EVENT: tuple(map(Stored, self.ledger))}
        with self.servers[NEW].connect() as connection:
            for kind, question in TABLES.items():
                found[kind] = tuple(Stored(*row) for row in connection.execute(question.encode()))
        return Losses(self.history.writes, found)

    def outcome(
        self, rpo_seconds: int = objectives.RPO_USER_DATA_SECONDS, people: tuple[float, ...] = (9.0,)
    ) -> Outcome:
        world: Any = SimpleNamespace(engine="in-process", platforms={})
        return outcomes.outcome(
            "planted",
            cast("Environment", world),
            tiers=tuple(TierOutcome(tier, people, BY_TIER[tier.name]) for tier in objectives.TIERS),
            losses=self.losses(),
            writes_ended=DISASTER,
            steps=(),
            checks=(),
            phases=actions.Phases(cast("actions.Reporter", world)),
            user_data_rpo_seconds=rpo_seconds,
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with PostgresServers(tmp_path / "logs") as servers:
        servers.create(OLD, "secret")
        servers.replicate(NEW, OLD)
        yield Site(servers, History(), [])


def failed(outcome: Outcome) -> list[str]:
    """The rules that do not hold. An outcome with one is broken."""
    rules = [check.name for check in outcome.checks if not check.passed]
    assert outcome.verdict == ("broken" if rules else "kept")
    assert all(check.detail for check in outcome.checks if not check.passed), "the history shows it"
    return rules


def test_a_promotion_that_keeps_everything_is_kept(site: Site) -> None:
    site.hour([90, 61, 10, 2, 1])
    site.servers.wait_caught_up(NEW)
    site.promote()
    assert failed(site.outcome(rpo_seconds=0)) == []


def test_every_user_row_is_deleted_at_the_promotion(site: Site) -> None:
    site.hour([90, 61, 10, 2, 1])
    site.servers.wait_caught_up(NEW)
    with site.promote().connect() as connection:
        connection.execute("DELETE FROM users")
    (rule,) = failed(site.outcome())
    assert rule.startswith("lost user rows: 5 from before the disaster, at most 5400.0 s old")


@pytest.mark.parametrize(("minutes", "rpo_seconds"), [(2, 0), (10, 0), (61, objectives.RPO_USER_DATA_SECONDS)])
def test_the_replica_is_late_by_some_minutes(site: Site, minutes: int, rpo_seconds: int) -> None:
    """A planned change may lose nothing. The loss of a region may lose what is younger than the RPO."""
    site.hour([90, 70])
    site.servers.wait_caught_up(NEW)
    with held(site.servers[OLD], NEW):
        site.hour([minutes, 1])
        site.promote()
    users, history = failed(site.outcome(rpo_seconds))
    lost = f"2 from before the disaster, at most {minutes * MINUTE}.0 s old, and 0 after it, limit {rpo_seconds} s"
    assert (users, history) == (f"lost user rows: {lost}", f"lost history rows: {lost}")


def test_ten_minutes_are_within_the_rpo_of_a_lost_region_and_not_of_an_epoch_that_had_ended(site: Site) -> None:
    site.hour([90, 70])
    site.servers.wait_caught_up(NEW)
    with held(site.servers[OLD], NEW):
        site.hour([10, 1])
        site.servers.promote(NEW)
        site.write(Kind.USER, 1000, DISASTER + MINUTE, NEW)
        assert failed(site.outcome()) == []
        for minute in (2, 3):
            site.write(Kind.USER, 1000 + minute, DISASTER + minute * MINUTE, OLD)
    both, late = failed(site.outcome())
    assert both == "two databases took writes at once: 2 over 60.0 s, limit 20 s"
    assert late.startswith("rows are lost that a database acknowledged after another one had begun to lead: 2")


def test_an_update_is_lost(site: Site) -> None:
    site.hour([90, 61, 10])
    site.servers.wait_caught_up(NEW)
    with held(site.servers[OLD], NEW):
        site.write(Kind.USER, 90, DISASTER - 1, version=2)
        site.promote()
    (rule,) = failed(site.outcome(rpo_seconds=0))
    assert rule.startswith("lost user rows: 1 from before the disaster, at most 1.0 s old")


@pytest.mark.parametrize(("table", "kind"), [("users", "user row"), ("crisis_events", "history row")])
def test_a_write_is_stored_twice(site: Site, table: str, kind: str) -> None:
    site.hour([90, 61, 10])
    site.servers.wait_caught_up(NEW)
    with site.promote().connect() as connection:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey".encode())
        connection.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1".encode())
    assert failed(site.outcome(rpo_seconds=0)) == [f"{kind}s are stored twice: 1"]


def test_a_crisis_event_is_lost(site: Site) -> None:
    site.hour([90, 61, 10])
    site.servers.wait_caught_up(NEW)
    site.promote()
    site.ledger.pop()
    (rule,) = failed(site.outcome())
    assert rule.startswith("lost crisis events: 1 from before the disaster")


def nothing(site: Site) -> None:
    """Send nothing."""


def refused(site: Site) -> None:
    for kind in Kind:
        site.history.add(Write(kind=kind, key="one", began=1.0, ended=2.0, refusal="503"))


@pytest.mark.parametrize("people", [nothing, refused])
def test_nothing_was_acknowledged(site: Site, people: Callable[[Site], None]) -> None:
    people(site)
    site.promote()
    outcome = site.outcome()
    rules = [check.name for check in outcome.checks if not check.passed]
    assert rules == [f"{kind}s were acknowledged: 0" for kind in Kind]
    assert outcome.verdict == "broken"


def test_there_is_no_sample_of_a_tier(site: Site) -> None:
    site.hour([90, 61, 10])
    site.servers.wait_caught_up(NEW)
    site.promote()
    assert site.outcome().verdict == "kept"
    assert site.outcome(people=()).verdict == "broken"
    assert replace(site.outcome(), tiers=()).verdict == "broken"
