"""The export of the ledger: against DynamoDB and S3 in moto, whose export has one data file and no manifest."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operations import ledger_export
from operations.backup_store import BackupStore
from operations.exit_codes import FAILURE, SUCCESS
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.ledger_export import SAMPLE, DynamoDbTable, LedgerExport, LedgerExportError
from recovery.naming import LEDGER_KEY
from rehearsal.world.replication import copy_missing
from tests.operations.backups import REGION, answers, ledger_table, locked_bucket, objects

Making = Callable[..., LedgerExport]
_names = itertools.count(1)


@pytest.fixture
def table(dynamodb: Any) -> Iterator[str]:
    """A table that can be exported, with 150 crisis events and a claim."""
    name = ledger_table(dynamodb, f"ledger-{next(_names)}")
    recovery = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    for key in ("epoch#1", *(f"event#{number}" for number in range(150))):
        dynamodb.put_item(TableName=name, Item={LEDGER_KEY: {"S": key}})
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def copy(client: Any) -> BackupStore:
    return BackupStore(client, locked_bucket(client))


@pytest.fixture
def making(dynamodb: Any, table: str, store: BackupStore, copy: BackupStore) -> Making:
    arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]

    def make(*, hours_ago: float = 0, **changes: Any) -> LedgerExport:
        now = datetime.now(UTC) - timedelta(hours=hours_ago)
        plain: dict[str, Any] = {
            "table": DynamoDbTable(client=dynamodb, arn=arn, bucket=store.bucket, key_arn="arn:aws:kms:::key/1"),
            "store": store,
            "copy": copy,
            "ledger": JobLedger(dynamodb, table),
            "poll_seconds": 0.01,
            "clock": lambda: now,
        }
        return LedgerExport(**plain | changes)

    return make


def record(store: BackupStore) -> dict[str, Any]:
    return json.loads(store.text(store.keys("records/")[-1]))


@pytest.mark.usefixtures("quick")
def test_an_export_has_every_item_and_its_record_follows(making: Making, store: BackupStore) -> None:
    assert making().run()
    written = record(store)
    assert written["items"] == 151
    keys = {item[LEDGER_KEY]["S"] for item in ledger_export.items_of(store, written["files"])}
    assert keys == {"epoch#1", *(f"event#{number}" for number in range(150))}
    assert all(file.startswith(f"exports/{written['name']}/") for file in written["files"])


@pytest.mark.usefixtures("quick")
def test_the_copy_of_an_earlier_export_is_read_and_a_good_one_passes(
    making: Making, store: BackupStore, copy: BackupStore, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    making(hours_ago=2).run()
    copy_missing(client, store.bucket, copy.bucket)
    assert making().run()
    checked = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (checked["step"], checked["items"], checked["sample"]) == ("copy of the ledger checked", 151, 151)


def spoiled(client: Any, bucket: str, harm: str) -> None:
    """Replace the data file of the only export in a bucket."""
    (key,) = [key for key in objects(client, bucket) if key.endswith(".gz")]
    packed = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    lines = gzip.decompress(packed).splitlines(keepends=True)
    contents = {
        "truncated": packed[:-4],
        "damaged": packed[:40] + bytes(20) + packed[60:],
        "an item less": gzip.compress(b"".join(lines[1:])),
        "no item": gzip.compress(b"".join([b'{"Thing": 1}\n', *lines[1:]])),
        "not packed": b"".join(lines),
    }
    client.put_object(Bucket=bucket, Key=key, Body=contents[harm])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("harm", ["truncated", "damaged", "an item less", "no item", "not packed", "never copied"])
def test_a_bad_copy_fails_the_job_after_the_new_export(
    making: Making, store: BackupStore, copy: BackupStore, client: Any, harm: str
) -> None:
    making(hours_ago=2).run()
    if harm != "never copied":
        copy_missing(client, store.bucket, copy.bucket)
        spoiled(client, copy.bucket, harm)
    assert not making().run()
    assert len(store.keys("records/")) == 2


@pytest.mark.usefixtures("quick")
def test_an_item_that_the_ledger_has_lost_is_found(
    making: Making,
    store: BackupStore,
    copy: BackupStore,
    client: Any,
    dynamodb: Any,
    table: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    making(hours_ago=2).run()
    copy_missing(client, store.bucket, copy.bucket)
    dynamodb.delete_item(TableName=table, Key={LEDGER_KEY: {"S": "event#7"}})
    assert not making().run()
    lost = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (lost["step"], lost["number"], lost["examples"]) == ("the ledger has lost items", 1, ["event#7"])


def test_a_sample_of_a_large_export_has_a_fixed_size(making: Making, copy: BackupStore, client: Any) -> None:
    lines = [json.dumps({"Item": {LEDGER_KEY: {"S": f"event#{number}"}}}) for number in range(3 * SAMPLE)]
    client.put_object(Bucket=copy.bucket, Key="data/1.json.gz", Body=gzip.compress("\n".join(lines).encode()))
    entry = {"files": ["data/1.json.gz"], "items": 3 * SAMPLE}
    samples = [making()._sample("name", entry) for _ in range(2)]  # pyright: ignore[reportPrivateUsage]
    assert [len(set(sample)) for sample in samples] == [SAMPLE, SAMPLE]
    assert samples[0] != samples[1]


class Failing:
    """An export that DynamoDB gives up."""

    def start(self, name: str) -> str:
        return "arn"

    def items(self, arn: str) -> int | None:
        raise LedgerExportError("S3AccessDenied: the bucket refused")


class Empty(Failing):
    """An export that is complete, and of which the bucket has nothing."""

    def items(self, arn: str) -> int | None:
        return 151


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("table", "reason"), [(Failing(), "S3AccessDenied"), (Empty(), "has no file")], indirect=False)
def test_an_export_that_is_not_there_has_no_record(
    dynamodb: Any, store: BackupStore, copy: BackupStore, table: Any, reason: str
) -> None:
    export = LedgerExport(table=table, store=store, copy=copy, ledger=JobLedger(dynamodb, "none"), poll_seconds=0)
    with pytest.raises(LedgerExportError, match=reason):
        export.run()
    assert store.keys("records/") == []


@pytest.mark.usefixtures("quick")
def test_a_table_without_point_in_time_recovery_is_refused(making: Making, dynamodb: Any, table: str) -> None:
    recovery = {"PointInTimeRecoveryEnabled": False}
    dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
    with pytest.raises(LedgerExportError, match="PointInTimeRecovery"):
        making().run()


def test_a_bucket_that_does_not_take_the_record_fails_the_export(making: Making, client: Any) -> None:
    with answers(client, "PutObject", 403, "AccessDenied"), pytest.raises(ConnectionError):
        making().run()


class Throttled:
    """A table that answers a part of each batch."""

    def __init__(self, part: int) -> None:
        self.part = part

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        ((table, request),) = RequestItems.items()
        done, rest = request["Keys"][: self.part], request["Keys"][self.part :]
        left = {table: request | {"Keys": rest}} if rest else {}
        return {"Responses": {table: done}, "UnprocessedKeys": left}


def test_the_rest_of_a_throttled_batch_is_asked_for_again() -> None:
    keys = [f"event#{number}" for number in range(250)]
    assert JobLedger(Throttled(part=30), "ledger").missing(keys) == []  # pyright: ignore[reportArgumentType]
    with pytest.raises(LedgerUnreadableError, match="100 items were not read"):
        JobLedger(Throttled(part=0), "ledger").missing(keys)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["own region", "the peer's region"])
def test_the_job_exits_with_its_result(
    elsewhere: bool,
    dynamodb: Any,
    table: str,
    endpoint: str,
    store: BackupStore,
    copy: BackupStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key, value in (("ENDPOINT_URL", endpoint), ("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(f"AWS_{key}", value)
    arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    environment = {
        "AWS_REGION": "ca-central-1" if elsewhere else REGION,
        "LEDGER_TABLE": arn if elsewhere else table,
        "LEDGER_ARN": arn,
        "EXPORT_BUCKET": store.bucket,
        "EXPORT_KEY_ARN": "arn:aws:kms:::key/1",
        "COPY_BUCKET": copy.bucket,
        "COPY_REGION": REGION,
        "POLL_SECONDS": "0.01",
        "DEADLINE_SECONDS": "60",
    }
    assert ledger_export.main(environment) == SUCCESS
    assert ledger_export.main(environment | {"EXPORT_BUCKET": "none"}) == FAILURE
