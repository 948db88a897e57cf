"""The states of a handover record, with the conditions that DynamoDB evaluates."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from operations.ledger import JobLedger
from operations.records import HandoverRecord
from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from recovery.timeline import DatabaseId
from tests.documented import aws_call

REGION = "us-east-2"
LEADER, TAKER, OTHER = (DatabaseId.parse(name) for name in ("primary-1", "secondary-1", "secondary-2"))
RECORD = HandoverRecord(1, LEADER, "0/3000148", "2026-01-01T00:00:00+00:00")


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Generator[JobLedger]:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "test")
    with mock_aws():
        boto3.client("dynamodb", REGION).create_table(
            TableName=LEDGER_TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": LEDGER_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": LEDGER_KEY, "AttributeType": "S"}],
        )
        yield JobLedger.connect(REGION, LEDGER_TABLE)


def test_a_record_is_taken_by_one_database_only_which_may_repeat_it(ledger: JobLedger) -> None:
    assert ledger.note(RECORD)
    assert [ledger.take(RECORD, taker) for taker in (TAKER, OTHER, TAKER)] == [True, False, True]
    assert ledger.handover_record(1) == replace(RECORD, taker=TAKER)


def test_a_taken_record_is_neither_withdrawn_nor_written_anew(ledger: JobLedger) -> None:
    ledger.note(RECORD)
    ledger.take(RECORD, TAKER)
    assert not ledger.withdraw(RECORD)
    assert not ledger.note(replace(RECORD, position="0/4000000"))
    assert ledger.handover_record(1) == replace(RECORD, taker=TAKER)


def test_a_withdrawn_record_is_not_taken_until_the_leader_is_drained_again(ledger: JobLedger) -> None:
    ledger.note(RECORD)
    assert ledger.withdraw(RECORD)
    assert ledger.handover_record(1) is None
    assert not ledger.take(RECORD, TAKER)
    assert ledger.note(RECORD)
    assert ledger.take(RECORD, TAKER)


@pytest.mark.parametrize("other", [replace(RECORD, position="0/4000000"), replace(RECORD, database=OTHER)])
def test_a_record_that_has_changed_since_it_was_read_is_not_taken(ledger: JobLedger, other: HandoverRecord) -> None:
    ledger.note(other)
    assert not ledger.take(RECORD, TAKER)


def test_a_record_that_was_never_written_is_not_taken(ledger: JobLedger) -> None:
    assert not ledger.take(RECORD, TAKER)
    assert ledger.handover_record(1) is None


def test_the_command_of_the_runbook_gives_a_taken_record_back(ledger: JobLedger) -> None:
    ledger.note(RECORD)
    ledger.take(RECORD, TAKER)
    call = aws_call("switchover", "dynamodb update-item")
    boto3.client("dynamodb", call.pop("Region")).update_item(**call)
    assert ledger.handover_record(1) == RECORD
    assert ledger.withdraw(RECORD)
