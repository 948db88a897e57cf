"""Add the crisis events of exports to a ledger that was made again, because no copy of the old one is left.

An event that the ledger has is left as it is, so the job can run again, while the platform adds events of its own. The
newest export comes first: then each event has its newest content. Claims and marks are not added, because those of the
new ledger decide who leads.

Exit codes: 0 added (now or earlier), 1 failure (try again), 2 a wrong setting, 3 refused.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from operations.backup_store import BackupStore
from operations.environment import Reader
from operations.exit_codes import SUCCESS
from operations.job import JobRefusedError, exit_code
from operations.ledger_export import LedgerExportError, export_names, items_of
from operations.ledger_items import put_absent
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


@dataclass(frozen=True, kw_only=True)
class LedgerRestore:
    """The exports that are added to one ledger."""

    client: DynamoDBClient
    table: str
    exports: tuple[tuple[BackupStore, str], ...]
    """Each bucket, with the name of an export in it, or `latest`."""

    def run(self) -> None:
        """Add every event.

        Raises:
            NoExportError: if a bucket does not have its export. Then nothing was added.
            LedgerExportError: if an export is damaged. The events before the damage were added.
            LedgerUnreadableError: if the ledger does not answer.
            StoreError: if a bucket does not answer.
        """
        found = [(_name(store, name), store) for store, name in self.exports]
        for name, store in sorted(found, key=lambda export: export[0], reverse=True):
            self._add(store, name)

    def _add(self, store: BackupStore, name: str) -> None:
        items, files = _record(store, name)
        counted, events, added = 0, 0, 0
        say("ledger restore began", name=name, bucket=store.bucket, items=items)
        with ThreadPoolExecutor(WRITERS) as writers:
            for some in _chunks(items_of(store, files)):
                kept = [item for item in some if _is_event(item)]
                added += sum(writers.map(lambda item: put_absent(self.client, self.table, item), kept))
                counted, events = counted + len(some), events + len(kept)
        if counted != items:
            raise LedgerExportError(f"{name} has {counted} items, its record counts {items}")
        say("events restored", name=name, bucket=store.bucket, events=events, added=added)


def _name(store: BackupStore, name: str) -> str:
    names = export_names(store)
    if not names or name not in (LATEST_BACKUP, *names):
        raise NoExportError(f"{store.bucket} has no export '{name}'")
    return names[-1] if name == LATEST_BACKUP else name


def _record(store: BackupStore, name: str) -> tuple[int, list[str]]:
    """The number of an export's items, and its files."""
    try:
        record = json.loads(store.text(f"{LEDGER_RECORDS}{name}.json"))
        return int(record["items"]), [str(file) for file in record["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerExportError(f"the record of {name} is damaged") from error


def _is_event(item: Mapping[str, Any]) -> bool:
    return str(item[LEDGER_KEY]["S"]).startswith(LEDGER_EVENTS)


def _chunks(items: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while some := list(itertools.islice(items, _AT_ONCE)):
        yield some


def main(environment: Mapping[str, str]) -> int:
    """Add the events of exports.

    Reads AWS_REGION, LEDGER_TABLE, DEADLINE_SECONDS, and of each export EXPORT_BUCKET_n, EXPORT_REGION_n and
    EXPORT_NAME_n, counted from 1.
    """
    reader = Reader(environment)
    region, table, seconds = reader.text("AWS_REGION"), reader.text("LEDGER_TABLE"), reader.number("DEADLINE_SECONDS")
    numbers = [1, *itertools.takewhile(lambda number: f"EXPORT_BUCKET_{number}" in environment, itertools.count(2))]
    exports = [
        tuple(reader.text(f"EXPORT_{part}_{number}") for part in ("REGION", "BUCKET", "NAME")) for number in numbers
    ]
    reader.done()
    restore = LedgerRestore(
        client=boto3.client("dynamodb", region_name=region, config=_PATIENCE),
        table=table,
        exports=tuple((BackupStore.connect(place, bucket), name) for place, bucket, name in exports),
    )

    def work() -> int:
        restore.run()
        return SUCCESS

    return exit_code("ledger restore", work, seconds=seconds)
