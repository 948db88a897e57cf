"""The rows that a fenced database has and the leader never saw, by key, for people to decide about. It applies none."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from operations.ledger_items import missing
from procedures.access import Access, Report, Stack
from procedures.deploying import deploy
from procedures.edits import DATABASE, edit
from procedures.failover import config_of
from procedures.lock import Lock
from recovery.naming import LEDGER_EVENTS, LEDGER_TABLE
from stacks.config import SiteConfig

NAME = "reconcile"
TABLES = ("users", "crisis_events")
MARGIN = timedelta(hours=1)
"""Rows are listed from so long before the loss on: the clocks of writers differ, and a replica may be late."""
TIME_COLUMNS = ("updated_at", "created_at", "detected_at")
"""The column with the time of a row is the first of these that a table has."""
_WORDS = {True: "yes", False: "no"}
HEADER = ("table", "key", "written_at", "at_the_leader", "in_the_ledger", "decision", "decided_by", "decided_at")


@dataclass(frozen=True, order=True)
class Row:
    """A row, without its content."""

    table: str
    key: str
    written_at: str
    digest: str
    """Of the whole row: two databases have the same row if it is equal."""


class Rows(Protocol):
    """A database whose keys can be listed."""

    def keys(self, table: str, since: datetime) -> Iterable[Row]:
        """The rows of a table that were written since a moment.

        Raises:
            ProcedureError: if the database does not answer.
        """
        ...


@dataclass(frozen=True)
class Found:
    """A row that the leader never saw as it is."""

    row: Row
    is_at_leader: bool
    """Whether the leader has the key, with other values: an older or a newer version."""
    is_in_ledger: bool | None
    """Whether the ledger has it: then its person was seen. None for a row that is no crisis event."""


def reconcile(fenced: Rows, leader: Rows, access: Access, config: SiteConfig, since: datetime) -> tuple[Found, ...]:
    """Compare two databases.

    Args:
        fenced: the database that lost the lead.
        leader: that which leads.
        access: the account.
        config: of a site with a copy of the ledger.
        since: the time of the loss.

    Raises:
        ProcedureError: if a database does not answer.
        LedgerUnreadableError: if the ledger does not.
    """
    lost: list[tuple[Row, bool]] = []
    for table in TABLES:
        known = {row.key: row.digest for row in leader.keys(table, since - MARGIN)}
        rows = [row for row in fenced.keys(table, since - MARGIN) if known.get(row.key) != row.digest]
        lost += [(row, row.key in known) for row in sorted(rows)]
    events = {row.key: f"{LEDGER_EVENTS[0]}{row.key}" for row, _ in lost if row.table == "crisis_events"}
    absent = set(missing(access.client("dynamodb", config.ledger_region), LEDGER_TABLE, events.values()))
    return tuple(
        Found(row, is_known, events[row.key] not in absent if row.table == "crisis_events" else None)
        for row, is_known in lost
    )


def work_list(found: Sequence[Found]) -> str:
    """The rows as CSV, with columns for the decision about each."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for entry in found:
        noted = "" if entry.is_in_ledger is None else _WORDS[entry.is_in_ledger]
        state = "other values" if entry.is_at_leader else "missing"
        writer.writerow((entry.row.table, entry.row.key, entry.row.written_at, state, noted, "", "", ""))
    return out.getvalue()


def columns_of(table: str) -> str:
    """The statement that lists the columns of a table."""
    schema = "table_schema = 'public'"
    return f"SELECT column_name FROM information_schema.columns WHERE {schema} AND table_name = '{table}'"  # noqa: S608


def query(table: str, since: datetime, columns: Iterable[str]) -> str:
    """The statement that lists keys. It has no input of a person.

    Args:
        table: one of TABLES.
        since: the moment.
        columns: those that the table has.
    """
    time = next((name for name in TIME_COLUMNS if name in set(columns)), None)
    rows = f"FROM public.{table} AS t"
    if time is None:
        return f"SELECT id, '', md5(t::text) {rows}"
    return f"SELECT id, {time}, md5(t::text) {rows} WHERE {time} >= '{since.isoformat()}'"


@contextmanager
def reachable(stack: Stack, epoch: int, access: Access, report: Report) -> Generator[None]:
    """Let the pods of a site reach a fenced database of it while the block lasts. The database stays read-only.

    Raises:
        ConfigError: if the file has mistakes, or the database is not fenced.
        DeploymentError: if the engine or a provider refuses.
        ProcedureError: if another operator works on the site.
    """
    with Lock(access, config_of(stack)).held(NAME):
        report.done("lock")
        section = stack.file.config[DATABASE]
        others = [other for other in section.get("reconciled", ()) if other != epoch]  # a killed run has left its own
        usual = {key: value for key, value in section.items() if key != "reconciled"}
        edit(stack, {DATABASE: {**usual, "reconciled": [*others, epoch]}}, report)
        report.done("edit")
        try:
            deploy(stack, report)
            report.done("up")
            yield
        finally:
            edit(stack, {DATABASE: {**usual, "reconciled": others} if others else usual}, report)
            report.done("edit back")
            deploy(stack, report)
            report.done("up back")
    report.done("unlock")
