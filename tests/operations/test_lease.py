"""The lease of a strict fence: a leader that cannot read the ledger stops taking writes, and takes them again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from components.kube import jobs, once
from operations import fence as fences
from operations.environment import Place
from operations.fence import Fence, Standing
from operations.ledger import CALL_SECONDS
from recovery.naming import LEDGER_TABLE
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import Server
from tests.operations.sessions import is_writable
from tests.operations.world import SILENT, Table, database, ledger, said

LONG, SHORT = 3600.0, 1e-9
"""Seconds: a lease that lasts for the test, and one that is over when it is looked at."""

StrictOf = Callable[..., Fence]


@pytest.fixture
def strict_of(tmp_path: Path, leader: Server) -> StrictOf:
    def make(table: Table, *, lease: float = LONG, at: Server = leader, of: str = "primary-1") -> Fence:
        place = Place(DatabaseId.parse(of), "us-east-2", LEDGER_TABLE)
        return Fence(place, ledger(table), database(at, tmp_path), 1, lease=lease)

    return make


@pytest.fixture(autouse=True)
def no_lease(leader: Server) -> None:
    with leader.connect() as owner:
        owner.execute("DROP TABLE IF EXISTS lifeline.lease")


def silent() -> Table:
    table = Table("primary-1")
    table.failure = SILENT
    return table


def test_a_leader_that_reads_the_ledger_renews_its_lease(leader: Server, strict_of: StrictOf) -> None:
    assert strict_of(Table("primary-1"), lease=SHORT).look() is Standing.LEADS
    assert strict_of(silent(), lease=LONG).look() is Standing.UNKNOWN
    assert is_writable(leader)


def test_a_leader_whose_lease_is_over_takes_no_writes(
    leader: Server, strict_of: StrictOf, capsys: pytest.CaptureFixture[str]
) -> None:
    strict_of(Table("primary-1")).look()
    assert strict_of(silent(), lease=SHORT).look() is Standing.UNKNOWN
    assert not is_writable(leader)
    assert [line["step"] for line in said(capsys)] == ["ready", "lease is over", "look failed"]


def test_a_lease_that_was_never_begun_is_over(leader: Server, strict_of: StrictOf) -> None:
    strict_of(silent()).look()
    assert not is_writable(leader)


def test_it_takes_writes_again_when_the_ledger_answers(leader: Server, strict_of: StrictOf) -> None:
    fence = strict_of(silent(), lease=SHORT)
    fence.look()
    assert not is_writable(leader)
    assert strict_of(Table("primary-1")).look() is Standing.LEADS
    assert is_writable(leader)


def test_one_pod_that_reads_the_ledger_is_enough(leader: Server, strict_of: StrictOf) -> None:
    blind, seeing = strict_of(silent()), strict_of(Table("primary-1"))
    for _ in range(3):
        seeing.look()
        blind.look()
        assert is_writable(leader)


def test_a_superseded_leader_does_not_renew_its_lease(leader: Server, strict_of: StrictOf) -> None:
    assert strict_of(Table("primary-1", "secondary-1")).look() is Standing.SUPERSEDED
    with leader.connect() as owner:
        assert owner.execute("SELECT to_regclass('lifeline.lease')").fetchone() == (None,)


def test_a_replica_has_no_lease(replica: Server, strict_of: StrictOf) -> None:
    assert strict_of(silent(), at=replica, of="secondary-1", lease=SHORT).look() is Standing.UNKNOWN
    assert strict_of(Table("primary-1"), at=replica, of="secondary-1", lease=SHORT).look() is Standing.FOLLOWS


def test_a_fence_without_a_lease_lets_its_leader_write_on(leader: Server, strict_of: StrictOf) -> None:
    strict_of(silent(), lease=0.0).look()
    assert is_writable(leader)


def test_a_lease_ends_on_behalf_of_the_epoch_that_has_decided(leader: Server, strict_of: StrictOf) -> None:
    """A later closing by the newest claim must not be refused."""
    strict_of(Table("secondary-1", "primary-1")).look()
    strict_of(silent(), lease=SHORT).look()
    assert strict_of(Table("secondary-1", "primary-1", "secondary-2")).look() is Standing.SUPERSEDED


def test_a_slow_read_makes_the_lease_older(leader: Server, strict_of: StrictOf) -> None:
    table, waited = Table("primary-1"), threading.Event()

    def read_slowly() -> None:
        waited.wait(0.1)

    table.before_read = read_slowly
    strict_of(table).look()
    with leader.connect() as owner:
        age = owner.execute("SELECT extract(epoch FROM clock_timestamp() - at) FROM lifeline.lease").fetchone()
    assert age is not None
    assert float(age[0]) >= 0.2, "two reads of 0.1 s"


def test_a_promotion_waits_until_the_lease_of_the_old_leader_is_over() -> None:
    """The old leader has just read the ledger. Its last look begins when the lease is almost over, and closes nothing;
    the next one asks the ledger in vain, and closes it."""
    longest_look = 2 * fences.LOOK_SECONDS + CALL_SECONDS
    closed_after = jobs.LEASE_SECONDS + longest_look + jobs.FENCE_SECONDS + longest_look
    assert closed_after < once.STRICT_WAIT_SECONDS
