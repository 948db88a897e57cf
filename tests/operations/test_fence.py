"""The fence with a real database: which sessions may write after a check, and what a second check does not touch."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from operations.database import OwnDatabase
from operations.fence import Standing
from operations.records import HandoverRecord
from operations.session import Session
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import PostgresServers, Server
from rehearsal.world.server import wal_position
from tests.operations.sessions import in_background, is_ended, is_writable, users, write
from tests.operations.world import (
    REFUSED,
    SILENT,
    FenceOf,
    Table,
    database,
    forget_closings,
    ledger,
    nothing,
    said,
    set_by_hand,
)
from tests.patience import wait_until


@pytest.fixture
def nobody(tmp_path: Path) -> Server:
    """A server that does not answer."""
    return Server("nobody", 1, "not-for-logs")


def fail() -> None:
    raise SILENT


def test_the_database_of_the_newest_claim_leads_and_goes_on_writing(fence_of: FenceOf, leader: Server) -> None:
    with leader.connect() as session:
        assert fence_of(Table("primary-1")).look() is Standing.LEADS
        write(session)
    assert is_writable(leader)


def test_a_newer_claim_of_another_makes_new_sessions_read_only_and_ends_the_open_ones(
    fence_of: FenceOf, leader: Server
) -> None:
    with leader.connect() as session:
        write(session)
        assert fence_of(Table("primary-1", "secondary-1")).look() is Standing.SUPERSEDED
        assert is_ended(session)
    assert not is_writable(leader)


def test_a_claim_that_comes_later_is_seen_at_the_next_look(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    fence = fence_of(table)
    assert fence.look() is Standing.LEADS
    table.items |= Table("primary-1", "secondary-1").items
    assert fence.look() is Standing.SUPERSEDED


def test_an_epoch_that_nobody_claimed_hides_no_later_one(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1", "secondary-1", "secondary-1")
    del table.items["epoch#2"]
    assert fence_of(table).look() is Standing.SUPERSEDED


def test_another_database_of_the_same_site_supersedes_too(fence_of: FenceOf, leader: Server) -> None:
    assert fence_of(Table("primary-1", "primary-2")).look() is Standing.SUPERSEDED
    assert not is_writable(leader)


@pytest.mark.parametrize("failure", [REFUSED, SILENT])
def test_an_unreadable_ledger_changes_nothing(fence_of: FenceOf, leader: Server, failure: Exception) -> None:
    table = Table("primary-1", "secondary-1")
    table.failure = failure
    assert fence_of(table).look() is Standing.UNKNOWN
    assert is_writable(leader)


def test_a_ledger_without_any_claim_changes_nothing(fence_of: FenceOf, leader: Server) -> None:
    assert fence_of(Table(), drain=True).look() is Standing.UNKNOWN
    assert is_writable(leader)


def test_a_database_that_does_not_answer_is_unknown(fence_of: FenceOf, nobody: Server) -> None:
    assert fence_of(Table("primary-1", "secondary-1"), at=nobody).look() is Standing.UNKNOWN


def test_a_password_that_cannot_be_read_is_a_database_that_does_not_answer(
    fence_of: FenceOf, leader: Server, tmp_path: Path
) -> None:
    fence = fence_of(Table("primary-1", "secondary-1"))
    (tmp_path / "primary-1-password").unlink()
    assert fence.look() is Standing.UNKNOWN


def test_a_refusal_of_the_database_stops_no_fence(fence_of: FenceOf, leader: Server, tmp_path: Path) -> None:
    """A role without permission to alter the database. Two pods that alter it at once get a similar error."""
    with leader.connect() as session:
        session.execute("CREATE ROLE guest LOGIN PASSWORD 'not-for-logs'")
    own = database(leader, tmp_path)
    guest = OwnDatabase(replace(own._address, user="guest"))
    fence = replace(fence_of(Table("primary-1", "secondary-1")), database=guest)
    assert fence.look() is Standing.UNKNOWN


def test_a_drained_leader_is_read_only_and_its_position_is_in_the_ledger(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    with leader.connect() as session:
        assert fence_of(table, drain=True).look() is Standing.DRAINED
        assert is_ended(session)
    assert not is_writable(leader)
    record = ledger(table).handover_record(1)
    assert record is not None
    assert (record.epoch, record.database) == (1, DatabaseId("primary", 1))


def test_a_replica_that_replayed_the_position_has_every_committed_row(
    fence_of: FenceOf, leader: Server, replica: Server, tmp_path: Path
) -> None:
    committed: set[str] = set()
    begun = threading.Event()

    def write_on(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with leader.connect() as session:
                    while not stop.is_set():
                        committed.add(write(session))
                        begun.set()
            except psycopg.OperationalError:
                continue
            except psycopg.errors.ReadOnlySqlTransaction:
                return

    table = Table("primary-1")
    with in_background(write_on, times=4):
        begun.wait()
        assert fence_of(table, drain=True).look() is Standing.DRAINED
    record = ledger(table).handover_record(1)
    assert record is not None
    follower = database(replica, tmp_path)
    wait_until(lambda: has_replayed(follower, record.position))
    assert committed <= users(replica) == users(leader)


def has_replayed(follower: OwnDatabase, position: str) -> bool:
    with follower.session() as session:
        return session.replayed(position)


def test_the_position_is_taken_after_the_last_writer_ended(
    fence_of: FenceOf, leader: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close_writes = Session.close_writes

    def close(session: Session, epoch: int) -> bool:
        changed = close_writes(session, epoch)
        closed.append(leader.text("SELECT pg_current_wal_insert_lsn()::text"))
        return changed

    monkeypatch.setattr(Session, "close_writes", close)
    table = Table("primary-1")
    fence_of(table, drain=True).look()
    assert wal_position(table.items["handover#1"]["position"]["S"]) >= wal_position(closed[0])


def test_a_commit_that_is_not_yet_written_lies_before_the_position(leader: Server, tmp_path: Path) -> None:
    own = database(leader, tmp_path)
    with leader.connect() as writer, own.session() as session:
        writer.execute("SET synchronous_commit = off")
        write(writer)
        row = writer.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        assert row is not None
        assert wal_position(session.written_to()) >= wal_position(row[0])


def test_looking_again_at_a_drained_leader_leaves_record_and_readers(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    fence_of(table, drain=True).look()
    before = table.items["handover#1"]
    with leader.connect() as reader:
        assert fence_of(table, drain=True).look() is Standing.DRAINED
        assert not is_ended(reader)
    assert table.items["handover#1"] is before


def test_a_record_that_could_not_be_written_is_written_at_the_next_look(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    table.before_write = fail
    assert fence_of(table, drain=True).look() is Standing.UNKNOWN
    table.before_write = nothing
    assert fence_of(table, drain=True).look() is Standing.DRAINED
    assert ledger(table).handover_record(1) is not None


def test_a_drained_leader_that_was_opened_by_hand_is_drained_anew(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    fence_of(table, drain=True).look()
    before = wal_position(table.items["handover#1"]["position"]["S"])
    set_by_hand(leader, read_only=False)
    assert is_writable(leader)
    fence_of(table, drain=True).look()
    assert wal_position(table.items["handover#1"]["position"]["S"]) > before
    assert not is_writable(leader)


def test_a_drain_that_is_taken_back_withdraws_the_record_before_it_opens_the_database(
    fence_of: FenceOf, leader: Server
) -> None:
    table = Table("primary-1")
    fence_of(table, drain=True).look()
    open_at_withdrawal: list[bool] = []
    table.before_write = lambda: open_at_withdrawal.append(is_writable(leader))
    assert fence_of(table).look() is Standing.LEADS
    assert open_at_withdrawal == [False]
    assert ledger(table).handover_record(1) is None
    assert is_writable(leader)


def test_sessions_that_began_read_only_end_when_writes_resume(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    fence_of(table, drain=True).look()
    with leader.connect() as session:
        fence_of(table).look()
        assert is_ended(session)


def test_a_record_that_cannot_be_withdrawn_keeps_the_database_read_only(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1")
    fence_of(table, drain=True).look()
    table.before_write = fail
    assert fence_of(table).look() is Standing.UNKNOWN
    assert not is_writable(leader)


def taken(fence_of: FenceOf) -> tuple[Table, HandoverRecord]:
    """A drained leader whose handover record is taken."""
    table = Table("primary-1")
    fence_of(table, drain=True).look()
    record = ledger(table).handover_record(1)
    assert record is not None
    assert ledger(table).take(record, DatabaseId("secondary", 1))
    return table, record


def test_a_record_that_is_taken_is_not_withdrawn_and_the_leader_stays_closed(
    fence_of: FenceOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    table, _ = taken(fence_of)
    assert fence_of(table).look() is Standing.DRAINED
    assert not is_writable(leader)
    assert said(capsys)[-1] == {"step": "handover is taken", "epoch": 1, "taker": "secondary-1"}


def test_a_leader_that_was_opened_by_hand_after_the_take_does_not_change_the_record(
    fence_of: FenceOf, leader: Server
) -> None:
    table, record = taken(fence_of)
    set_by_hand(leader, read_only=False)
    fence_of(table, drain=True).look()
    assert not is_writable(leader)
    assert ledger(table).handover_record(1) == replace(record, taker=DatabaseId("secondary", 1))


@pytest.mark.parametrize("drain", [True, False])
def test_a_replica_follows_whoever_leads(fence_of: FenceOf, replica: Server, drain: bool) -> None:
    for claims in (("primary-1",), ("primary-1", "secondary-1")):
        fence = fence_of(Table(*claims), of="secondary-1", at=replica, drain=drain)
        assert fence.look() is Standing.FOLLOWS


@pytest.fixture(scope="module")
def promotion(servers: PostgresServers) -> Server:
    """A replica that was promoted after its leader was drained: the log replicated the setting."""
    server = servers.replicate("secondary-2", "primary-1")
    set_by_hand(servers["primary-1"], read_only=True)
    servers.wait_caught_up("secondary-2")
    servers.promote("secondary-2")
    assert not is_writable(server)
    return server


@pytest.fixture
def promoted(promotion: Server) -> Server:
    """The promoted replica, read-only in each test, and otherwise as new."""
    forget_closings(promotion)
    set_by_hand(promotion, read_only=True)
    return promotion


def test_a_promotion_without_a_claim_stays_read_only(fence_of: FenceOf, promoted: Server) -> None:
    assert fence_of(Table("primary-1"), of="secondary-2", at=promoted).look() is Standing.SUPERSEDED
    assert not is_writable(promoted)


def test_a_promotion_with_the_newest_claim_takes_writes_though_its_leader_was_drained(
    fence_of: FenceOf, promoted: Server
) -> None:
    table = Table("primary-1", "secondary-2")
    assert fence_of(table, of="secondary-2", at=promoted).look() is Standing.LEADS
    assert is_writable(promoted)


def test_a_writable_promotion_without_a_claim_is_fenced(fence_of: FenceOf, promoted: Server) -> None:
    set_by_hand(promoted, read_only=False)
    assert fence_of(Table("primary-1"), of="secondary-2", at=promoted).look() is Standing.SUPERSEDED
    assert not is_writable(promoted)
