"""The note of a closed leader, and the wait of a promotion for it, with a real leader and its replica."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, cast

import pytest

from operations import promotion_wait
from operations.database import OwnDatabase
from operations.deadline import Deadline
from operations.fence import Standing
from operations.promotion_wait import LateError, PromotionWait
from operations.records import Claim, Closing, HandoverRecord
from operations.session import DatabaseUnreachableError
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import PostgresServers, Server
from rehearsal.world.server import wal_position
from tests.operations.sessions import write
from tests.operations.world import SILENT, FenceOf, Table, database, ledger, said

FAR_AHEAD, LONG_AGO = "FFFF/0", "0/1"
SHORT, LONG = 1.0, 60.0
"""Real seconds: short for a wait that ends by itself, long for one that ends when the replica may be promoted."""
OLD, NEW = DatabaseId("primary", 1), DatabaseId("secondary", 1)

WaitOf = Callable[..., PromotionWait]


@pytest.fixture
def wait_of(tmp_path: Path, replica: Server) -> WaitOf:
    def make(table: Table, *, at: Server = replica, epoch: int = 2, patience: float = SHORT) -> PromotionWait:
        return PromotionWait(ledger(table), database(at, tmp_path), NEW, epoch, patience)

    return make


def closed(position: str, *claims: str) -> Table:
    """The ledger of a promotion, with the closing of the first epoch's leader."""
    table = Table(*(claims or ("primary-1", "secondary-1")))
    assert ledger(table).note_closing(Closing(1, OLD, position, "2026-01-01T00:00:00+00:00"))
    return table


class TestNote:
    def test_a_superseded_leader_notes_where_it_stopped(
        self, leader: Server, fence_of: FenceOf, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with leader.connect() as session:
            write(session)
            (committed,) = session.execute("SELECT pg_current_wal_lsn()::text").fetchone() or ("",)
        table = Table("primary-1", "secondary-1")
        assert fence_of(table).look() is Standing.SUPERSEDED
        closing = ledger(table).closing(1)
        assert closing is not None
        assert closing.database == OLD
        assert wal_position(closing.position) >= wal_position(committed)
        assert [line["step"] for line in said(capsys)] == ["fenced", "closing noted"]

    def test_a_note_is_never_changed(self, leader: Server, fence_of: FenceOf) -> None:
        table = Table("primary-1", "secondary-1")
        fence_of(table).look()
        before = dict(table.items["closed#1"])
        for _ in range(2):
            fence = fence_of(table)
            assert [fence.look(), fence.look()] == [Standing.SUPERSEDED] * 2
        assert table.items["closed#1"] == before

    def test_a_note_that_could_not_be_written_is_written_by_the_next_look(
        self, leader: Server, fence_of: FenceOf
    ) -> None:
        table = Table("primary-1", "secondary-1")
        fence = fence_of(table)

        def fail() -> None:
            raise SILENT

        table.before_write = fail
        assert fence.look() is Standing.UNKNOWN
        assert ledger(table).closing(1) is None
        table.before_write = lambda: None
        assert fence.look() is Standing.SUPERSEDED
        assert ledger(table).closing(1) is not None

    def test_it_is_about_the_epoch_that_the_database_led(self, leader: Server, fence_of: FenceOf) -> None:
        """A discard makes a database lead twice, and an edit that is never applied leaves a gap."""
        table = Table("primary-1", "secondary-1", "primary-1", "primary-9", "secondary-2")
        del table.items["epoch#4"]
        fence_of(table).look()
        assert [epoch for epoch in range(1, 6) if ledger(table).closing(epoch)] == [3]

    def test_a_database_that_never_led_notes_nothing(self, leader: Server, fence_of: FenceOf) -> None:
        table = Table("primary-7", "secondary-1")
        assert fence_of(table).look() is Standing.SUPERSEDED
        assert {key for key in table.items if key.startswith("closed")} == set()

    @pytest.mark.parametrize("claims", [("primary-1",), ("secondary-1", "primary-1")])
    def test_a_leader_notes_nothing(self, leader: Server, fence_of: FenceOf, claims: tuple[str, ...]) -> None:
        table = Table(*claims)
        assert fence_of(table).look() is Standing.LEADS
        assert {key for key in table.items if key.startswith("closed")} == set()


class TestWait:
    def test_it_ends_when_the_replica_has_what_the_closed_leader_committed(
        self, leader: Server, fence_of: FenceOf, wait_of: WaitOf
    ) -> None:
        table = Table("primary-1", "secondary-1")
        fence_of(table).look()
        assert wait_of(table, patience=LONG).wait()

    def test_it_looks_again_until_the_fence_has_noted_the_closing(
        self, leader: Server, fence_of: FenceOf, wait_of: WaitOf
    ) -> None:
        table = Table("primary-1", "secondary-1")
        fence, reads = fence_of(table), iter(range(100))

        def close() -> None:
            if next(reads) == 5:
                table.before_read = lambda: None
                fence.look()

        table.before_read = close
        assert wait_of(table, patience=LONG).wait()

    @pytest.mark.parametrize(
        ("table", "epoch", "why"),
        [
            (lambda: Table("primary-1", "secondary-1"), 2, "primary-1 is not known to be closed"),
            (lambda: closed(FAR_AHEAD), 2, "the replica is behind FFFF/0, where primary-1 stopped"),
            (
                lambda: closed(LONG_AGO, "primary-1", "primary-3", "secondary-1"),
                3,
                "primary-3 is not known to be closed",
            ),
        ],
        ids=["not closed", "behind", "an older epoch is closed"],
    )
    def test_it_ends_by_itself_and_says_why(
        self, wait_of: WaitOf, capsys: pytest.CaptureFixture[str], table: Callable[[], Table], epoch: int, why: str
    ) -> None:
        assert not wait_of(table(), epoch=epoch).wait()
        (line,) = said(capsys)
        assert line["step"] == "promotes although rows may be lost"
        assert line["reason"] == why

    def test_a_look_that_the_deadline_cuts_short_does_not_hide_the_reason(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        class Cut:
            looks = 0

            def session(self, deadline: Deadline) -> NoReturn:
                self.looks += 1
                if self.looks == 1:
                    raise DatabaseUnreachableError("the password is wrong")
                time.sleep(max(0.0, deadline.at - time.monotonic()))
                raise DatabaseUnreachableError("server closed the connection unexpectedly")

        table = ledger(Table("primary-1", "secondary-1"))
        assert not PromotionWait(table, cast("OwnDatabase", Cut()), NEW, 2, SHORT).wait()
        (line,) = said(capsys)
        assert line["reason"] == "the password is wrong"

    def test_a_later_claim_stops_the_promotion(self, wait_of: WaitOf) -> None:
        """A run that goes on late would open a second leader."""
        table = closed(LONG_AGO, "primary-1", "secondary-1", "primary-1")
        with pytest.raises(LateError, match="epoch 3 is claimed by primary-1"):
            wait_of(table, patience=LONG).wait()
        assert replace(wait_of(table, patience=LONG), promotes=False).wait(), "no promotion follows"

    def test_a_later_claim_stops_it_while_it_waits(self, wait_of: WaitOf) -> None:
        table = Table("primary-1", "secondary-1")
        looks = itertools.count()

        def claim_later() -> None:
            if next(looks) == 6:
                table.items["epoch#3"] = Claim(3, OLD).item

        table.before_read = claim_later
        with pytest.raises(LateError):
            wait_of(table, patience=LONG).wait()

    def test_a_record_that_this_database_has_taken_is_as_good_as_a_closing(self, wait_of: WaitOf) -> None:
        table = Table("primary-1", "secondary-1")
        record = HandoverRecord(1, OLD, LONG_AGO, "2026-01-01T00:00:00+00:00")
        assert ledger(table).note(record)
        assert not wait_of(table).wait()
        assert ledger(table).take(record, NEW)
        assert wait_of(table, patience=LONG).wait()

    def test_an_epoch_that_was_never_claimed_is_skipped(self, wait_of: WaitOf) -> None:
        table = closed(LONG_AGO, "primary-1", "primary-9", "secondary-1")
        del table.items["epoch#2"]
        assert wait_of(table, epoch=3, patience=LONG).wait()

    def test_nothing_is_waited_for_before_the_first_epoch(self, wait_of: WaitOf) -> None:
        assert wait_of(Table(), epoch=1, patience=LONG).wait()

    def test_a_database_that_is_promoted_already_waits_for_nothing(self, leader: Server, wait_of: WaitOf) -> None:
        assert wait_of(Table("primary-1", "secondary-1"), at=leader, patience=LONG).wait()

    def test_neither_the_ledger_nor_the_database_can_stop_a_promotion(
        self, servers: PostgresServers, wait_of: WaitOf
    ) -> None:
        silent = closed(LONG_AGO)
        silent.failure = SILENT
        assert not wait_of(silent).wait()
        nowhere = Server("nowhere", 1, "none")
        assert not wait_of(closed(LONG_AGO), at=nowhere).wait()

    def test_it_asks_a_silent_ledger_no_more_when_the_time_is_over(self, wait_of: WaitOf) -> None:
        table, reads = Table("primary-1", "secondary-1"), []
        table.before_read = lambda: reads.append(None)
        wait_of(table, patience=0.0).wait()
        assert len(reads) <= 1


def test_the_job_ends_well_when_it_has_waited_in_vain(
    replica: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(replica.password)
    table = Table("primary-1", "secondary-1")
    monkeypatch.setattr(promotion_wait.JobLedger, "connect", lambda *_: ledger(table))
    settings = {
        "AWS_REGION": "us-west-2",
        "DATABASE": "secondary-1",
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(replica.port),
        "DB_NAME": "mental_health_platform",
        "DB_USER": "lifeline",
        "DB_PASSWORD_FILE": str(tmp_path / "password"),
        "LEDGER_TABLE": "lifeline-crisis-ledger",
        "EPOCH_CLAIMED": "2",
        "PATIENCE_SECONDS": "0.2",
    }
    assert promotion_wait.main(settings) == 0
