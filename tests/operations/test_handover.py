"""The gate of a planned switchover with a real replica: when it succeeds, and its exit codes when it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.handover import Gate
from operations.records import HandoverRecord
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import Server
from tests.operations import world
from tests.operations.world import SILENT, Instances, Table, database, instance, ledger, said

FAR_AHEAD = "FFFF/0"
SHORT, LONG = 0.1, 60.0
"""Real seconds: short for a refusal, long for a success."""

GateOf = Callable[..., Gate]


@pytest.fixture
def gate_of(tmp_path: Path, replica: Server) -> GateOf:
    def make(
        table: Table,
        *,
        at: Server = replica,
        patience: float = SHORT,
        accept_loss: bool = False,
        instances: Instances | None = None,
    ) -> Gate:
        own = instance(instances or Instances())
        leader, taker = DatabaseId("primary", 1), DatabaseId("secondary", 1)
        return Gate(ledger(table), database(at, tmp_path), 1, leader, taker, patience, own, accept_loss)

    return make


def drained(position: str, *, withdrawn: bool = False) -> Table:
    table = Table("primary-1")
    drain(table, position, withdrawn=withdrawn)
    return table


def drain(table: Table, position: str, *, withdrawn: bool = False) -> None:
    record = HandoverRecord(1, DatabaseId("primary", 1), position, "2026-01-01T00:00:00+00:00")
    assert ledger(table).note(record)
    if withdrawn:
        assert ledger(table).withdraw(record)


def written(leader: Server) -> str:
    """Insert a row, and return the position after it."""
    with leader.connect() as connection:
        connection.execute("INSERT INTO users (id) VALUES (gen_random_uuid()::text)")
    return leader.text("SELECT pg_current_wal_lsn()::text")


def reason(capsys: pytest.CaptureFixture[str], step: str) -> str:
    """The reason in the only line that was logged."""
    (line,) = said(capsys)
    assert (line["step"], line["epoch"]) == (step, 1)
    return str(line["reason"])


@pytest.mark.parametrize(
    ("instances", "expected"),
    [
        (Instances("backing-up"), "RDS says that the replica is backing-up"),
        (Instances(failure=SILENT), "Could not connect to the endpoint"),
    ],
)
def test_a_replica_that_rds_would_not_promote_is_not_claimed_for(
    gate_of: GateOf, leader: Server, capsys: pytest.CaptureFixture[str], instances: Instances, expected: str
) -> None:
    table = drained(written(leader))
    gate = gate_of(table, patience=1.0, accept_loss=True, instances=instances)
    assert gate.wait() == FAILURE
    assert expected in reason(capsys, "must not promote")


def test_a_replica_that_has_all_of_it_may_be_promoted(
    gate_of: GateOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate_of(drained(written(leader)), patience=LONG).wait() == SUCCESS
    assert reason(capsys, "may promote") == "the replica has everything"


def test_nobody_is_promoted_before_the_leader_is_drained(gate_of: GateOf, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate_of(Table("primary-1")).wait() == REFUSED
    assert "set lifeline:switchover.drain in its stack first" in reason(capsys, "must not promote")


def test_a_record_of_another_epoch_opens_nothing(gate_of: GateOf) -> None:
    table = Table("primary-1")
    ledger(table).note(HandoverRecord(2, DatabaseId("primary", 1), "0/0", "2026-01-01T00:00:00+00:00"))
    assert gate_of(table).wait() == REFUSED


def test_a_withdrawn_record_is_none(gate_of: GateOf) -> None:
    assert gate_of(drained("0/0", withdrawn=True)).wait() == REFUSED


def test_a_replica_that_is_behind_is_not_promoted(gate_of: GateOf, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate_of(drained(FAR_AHEAD)).wait() == REFUSED
    (line,) = said(capsys)
    assert line == {
        "step": "must not promote",
        "epoch": 1,
        "reason": "the replica is behind the position where the leader stopped",
        "leader": "primary-1",
        "position": FAR_AHEAD,
        "drained_at": "2026-01-01T00:00:00+00:00",
    }


@pytest.mark.parametrize("table", [Table("primary-1"), drained(FAR_AHEAD)], ids=["not drained", "behind"])
def test_an_accepted_loss_is_promoted_and_said(
    gate_of: GateOf, table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate_of(table, accept_loss=True).wait() == SUCCESS
    assert reason(capsys, "may promote").startswith("loss accepted: the ")


def test_no_loss_is_said_to_be_accepted_where_there_is_none(
    gate_of: GateOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate_of(drained(written(leader)), patience=LONG, accept_loss=True).wait() == SUCCESS
    assert reason(capsys, "may promote") == "the replica has everything"


def test_what_is_promoted_already_is_not_held_up(
    gate_of: GateOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same as after an interrupted update that is run again."""
    assert gate_of(Table("primary-1"), at=leader).wait() == SUCCESS
    assert reason(capsys, "may promote") == "promoted already"


def test_it_takes_the_record_so_that_the_leader_cannot_resume(gate_of: GateOf, leader: Server) -> None:
    table = drained(written(leader))
    assert gate_of(table, patience=LONG).wait() == SUCCESS
    record = ledger(table).handover_record(1)
    assert record is not None
    assert record.taker == DatabaseId("secondary", 1)
    assert not ledger(table).withdraw(record)
    assert gate_of(table, patience=LONG).wait() == SUCCESS  # the same run again


def test_a_record_that_is_withdrawn_while_the_gate_looks_opens_nothing(gate_of: GateOf, leader: Server) -> None:
    table = drained(written(leader))
    record = ledger(table).handover_record(1)
    assert record is not None

    def withdraw_first() -> None:
        table.before_write = world.nothing
        assert ledger(table).withdraw(record)

    table.before_write = withdraw_first
    assert gate_of(table).wait() == REFUSED
    assert ledger(table).handover_record(1) is None


def test_a_take_whose_answer_is_lost_is_made_again(gate_of: GateOf, leader: Server) -> None:
    table = drained(written(leader))
    table.lost_answers = 1
    assert gate_of(table, patience=LONG / 30).wait() == SUCCESS


def test_a_record_that_another_database_has_taken_opens_nothing(
    gate_of: GateOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    table = drained(written(leader))
    record = ledger(table).handover_record(1)
    assert record is not None
    assert ledger(table).take(record, DatabaseId("third", 1))
    assert gate_of(table).wait() == REFUSED
    assert reason(capsys, "must not promote") == "third-1 has taken the record"


def test_a_record_of_a_database_that_does_not_lead_opens_nothing(
    gate_of: GateOf, leader: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table("primary-1")
    ledger(table).note(HandoverRecord(1, DatabaseId("primary", 2), written(leader), "2026-01-01T00:00:00+00:00"))
    assert gate_of(table).wait() == REFUSED
    assert reason(capsys, "must not promote") == "the record is of primary-2, and primary-1 leads"


def test_a_take_that_stays_in_the_file_does_nothing_once_its_epoch_is_claimed(
    gate_of: GateOf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate_of(Table("primary-1", "secondary-1", "primary-3")).wait() == SUCCESS
    assert reason(capsys, "may promote") == "the next epoch is claimed already"


@pytest.mark.parametrize("accept_loss", [True, False])
def test_an_unreachable_ledger_is_no_evidence(gate_of: GateOf, accept_loss: bool) -> None:
    table = drained("0/0")
    table.failure = SILENT
    assert gate_of(table, accept_loss=accept_loss).wait() == FAILURE


@pytest.mark.parametrize("accept_loss", [True, False])
def test_an_unreachable_database_is_no_evidence(gate_of: GateOf, accept_loss: bool) -> None:
    nobody = Server("nobody", 1, "not-for-logs")
    assert gate_of(drained("0/0"), at=nobody, accept_loss=accept_loss).wait() == FAILURE


def test_a_position_that_is_none_is_no_evidence(gate_of: GateOf) -> None:
    assert gate_of(drained("nowhere")).wait() == FAILURE


@pytest.mark.parametrize("accept_loss", [True, False])
def test_it_waits_for_the_record(gate_of: GateOf, capsys: pytest.CaptureFixture[str], accept_loss: bool) -> None:
    """Also where a loss would be accepted: it is accepted only when the time is over."""
    table, reads = Table("primary-1"), [1, 2, 3]

    def drain_late() -> None:
        if reads:
            reads.pop()
        else:
            table.before_read = world.nothing
            drain(table, "0/0")

    table.before_read = drain_late
    assert gate_of(table, patience=LONG / 30, accept_loss=accept_loss).wait() == SUCCESS
    assert reads == []
    assert reason(capsys, "may promote") == "the replica has everything"


def test_it_waits_for_a_ledger_that_comes_back(gate_of: GateOf) -> None:
    table = drained("0/0")
    failures = [SILENT, SILENT]

    def answer_late() -> None:
        table.failure = failures.pop() if failures else None

    table.before_read = answer_late
    assert gate_of(table, patience=LONG / 30).wait() == SUCCESS
    assert failures == []
