"""Export the crisis ledger to a bucket, by DynamoDB's export to S3, and check the copy of an earlier export.

The record of an export is written last. The copy in the other region is good if it has every item that the record
counts, and if the ledger still has a sample of them: no item of the ledger is ever deleted.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.backup_store import COPIED_AFTER, BackupStore
from operations.environment import Reader
from operations.exit_codes import FAILURE, SUCCESS
from operations.job import JobFailedError, exit_code
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.ledger_items import place_of
from operations.log import say
from operations.manifest import backup_name, is_name, moment_of
from operations.retry import patiently
from recovery.naming import LEDGER_EXPORTS, LEDGER_KEY, LEDGER_RECORDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FORMAT = 1
SAMPLE = 1000
"""The number of exported items that are looked for in the ledger."""
_RANDOM = random.SystemRandom()
_GZIP = 31


class LedgerExportError(JobFailedError):
    """DynamoDB did not make the export, or a copy of one is damaged."""


class Table(Protocol):
    """The part of DynamoDB that makes exports."""

    def start(self, name: str) -> str:
        """Start an export under a name and return its ARN."""
        ...

    def items(self, arn: str) -> int | None:
        """The number of items of a complete export, or None while it runs."""
        ...


@dataclass(frozen=True, kw_only=True)
class DynamoDbTable:
    """The ledger's table in a region, and the bucket for its exports."""

    client: DynamoDBClient
    arn: str
    bucket: str
    key_arn: str
    """The key of the bucket. DynamoDB encrypts with it."""

    def start(self, name: str) -> str:
        """Start an export under a name and return its ARN.

        Raises:
            LedgerExportError: if DynamoDB refuses or does not answer.
        """
        try:
            answer = self.client.export_table_to_point_in_time(
                TableArn=self.arn,
                # A repeated request starts no second export.
                ClientToken=name,
                S3Bucket=self.bucket,
                S3Prefix=f"{LEDGER_EXPORTS}{name}",
                S3SseAlgorithm="KMS",
                S3SseKmsKeyId=self.key_arn,
                ExportFormat="DYNAMODB_JSON",
            )
            return answer["ExportDescription"]["ExportArn"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
        except (BotoCoreError, ClientError) as error:
            raise LedgerExportError(str(error)) from error

    def items(self, arn: str) -> int | None:
        """The number of items of a complete export, or None while it runs.

        Raises:
            LedgerExportError: if it has failed, or DynamoDB does not answer.
        """
        try:
            export = self.client.describe_export(ExportArn=arn)["ExportDescription"]
        except (BotoCoreError, ClientError) as error:
            raise LedgerExportError(str(error)) from error
        if export.get("ExportStatus") == "FAILED":
            raise LedgerExportError(f"{export.get('FailureCode')}: {export.get('FailureMessage')}")
        return export.get("ItemCount", 0) if export.get("ExportStatus") == "COMPLETED" else None


@dataclass(frozen=True, kw_only=True)
class LedgerExport:
    """The export of one region's replica."""

    table: Table
    store: BackupStore
    copy: BackupStore
    """The bucket in the other region, which is read."""
    ledger: JobLedger
    poll_seconds: float = 15.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> bool:
        """Make an export, and check the copy of an earlier one. Returns whether that copy is good.

        Raises:
            JobFailedError, ConnectionError: if the export could not be made.
        """
        earlier = [name for name in export_names(self.store) if self.clock() - moment_of(name) >= COPIED_AFTER]
        self._export()
        if not earlier:
            say("no earlier export")
            return True
        return self._check(earlier[-1])

    def _export(self) -> None:
        began = self.clock()
        name = backup_name(began, secrets.token_hex(4))
        arn = patiently(lambda: self.table.start(name), LedgerExportError)
        say("ledger export began", name=name)
        while (items := patiently(lambda: self.table.items(arn), LedgerExportError)) is None:
            time.sleep(self.poll_seconds)
        files = _data_files(self.store, name)
        if items and not files:
            raise LedgerExportError(f"DynamoDB reports {items} items, but the bucket has no file of {name}")
        record = {"format": FORMAT, "name": name, "arn": arn, "items": items, "files": files}
        self.store.write(f"{LEDGER_RECORDS}{name}.json", json.dumps(record, indent=1) + "\n")
        say("ledger exported", name=name, items=items, files=len(files))

    def _check(self, name: str) -> bool:
        try:
            record = json.loads(self.copy.text(f"{LEDGER_RECORDS}{name}.json"))
            keys = self._sample(name, record)
            missing = patiently(lambda: self.ledger.missing(keys), LedgerUnreadableError)
        except (LedgerExportError, OSError, KeyError, TypeError, ValueError) as error:
            say("copy of the ledger is bad", name=name, bucket=self.copy.bucket, problem=str(error))
            return False
        if missing:
            say("the ledger has lost items", name=name, number=len(missing), examples=missing[:5])
            return False
        say("copy of the ledger checked", name=name, bucket=self.copy.bucket, items=record["items"], sample=len(keys))
        return True

    def _sample(self, name: str, record: Mapping[str, Any]) -> list[str]:
        """Read every item of the copy, and return the keys of a random sample."""
        items = complete(name, items_of(self.copy, record["files"]), record["items"])
        keys = (str(item[LEDGER_KEY]["S"]) for item in items)
        return heapq.nsmallest(SAMPLE, keys, key=lambda _: _RANDOM.random())


def export_names(store: BackupStore) -> list[str]:
    """The names of the complete exports in a bucket, the oldest first.

    Raises:
        StoreError: if the bucket does not answer.
    """
    names = [key.removeprefix(LEDGER_RECORDS).removesuffix(".json") for key in store.keys(LEDGER_RECORDS)]
    return sorted(name for name in names if is_name(name))


def items_of(store: BackupStore, files: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The items in the data files of an export, in DynamoDB's JSON.

    Raises:
        LedgerExportError: if a file is damaged.
        StoreError: if a file does not exist, or the bucket stops answering.
    """
    for key in files:
        for line in _lines(store.open(key), key):
            try:
                yield json.loads(line)["Item"]
            except (KeyError, TypeError, ValueError) as error:
                raise LedgerExportError(f"{key} has a line that is no item") from error


def complete(name: str, items: Iterable[dict[str, Any]], expected: int) -> Iterator[dict[str, Any]]:
    """The items of an export, which its record counts.

    Raises:
        LedgerExportError: after the last item, if there are more or fewer.
    """
    count = itertools.count()
    yield from (item for item, _ in zip(items, count, strict=False))
    if (number := next(count)) != expected:
        raise LedgerExportError(f"{name} has {number} items, its record counts {expected}")


def _data_files(store: BackupStore, name: str) -> list[str]:
    """The files with items. DynamoDB adds manifests of its own.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB table export output format".
    """
    return sorted(key for key in store.keys(f"{LEDGER_EXPORTS}{name}/") if "/data/" in key and key.endswith(".gz"))


def _lines(chunks: Iterable[bytes], key: str) -> Iterator[bytes]:
    unpacker, rest = zlib.decompressobj(_GZIP), b""
    try:
        for chunk in chunks:
            *lines, rest = (rest + unpacker.decompress(chunk)).split(b"\n")
            yield from lines
    except zlib.error as error:
        raise LedgerExportError(f"{key} is damaged: {error}") from error
    if not unpacker.eof:
        raise LedgerExportError(f"{key} ends too early")
    if rest:
        yield rest


def main(environment: Mapping[str, str]) -> int:
    """Make one export.

    Reads AWS_REGION, LEDGER_TABLE, LEDGER_ARN, EXPORT_BUCKET, EXPORT_KEY_ARN, COPY_BUCKET, COPY_REGION, POLL_SECONDS
    and DEADLINE_SECONDS.
    """
    reader = Reader(environment)
    region, bucket = reader.text("AWS_REGION"), reader.text("EXPORT_BUCKET")
    table_arn, key_arn, table_name = (reader.text(key) for key in ("LEDGER_ARN", "EXPORT_KEY_ARN", "LEDGER_TABLE"))
    copy_region, copy_bucket = reader.text("COPY_REGION"), reader.text("COPY_BUCKET")
    poll_seconds, seconds = reader.number("POLL_SECONDS"), reader.number("DEADLINE_SECONDS")
    reader.done()
    table_region, _ = place_of(table_arn, region)
    client = boto3.client("dynamodb", region_name=table_region)
    export = LedgerExport(
        table=DynamoDbTable(client=client, arn=table_arn, bucket=bucket, key_arn=key_arn),
        store=BackupStore.connect(region, bucket),
        copy=BackupStore.connect(copy_region, copy_bucket),
        ledger=JobLedger.connect(region, table_name),
        poll_seconds=poll_seconds,
    )
    return exit_code("ledger export", lambda: SUCCESS if export.run() else FAILURE, seconds=seconds)
