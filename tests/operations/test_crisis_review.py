"""The review of crisis events: against DynamoDB in moto."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operations import crisis_review
from operations.crisis_review import CrisisReview, Reviewed, tell, text_of
from operations.environment import SettingError
from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.ledger_items import LedgerUnreadableError
from recovery.naming import LEDGER_KEY
from tests.operations.backups import REGION, ledger_table

NOW = datetime(2026, 11, 30, 6, 47, tzinfo=UTC)
PATIENCE = timedelta(minutes=5)
EMPTY = Reviewed(events=0, escalations=0, by_site={}, keyword_only=0, missed=(), undated=())
_names = itertools.count(1)


@pytest.fixture
def table(dynamodb: Any) -> Iterator[str]:
    name = ledger_table(dynamodb, f"reviewed-{next(_names)}")
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def review(dynamodb: Any, table: str) -> CrisisReview:
    return CrisisReview(client=dynamodb, table=table, patience=PATIENCE, clock=lambda: NOW)


def put(review: CrisisReview, key: str, *, minutes: float | None = None, **facts: str) -> None:
    """Write an item that is so many minutes old; None for one without a time."""
    dated = {} if minutes is None else {"at": text_of(NOW - timedelta(minutes=minutes))}
    item = {LEDGER_KEY: key, **dated, **facts}
    review.client.put_item(TableName=review.table, Item={name: {"S": value} for name, value in item.items()})


def test_an_event_is_missed_if_no_escalation_names_it(review: CrisisReview) -> None:
    put(review, "event#1", minutes=60, site="primary", mode="hybrid")
    put(review, "event#2", minutes=90, site="primary", mode="keyword_only")
    put(review, "event#3", minutes=30, site="secondary", mode="hybrid")
    put(review, "escalation#1", minutes=59, site="secondary", event="1")
    put(review, "escalation#2", minutes=58, site="secondary")
    assert review.run() == Reviewed(
        events=3,
        escalations=2,
        by_site={"primary": 2, "secondary": 1},
        keyword_only=1,
        missed=("event#2", "event#3"),
        undated=(),
    )


def test_an_alert_has_its_time(review: CrisisReview) -> None:
    put(review, "event#old", minutes=5)
    put(review, "event#new", minutes=4)
    assert (review.run().events, review.run().missed) == (2, ("event#old",))


def test_a_run_that_is_an_hour_late_leaves_no_gap(review: CrisisReview) -> None:
    put(review, "event#before", minutes=25 * 60 + 1)
    put(review, "event#after", minutes=25 * 60)
    assert review.run().missed == ("event#after",)


def test_health_checks_and_the_protocol_of_recovery_are_no_events(review: CrisisReview) -> None:
    for key in ("event#check-primary", "epoch#1", "ready#1", "closed#1", "handover#1"):
        put(review, key)
    assert review.run() == EMPTY


def test_an_item_without_a_time_is_named_however_old_it_is(review: CrisisReview) -> None:
    put(review, "event#1", site="primary")
    put(review, "escalation#1", event="1")
    assert review.run().undated == ("escalation#1", "event#1")
    assert review.run().events == 0


def test_every_page_of_the_table_is_read(review: CrisisReview) -> None:
    """A page has at most one MiB. Source: Amazon DynamoDB Developer Guide, "Scanning tables"."""
    for number in range(4):
        put(review, f"event#{number}", minutes=60, text="x" * 390_000)
    assert review.run().events == 4


def test_the_log_has_the_counts_and_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    missed = tuple(f"event#{number}" for number in range(150))
    found = Reviewed(
        events=200, escalations=50, by_site={"primary": 200}, keyword_only=7, missed=missed, undated=("event#x",)
    )
    assert tell(found) == REFUSED
    summary, *rest = map(json.loads, capsys.readouterr().out.splitlines())
    assert (summary["step"], summary["events"], summary["missed"]) == ("crisis events reviewed", 200, 150)
    assert [(line["step"], len(line["events"])) for line in rest] == [
        ("not alerted", 100), ("not alerted", 50), ("without a time", 1),
    ]  # fmt: skip
    assert [key for line in rest[:2] for key in line["events"]] == [*missed]


@pytest.mark.parametrize(
    ("reviewed", "code"),
    [
        (EMPTY, SUCCESS),
        (replace(EMPTY, missed=("event#1",)), REFUSED),
        (replace(EMPTY, undated=("event#1",)), REFUSED),
    ],
)
def test_the_exit_code_says_whether_a_person_must_look(reviewed: Reviewed, code: int) -> None:
    assert tell(reviewed) == code


def test_a_ledger_that_does_not_answer_proves_nothing(review: CrisisReview, dynamodb: Any) -> None:
    lost = CrisisReview(client=dynamodb, table="lost", patience=PATIENCE)
    with pytest.raises(LedgerUnreadableError, match="not found"):
        lost.run()


def test_the_job_reads_the_table_of_its_settings(
    review: CrisisReview, table: str, endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    put(review, "event#1", minutes=(NOW - datetime.now(UTC)) / timedelta(minutes=1) + 6)
    asked = {"AWS_REGION": REGION, "LEDGER_TABLE": table, "ALERT_SECONDS": "300", "DEADLINE_SECONDS": "60"}
    assert crisis_review.main(asked) == REFUSED
    elsewhere = {**asked, "AWS_REGION": "us-east-2", "LEDGER_TABLE": f"arn:aws:dynamodb:{REGION}:1:table/{table}"}
    assert crisis_review.main(elsewhere) == REFUSED
    assert crisis_review.main({**asked, "LEDGER_TABLE": "lost"}) == FAILURE
    assert capsys.readouterr().out.count('"events": ["event#1"]') == 2
    with pytest.raises(SettingError, match="ALERT_SECONDS"):
        crisis_review.main({key: value for key, value in asked.items() if key != "ALERT_SECONDS"})
