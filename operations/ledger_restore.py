"""Add the crisis events of a lost ledger to one that was made again: from exports, or from a table that was restored.

An event that the ledger has is left as it is, so the job can run again, while the platform adds events of its own. The
newest source comes first: then each event has its newest content. Claims and marks are not added, because those of the
new ledger decide who leads.

Exit codes: 0 added (now or earlier), 1 failure (try again), 2 a wrong setting, 3 refused.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from operations.backup_store import BackupStore
from operations.environment import Reader
from operations.exit_codes import SUCCESS
from operations.job import JobRefusedError, exit_code
from operations.ledger_export import LedgerExportError, complete, export_names, items_of
from operations.ledger_items import LedgerUnreadableError, put_absent
from operations.log import say
from recovery.naming import LATEST_BACKUP, LEDGER_EVENTS, LEDGER_KEY, LEDGER_RECORDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WRITERS = 16
"""Writes at once. One takes tens of milliseconds, because it waits for a second region."""
_AT_ONCE = 1000
"""The items in memory."""
_PATIENCE = Config(
    connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=16
)


class NoExportError(JobRefusedError):
    """A bucket does not have the export."""


class Left(Protocol):
    """A part of a lost ledger."""

    @property
    def label(self) -> str:
        """Its name in the log."""
        ...

    def items(self) -> Iterator[dict[str, Any]]:
        """Its items, in DynamoDB's JSON."""
        ...


@dataclass(frozen=True)
class LeftTable:
    """A table that DynamoDB restored from its backup of a deleted one."""

    client: DynamoDBClient
    label: str

    def items(self) -> Iterator[dict[str, Any]]:
        """Its items.

        Raises:
            LedgerUnreadableError: if DynamoDB does not answer.
        """
        try:
            for page in self.client.get_paginator("scan").paginate(TableName=self.label, ConsistentRead=True):
                yield from page["Items"]
        except (BotoCoreError, ClientError) as error:
            raise LedgerUnreadableError(str(error)) from error


@dataclass(frozen=True)
class LeftExport:
    """An export in a bucket."""

    store: BackupStore
    label: str

    def items(self) -> Iterator[dict[str, Any]]:
        """Its items.

        Raises:
            LedgerExportError: after the last item, if they are not as many as the record counts; or before.
            StoreError: if the bucket does not answer.
        """
        try:
            record = json.loads(self.store.text(f"{LEDGER_RECORDS}{self.label}.json"))
            expected, files = int(record["items"]), [str(file) for file in record["files"]]
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerExportError(f"the record of {self.label} is damaged") from error
        yield from complete(self.label, items_of(self.store, files), expected)


@dataclass(frozen=True, kw_only=True)
class LedgerRestore:
    """The parts that are added to one ledger."""

    client: DynamoDBClient
    table: str
    tables: tuple[LeftTable, ...] = ()
    exports: tuple[tuple[BackupStore, str], ...] = ()
    """Each bucket, with the name of an export in it, or `latest`."""

    def run(self) -> None:
        """Add every event.

        Raises:
            NoExportError: if a bucket does not have its export. Then nothing was added.
            LedgerExportError: if an export is damaged. The events before the damage were added.
            LedgerUnreadableError: if the ledger, or a table, does not answer.
            StoreError: if a bucket does not answer.
        """
        exports = [LeftExport(store, _name(store, name)) for store, name in self.exports]
        # A table has the last moment before its deletion, so it is newer than every export.
        for left in (*self.tables, *sorted(exports, key=lambda export: export.label, reverse=True)):
            self._add(left)

    def _add(self, left: Left) -> None:
        events, added = 0, 0
        say("ledger restore began", name=left.label)
        with ThreadPoolExecutor(WRITERS) as writers:
            for some in _chunks(filter(_is_event, left.items())):
                added += sum(writers.map(lambda item: put_absent(self.client, self.table, item), some))
                events += len(some)
        say("events restored", name=left.label, events=events, added=added)


def _name(store: BackupStore, name: str) -> str:
    names = export_names(store)
    if not names or name not in (LATEST_BACKUP, *names):
        raise NoExportError(f"{store.bucket} has no export '{name}'")
    return names[-1] if name == LATEST_BACKUP else name


def _is_event(item: Mapping[str, Any]) -> bool:
    return str(item[LEDGER_KEY]["S"]).startswith(LEDGER_EVENTS)


def _chunks(items: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while some := list(itertools.islice(items, _AT_ONCE)):
        yield some


def main(environment: Mapping[str, str]) -> int:
    """Add the events of exports and tables.

    Reads AWS_REGION, LEDGER_TABLE and DEADLINE_SECONDS; and, counted from 1, LEFT_REGION_n with LEFT_TABLE_n, or with
    LEFT_BUCKET_n and LEFT_EXPORT_n.
    """
    reader = Reader(environment)
    region, table, seconds = reader.text("AWS_REGION"), reader.text("LEDGER_TABLE"), reader.number("DEADLINE_SECONDS")
    tables: list[tuple[str, str]] = []
    exports: list[tuple[str, str, str]] = []
    for number in itertools.takewhile(lambda n: n == 1 or f"LEFT_REGION_{n}" in environment, itertools.count(1)):
        place = reader.text(f"LEFT_REGION_{number}")
        if f"LEFT_TABLE_{number}" in environment:
            tables.append((place, reader.text(f"LEFT_TABLE_{number}")))
        else:
            exports.append((place, reader.text(f"LEFT_BUCKET_{number}"), reader.text(f"LEFT_EXPORT_{number}")))
    reader.done()
    restore = LedgerRestore(
        client=_connect(region),
        table=table,
        tables=tuple(LeftTable(_connect(place), name) for place, name in tables),
        exports=tuple((BackupStore.connect(place, bucket), name) for place, bucket, name in exports),
    )

    def work() -> int:
        restore.run()
        return SUCCESS

    return exit_code("ledger restore", work, seconds=seconds)


def _connect(region: str) -> DynamoDBClient:
    return boto3.client("dynamodb", region_name=region, config=_PATIENCE)
