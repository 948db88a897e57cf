"""Adding the events of a lost ledger's exports: against DynamoDB and S3 in moto."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from operations import ledger_restore
from operations.backup_store import BackupStore
from operations.environment import SettingError
from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.ledger_export import LedgerExportError
from operations.ledger_items import LedgerUnreadableError
from operations.ledger_restore import LedgerRestore, LeftTable, NoExportError
from recovery.naming import LEDGER_KEY
from tests.operations.backups import REGION, ledger_table, locked_bucket

OLD, NEW = "20261127T051700000000Z-0a1b2c3d", "20261128T051700000000Z-0a1b2c3d"
_names = itertools.count(1)
Items = dict[str, str]


def make_table(dynamodb: Any) -> str:
    return ledger_table(dynamodb, f"new-ledger-{next(_names)}")


@pytest.fixture
def table(dynamodb: Any) -> Iterator[str]:
    name = make_table(dynamodb)
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def restoring(dynamodb: Any, table: str) -> Callable[..., LedgerRestore]:
    def make(*exports: tuple[BackupStore, str], tables: tuple[LeftTable, ...] = ()) -> LedgerRestore:
        return LedgerRestore(client=dynamodb, table=table, tables=tables, exports=exports)

    return make


def write(client: Any, bucket: str, name: str, items: Items, *, counted: int | None = None, files: int = 1) -> None:
    """An export as DynamoDB and the job `ledger-export` leave it: the text of each item by its key."""
    keys = [f"exports/{name}/AWSDynamoDB/1/data/{number}.json.gz" for number in range(files)]
    lines = [
        json.dumps({"Item": {LEDGER_KEY: {"S": key}, "text": {"S": text}}}).encode() for key, text in items.items()
    ]
    for number, key in enumerate(keys):
        client.put_object(Bucket=bucket, Key=key, Body=gzip.compress(b"\n".join(lines[number::files])))
    record = {"format": 1, "name": name, "items": len(items) if counted is None else counted, "files": keys}
    client.put_object(Bucket=bucket, Key=f"records/{name}.json", Body=json.dumps(record).encode())


def content(dynamodb: Any, table: str) -> Items:
    pages = dynamodb.get_paginator("scan").paginate(TableName=table)
    return {item[LEDGER_KEY]["S"]: item["text"]["S"] for page in pages for item in page["Items"]}


EVENTS = {f"event#{number}": "x" for number in range(1100)}


def test_every_event_is_added_and_no_claim_or_mark(
    restoring: Callable[..., LedgerRestore], dynamodb: Any, table: str, store: BackupStore, client: Any
) -> None:
    protocol = {f"{kind}#1": "of a lost site" for kind in ("epoch", "ready", "closed", "handover")}
    write(client, store.bucket, NEW, {**EVENTS, **protocol, "escalation#1": "y"}, files=3)
    restoring((store, NEW)).run()
    assert content(dynamodb, table) == {**EVENTS, "escalation#1": "y"}


def test_an_event_that_the_ledger_has_stays_as_it_is_and_a_second_run_adds_none(
    restoring: Callable[..., LedgerRestore],
    dynamodb: Any,
    table: str,
    store: BackupStore,
    client: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dynamodb.put_item(TableName=table, Item={LEDGER_KEY: {"S": "event#1"}, "text": {"S": "newer"}})
    write(client, store.bucket, NEW, {"event#1": "old", "event#2": "x"})
    for added in (1, 0):
        restoring((store, NEW)).run()
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["added"] == added
    assert content(dynamodb, table) == {"event#1": "newer", "event#2": "x"}


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_export_counts_whatever_the_order_of_the_buckets(
    restoring: Callable[..., LedgerRestore], dynamodb: Any, table: str, store: BackupStore, client: Any, order: int
) -> None:
    other = BackupStore(client, locked_bucket(client))
    write(client, store.bucket, OLD, {"event#1": "old", "event#2": "only here"})
    write(client, other.bucket, NEW, {"event#1": "new", "event#3": "only there"})
    restoring(*[(store, "latest"), (other, NEW)][::order]).run()
    assert content(dynamodb, table) == {"event#1": "new", "event#2": "only here", "event#3": "only there"}


def test_the_latest_export_is_the_one_with_the_newest_record(
    restoring: Callable[..., LedgerRestore], dynamodb: Any, table: str, store: BackupStore, client: Any
) -> None:
    write(client, store.bucket, OLD, {"event#1": "old"})
    write(client, store.bucket, NEW, {"event#1": "new"})
    restoring((store, "latest")).run()
    assert content(dynamodb, table) == {"event#1": "new"}


def test_a_restored_table_counts_before_every_export(
    restoring: Callable[..., LedgerRestore], dynamodb: Any, table: str, store: BackupStore, client: Any
) -> None:
    restored = make_table(dynamodb)
    texts = {"event#1": "last", "epoch#9": "a claim", **{f"event#{number}": "many" for number in range(10, 1100)}}
    for key, text in texts.items():
        dynamodb.put_item(TableName=restored, Item={LEDGER_KEY: {"S": key}, "text": {"S": text}})
    write(client, store.bucket, NEW, {"event#1": "of the night", "event#2": "x"})
    restoring((store, "latest"), tables=(LeftTable(dynamodb, restored),)).run()
    assert content(dynamodb, table) == {"event#2": "x", **{key: texts[key] for key in texts if key != "epoch#9"}}


def test_a_table_that_is_not_there_fails(restoring: Callable[..., LedgerRestore], dynamodb: Any) -> None:
    with pytest.raises(LedgerUnreadableError, match="ResourceNotFound"):
        restoring(tables=(LeftTable(dynamodb, "no-such-table"),)).run()


@pytest.mark.parametrize("name", ["latest", OLD])
def test_a_bucket_without_the_export_is_refused_before_anything_is_added(
    restoring: Callable[..., LedgerRestore], dynamodb: Any, table: str, store: BackupStore, client: Any, name: str
) -> None:
    other = BackupStore(client, locked_bucket(client))
    write(client, other.bucket, NEW, EVENTS)
    if name == OLD:
        write(client, store.bucket, NEW, EVENTS)
    with pytest.raises(NoExportError, match=f"{store.bucket} has no export '{name}'"):
        restoring((other, NEW), (store, name)).run()
    assert content(dynamodb, table) == {}


@pytest.mark.parametrize(
    ("record", "reason"),
    [(b"{", "damaged"), (b"[]", "damaged"), (b'{"items": 1}', "damaged"), (None, "1 items, its record counts 2")],
)
def test_a_damaged_export_fails(
    restoring: Callable[..., LedgerRestore], store: BackupStore, client: Any, record: bytes | None, reason: str
) -> None:
    write(client, store.bucket, NEW, {"event#1": "x"}, counted=2)
    if record is not None:
        client.put_object(Bucket=store.bucket, Key=f"records/{NEW}.json", Body=record)
    with pytest.raises(LedgerExportError, match=reason):
        restoring((store, NEW)).run()


def test_a_write_that_is_refused_fails_the_job_and_not_only_the_item(
    dynamodb: Any, store: BackupStore, client: Any
) -> None:
    write(client, store.bucket, NEW, EVENTS)
    restore = LedgerRestore(client=dynamodb, table="no-such-table", exports=((store, NEW),))
    with pytest.raises(LedgerUnreadableError, match="ResourceNotFound"):
        restore.run()


def test_the_job_reads_every_part_from_its_settings(
    table: str, dynamodb: Any, store: BackupStore, client: Any, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    other = BackupStore(client, locked_bucket(client))
    write(client, store.bucket, OLD, {"event#1": "x"})
    write(client, other.bucket, NEW, {"event#2": "y"})
    for key, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(key, value)
    restored = make_table(dynamodb)
    dynamodb.put_item(TableName=restored, Item={LEDGER_KEY: {"S": "event#3"}, "text": {"S": "z"}})
    settings = {
        "AWS_REGION": REGION,
        "LEDGER_TABLE": table,
        "DEADLINE_SECONDS": "60",
        **{f"LEFT_REGION_{number}": REGION for number in (1, 2, 3)},
        "LEFT_BUCKET_1": store.bucket,
        "LEFT_EXPORT_1": "latest",
        "LEFT_TABLE_2": restored,
        "LEFT_BUCKET_3": other.bucket,
        "LEFT_EXPORT_3": NEW,
    }
    assert ledger_restore.main(settings) == SUCCESS
    assert content(dynamodb, table) == {"event#1": "x", "event#2": "y", "event#3": "z"}
    assert ledger_restore.main({**settings, "LEFT_EXPORT_3": OLD}) == REFUSED
    assert ledger_restore.main({**settings, "LEFT_BUCKET_3": "nowhere"}) == FAILURE
    with pytest.raises(SettingError, match="LEFT_REGION_1 is missing; LEFT_BUCKET_1 is missing"):
        ledger_restore.main({key: text for key, text in settings.items() if not key.startswith("LEFT_")})
