"""How a fence closes a real database: if it breaks off, the next one finishes, and no reader is ended twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from operations import fence
from operations.deadline import Deadline, TooLateError
from operations.fence import Fence, Standing
from operations.ledger import JobLedger
from operations.session import DatabaseUnreachableError, Session
from recovery.naming import DATABASE_NAME, LEDGER_KEY
from rehearsal.world.postgres import Server
from tests.operations.sessions import in_background, is_ended, is_writable, write
from tests.operations.world import FenceOf, Table, database, said, set_by_hand
from tests.patience import wait_until


def test_looking_again_at_a_fenced_database_ends_no_reader(
    fence_of: FenceOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table("primary-1", "secondary-1")
    fence_of(table).look()
    assert [line["step"] for line in said(capsys)] == ["fenced", "closing noted"]
    with leader.connect() as reader:
        assert fence_of(table).look() is Standing.SUPERSEDED
        assert not is_ended(reader)
    assert said(capsys) == []


def test_a_session_of_a_superuser_does_not_stop_the_closing(fence_of: FenceOf, leader: Server) -> None:
    with leader.connect_as_admin(DATABASE_NAME) as aws, leader.connect() as session:
        assert fence_of(Table("primary-1", "secondary-1")).look() is Standing.SUPERSEDED
        assert is_ended(session)
        assert not is_ended(aws), "no one may end it"


def test_pools_that_reconnect_at_once_do_not_keep_a_database_open(fence_of: FenceOf, leader: Server) -> None:
    began = threading.Semaphore(0)

    def reconnect(stop: threading.Event) -> None:
        while not stop.is_set():
            with suppress(psycopg.OperationalError), leader.connect() as session:
                began.release()
                while not (stop.wait(0.01) or is_ended(session)):
                    pass

    with in_background(reconnect, times=3):
        for _ in range(3):
            began.acquire()
        assert fence_of(Table("primary-1", "secondary-1")).look() is Standing.SUPERSEDED


def break_off(*_: object) -> None:
    raise psycopg.OperationalError


HALVES = ("_note_closing", "_end_others")
"""The steps that follow after new sessions have become read-only."""


@pytest.mark.parametrize("half", HALVES)
def test_another_fence_finishes_a_closing_that_broke_off(
    fence_of: FenceOf, leader: Server, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    table = Table("primary-1", "secondary-1")
    with leader.connect() as session:
        with monkeypatch.context() as broken:
            broken.setattr(Session, half, break_off)
            assert fence_of(table).look() is Standing.UNKNOWN
        write(session)
        assert fence_of(table).look() is Standing.SUPERSEDED
        assert is_ended(session)


def test_a_closing_is_not_mistaken_for_an_earlier_one(
    fence_of: FenceOf, leader: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was closed, opened by hand and used. Then a fence died right after it had closed it again."""

    table = Table("primary-1", "secondary-1")
    fence_of(table).look()
    set_by_hand(leader, read_only=False)
    with leader.connect() as session:
        with monkeypatch.context() as broken:
            broken.setattr(Session, "_note_closing", break_off)
            assert fence_of(table).look() is Standing.UNKNOWN
        assert fence_of(table).look() is Standing.SUPERSEDED
        assert is_ended(session)


def test_a_database_that_is_opened_during_the_closing_is_not_taken_for_closed(
    fence_of: FenceOf, leader: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fence_of(Table("primary-1", "secondary-1")).look() is Standing.SUPERSEDED
    set_by_hand(leader, read_only=False)
    setting = Session._setting
    answers = iter([None, "1"])  # the first question is about an earlier note
    monkeypatch.setattr(Session, "_setting", lambda session: next(answers, None) or setting(session))
    table = Table("primary-1", "secondary-1")
    with leader.connect() as session:
        set_by_hand(leader, read_only=True)
        assert fence_of(table).look() is Standing.UNKNOWN
        assert fence_of(table).look() is Standing.SUPERSEDED
        assert is_ended(session)


def test_a_note_of_another_server_is_not_taken_for_the_closing(fence_of: FenceOf, leader: Server) -> None:
    """A dump was restored. By chance its note has the number of the transaction that closes this database."""
    fence_of(Table("primary-1", "secondary-1")).look()
    set_by_hand(leader, read_only=False)
    with leader.connect() as session:
        with leader.connect() as restored:
            # The next transaction is this one, the one after it closes the database.
            restored.execute("UPDATE lifeline.closing SET epoch = 1, setting = pg_current_xact_id()::text::bigint + 1")
        assert fence_of(Table("primary-1", "secondary-1")).look() is Standing.SUPERSEDED
        assert is_ended(session)


def test_a_closing_by_hand_is_finished(fence_of: FenceOf, leader: Server) -> None:
    with leader.connect() as session:
        set_by_hand(leader, read_only=True)
        assert fence_of(Table("primary-1", "secondary-1")).look() is Standing.SUPERSEDED
        assert is_ended(session)


def test_two_fences_close_a_database_at_once(fence_of: FenceOf, leader: Server) -> None:
    table = Table("primary-1", "secondary-1")
    fences = [fence_of(table) for _ in range(2)]
    with leader.connect() as session, ThreadPoolExecutor() as pool:
        # One may be refused when both alter the same row. It looks again.
        wait_until(lambda: set(pool.map(Fence.look, fences)) == {Standing.SUPERSEDED})
        assert is_ended(session)
    with leader.connect() as reader:
        assert {fence.look() for fence in fences} == {Standing.SUPERSEDED}
        assert not is_ended(reader)
    assert not is_writable(leader)


class Delayed(Table):
    """A ledger whose answers arrive late: their reader acts on a state that is over."""

    def __init__(self, *claims: str, then: Callable[[], None]) -> None:
        super().__init__(*claims)
        self.then = then

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        answer = super().batch_get_item(RequestItems=RequestItems)
        (asked,) = RequestItems.values()
        if {LEDGER_KEY: {"S": "epoch#4"}} in asked["Keys"]:  # the last ones that are asked for
            self.then()
        return answer


def test_a_late_fence_does_not_open_what_a_newer_epoch_has_closed(
    fence_of: FenceOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = fence_of(Table("primary-1", "secondary-1"))
    late = fence_of(Delayed("primary-1", then=lambda: closed.append(newer.look())))
    closed: list[Standing] = []
    assert late.look() is Standing.UNKNOWN
    assert closed == [Standing.SUPERSEDED]
    assert not is_writable(leader)
    assert said(capsys)[-1] == {"step": "look failed", "problem": "epoch 1 is over: epoch 2 has decided"}


def test_a_late_fence_does_not_end_the_drain_of_a_leader_that_is_superseded_meanwhile(
    fence_of: FenceOf, leader: Server, tmp_path: Path
) -> None:
    """The database is closed already, so the closing for the new epoch changes nothing that an application sees."""
    fence_of(Table("primary-1"), drain=True).look()
    assert fence_of(Table("primary-1", "secondary-1")).look() is Standing.SUPERSEDED
    with (
        pytest.raises(DatabaseUnreachableError, match="epoch 2 has decided"),
        database(leader, tmp_path).session() as session,
    ):
        session.open_writes(1)
    assert not is_writable(leader)


def test_a_late_fence_does_not_close_what_a_newer_epoch_has_opened(fence_of: FenceOf, leader: Server) -> None:
    """The site leads epoch 3 with the same database in this test, as after a handover that was taken back."""

    def lead() -> None:
        assert fence_of(Table("primary-1", "secondary-1", "primary-1")).look() is Standing.LEADS

    fence_of(Table("primary-1", "secondary-1")).look()
    late = fence_of(Delayed("primary-1", "secondary-1", then=lead))
    assert late.look() is Standing.UNKNOWN
    assert is_writable(leader)


def test_a_session_is_cut_at_its_deadline(leader: Server, tmp_path: Path) -> None:
    def wait() -> None:
        with database(leader, tmp_path).session(Deadline.after(0.5)) as session:
            session.has_caught_up(1)
            session._one("SELECT pg_sleep(4)")

    with pytest.raises(DatabaseUnreachableError):
        wait()


def test_no_connection_is_opened_after_the_deadline(tmp_path: Path) -> None:
    nobody = database(Server("nobody", 1, "not-for-logs"), tmp_path)
    with pytest.raises(TooLateError), nobody.session(Deadline.after(0)):
        pass


def test_no_session_is_cut_after_its_end(leader: Server, tmp_path: Path) -> None:
    with database(leader, tmp_path).session(Deadline.after(0.3)) as session:
        assert not session.follows()
    assert [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)] == []


def test_a_look_whose_time_is_over_asks_and_changes_nothing(
    fence_of: FenceOf, leader: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table("primary-1", "secondary-1")
    asked: list[int] = []
    table.before_read = lambda: asked.append(1)
    monkeypatch.setattr(fence, "LOOK_SECONDS", 0.0)
    assert fence_of(table).look() is Standing.UNKNOWN
    assert asked == []
    late = JobLedger.newest_claim
    monkeypatch.setattr(JobLedger, "newest_claim", lambda self, _: late(self))
    assert fence_of(table).look() is Standing.UNKNOWN
    assert asked
    assert is_writable(leader)
