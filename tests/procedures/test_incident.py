"""The record of an incident: each source is read, and one that does not answer is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.reporting import moment, page
from operations.ledger import JobLedger
from operations.records import Claim, Closing
from procedures.access import ProcedureError
from procedures.incident import Incident, Outage, Samples, incident, outages
from procedures.incident_record import REVIEW, WRITE, record
from procedures.live_metrics import samples
from recovery.naming import LEDGER_TABLE, pod_log_group, state_bucket
from recovery.objectives import CORE, CRISIS
from recovery.timeline import DatabaseId
from rehearsal.world.cloud import empty_account
from stacks.config import SiteConfig, parse
from tests.harness import stack_config
from tests.procedures.accounts import SECONDARY, Account, make_ledger

SINCE = datetime(2026, 12, 1, 3, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)
CONFIG = parse(stack_config("secondary", timeline=["primary-1", "secondary-1"]), stack="secondary")
STEP = timedelta(seconds=15)


def probed(*values: float) -> list[tuple[datetime, float]]:
    return [(SINCE + number * STEP, value) for number, value in enumerate(values)]


def metrics(config: SiteConfig, expr: str, since: datetime, until: datetime, step: timedelta) -> Samples:
    assert (config.site, since, until, step) == ("secondary", SINCE, UNTIL, STEP)
    assert "probe_success" in expr
    return {CRISIS.name: probed(1, 1), CORE.name: probed(1, 0, 0, 0, 1, 0, 1)}


@dataclass
class Alarmed:
    """CloudWatch, with the history of alarms, which moto does not have."""

    client: Any

    def get_metric_statistics(self, **words: Any) -> Any:
        """From moto."""
        return self.client.get_metric_statistics(**words)

    def get_paginator(self, name: str) -> Any:
        """Of the history."""
        assert name == "describe_alarm_history"
        return self

    def paginate(self, **words: Any) -> list[dict[str, Any]]:
        """One page."""
        assert words == {"HistoryItemType": "StateUpdate", "StartDate": words["StartDate"], "EndDate": UNTIL}
        items = [{"Timestamp": SINCE + timedelta(minutes=3), "AlarmName": "Lag", "HistorySummary": "OK to ALARM"}]
        return [{"AlarmHistoryItems": [item for item in items if item["Timestamp"] >= words["StartDate"]]}]


class Remembering(Account):
    """The account, with a history of alarms."""

    def client(self, service: str, region: str) -> Any:
        """A client."""
        made = super().client(service, region)
        return Alarmed(made) if service == "cloudwatch" else made


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """A failover to the secondary, a minute after the loss."""
    with empty_account() as url:
        make_ledger(url, SECONDARY)
        access = Remembering({SECONDARY: url})
        ledger = JobLedger(access.client("dynamodb", SECONDARY), LEDGER_TABLE)
        claim = Claim(2, DatabaseId("secondary", 1))
        ledger.put_claim(claim)
        ledger.note_closing(Closing(1, DatabaseId("primary", 1), "0/3000148", "2026-12-01T03:02:00+00:00"))
        ledger.mark_ready(claim, "2026-12-01T03:05:00+00:00")
        _history(access.client("s3", SECONDARY))
        _logs(access.client("logs", SECONDARY))
        lag: dict[str, Any] = {
            "MetricName": "ReplicaLag",
            "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "lifeline-secondary-1"}],
            "Timestamp": SINCE + timedelta(minutes=1),
            "Value": 4.0,
        }
        Account.client(access, "cloudwatch", SECONDARY).put_metric_data(Namespace="AWS/RDS", MetricData=[lag])
        yield access


def _history(s3: Any) -> None:
    bucket = state_bucket("secondary", account="123456789012")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": SECONDARY})
    began = int(SINCE.timestamp())
    run = {
        "kind": "update",
        "result": "succeeded",
        "startTime": began + 60,
        "endTime": began + 200,
        "resourceChanges": {"create": 2, "update": 8},
    }
    prefix = ".pulumi/history/lifeline/secondary/secondary-1"
    s3.put_object(Bucket=bucket, Key=f"{prefix}.history.json", Body=json.dumps(run).encode())
    s3.put_object(Bucket=bucket, Key=f"{prefix}.checkpoint.json", Body=b"{}")


def _logs(logs: Any) -> None:
    group = pod_log_group("secondary", "platform")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="a")
    at = int((SINCE + timedelta(minutes=2)).timestamp() * 1000)
    lines = (
        '{"at": "x", "step": "may promote", "epoch": 2, "reason": "closed"}',
        '{"at": "x", "step": "call failed", "problem": "a person wrote: drained"}',
        "a person wrote that they are drained",
    )
    events = [{"timestamp": at, "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName="a", logEvents=events)


def test_a_record_has_what_every_source_says_in_its_order(account: Account) -> None:
    found = incident(account, [CONFIG], metrics, SINCE, UNTIL, seconds=60)
    assert [(event.at.strftime("%H:%M"), event.site, event.text, event.source) for event in found.events] == [
        ("03:01", "secondary", "pulumi update succeeded after 140 s: 2 create, 8 update", "history of the state"),
        ("03:02", "primary", "epoch 1, primary-1 closed: it takes no writes", "ledger"),
        ("03:02", "secondary", "may promote, epoch 2", "logs of the jobs"),
        ("03:03", "secondary", "Lag: OK to ALARM", "alarms"),
        ("03:05", "secondary", "epoch 2, secondary-1 ready: it takes writes, and the traffic follows", "ledger"),
    ]
    assert (found.leader, found.epoch) == ("secondary-1", 2)
    assert found.outages == (Outage("core", "secondary", SINCE + STEP, 45.0),)
    assert found.lags == {"secondary": 4.0}
    assert found.unread == ()


def test_a_source_that_does_not_answer_is_named(account: Account) -> None:
    def silent(*_: Any) -> Samples:
        raise ConnectionError("no workspace")

    found = incident(account, [CONFIG], silent, SINCE, UNTIL, seconds=60)
    assert found.unread == ("secondary: probes: no workspace",)
    assert "- secondary: probes: no workspace" in record(found)
    assert "none measured" in record(found)


def test_what_happened_at_another_time_is_left_out(account: Account) -> None:
    later = SINCE + timedelta(minutes=4)
    found = incident(account, [CONFIG], lambda *_: {}, later, UNTIL, seconds=60)
    assert [event.at.strftime("%H:%M") for event in found.events] == ["03:05"]


def test_an_outage_that_has_not_ended_counts_until_the_last_sample() -> None:
    (found,) = outages("primary", {CORE.name: probed(1, 0, 0, 0)})
    assert (found.began, found.seconds) == (SINCE + STEP, 30.0)


def test_a_broken_promise_is_said() -> None:
    outage = Outage("crisis", "primary", SINCE, 301.0)
    text = record(Incident(SINCE, UNTIL, "secondary-1", 2, (), (outage,), {}, ()))
    assert "| Crisis Detection System | 300 s | 301 s from 03:00:00, seen from primary | **broken** |" in text
    assert "| Core Platform | 1800 s | none measured |  |" in text


def test_a_record_has_every_part_of_the_plans_review() -> None:
    text = record(Incident(SINCE, UNTIL, "", 0, (), (), {}, ()))
    assert len(REVIEW) == 6
    for name, _ in REVIEW:
        assert f"- [ ] {name}. {WRITE}" in text
    assert "call or text 988" in text


def test_the_page_shows_tables_and_no_markup_of_others() -> None:
    html = page("# Incident\n\n| a | b |\n|---|---|\n| <script>x</script> | c |\n")
    assert "<title>Incident</title>" in html
    assert "<td>&lt;script&gt;x&lt;/script&gt;</td>" in html


def test_an_answer_of_prometheus_is_read_by_tier() -> None:
    result = [{"metric": {"tier": "core"}, "values": [[1764558000, "1"], [1764558015, "0"]]}]
    found = samples({"data": {"result": result}})
    assert [value for _, value in found["core"]] == [1.0, 0.0]


@pytest.mark.parametrize("text", ["yesterday", "2026-12-01T03:00:00", "", "x" * 5000])
def test_a_time_needs_an_offset(text: str) -> None:
    with pytest.raises(ProcedureError, match="is no time with an offset"):
        moment(text)
