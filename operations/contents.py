"""The contents of a database, as a backup records them and the check of a restore compares them.

They contain counts, times and checksums. They contain nothing that a person wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql

INTEGRITY_CHECK = Path(__file__).with_name("integrity-check.sql")
USERS = "public.users"
CRISIS_EVENTS = "public.crisis_events"
WATCHED = (USERS, CRISIS_EVENTS)
"""The tables that the plan counts after a restore."""
SAMPLED_ROWS = 10_000
"""About as many rows of a table are part of its checksum."""

_TEXT_SETTINGS = {
    "bytea_output": "hex",
    "datestyle": "ISO, YMD",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "timezone": "UTC",
}
"""The text of a row depends on these settings, so both sides of a comparison set them."""

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The contents of a database in one snapshot."""

    rows: Mapping[str, int]
    """The number of rows by table, such as `public.users`."""
    newest: Mapping[str, str]
    """The time of the newest row by watched table, in UTC; `none` if the table is empty."""
    samples: Mapping[str, str] = field(default_factory=dict[str, str])
    """A checksum over a sample of the rows, by table."""
    faults: tuple[str, ...] = ()
    """Orphaned rows and constraints that were never validated."""

    @property
    def total_rows(self) -> int:
        """The number of rows of all tables."""
        return sum(self.rows.values())

    def plain(self) -> dict[str, Any]:
        """The contents as plain data."""
        return {
            "rows": dict(self.rows),
            "newest": dict(self.newest),
            "samples": dict(self.samples),
            "faults": list(self.faults),
        }

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Contents:
        """The contents from plain data.

        Raises:
            KeyError, TypeError, ValueError: if the data has another form.
        """
        return cls(
            rows={str(table): int(count) for table, count in data["rows"].items()},
            newest={str(table): str(moment) for table, moment in data["newest"].items()},
            samples={str(table): str(sample) for table, sample in data["samples"].items()},
            faults=tuple(map(str, data["faults"])),
        )

    def differences(self, restored: Contents) -> tuple[str, ...]:
        """The differences of a restored database, one sentence each."""
        sides = (("rows", self.rows, restored.rows), ("newest", self.newest, restored.newest))
        problems = [
            f"{what} of {table}: {there.get(table, 'no table')} instead of {here.get(table, 'no table')}"
            for what, here, there in (*sides, ("checksum", self.samples, restored.samples))
            for table in sorted({*here, *there})
            if here.get(table) != there.get(table)
        ]
        return (*problems, *(fault for fault in restored.faults if fault not in self.faults))


def read(connection: Connection) -> Contents:
    """Read the contents in the connection's transaction.

    Raises:
        psycopg.Error: if the database fails, or has no table of users or crisis events.
    """
    for name, value in _TEXT_SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, value))
    result = integrity(connection)
    rows = {subject: int(value) for check, subject, value in result if check == "rows"}
    return Contents(
        rows=rows,
        newest={subject: value for check, subject, value in result if check == "newest"},
        samples={table: _sample(connection, table, count) for table, count in rows.items()},
        faults=tuple(
            f"{check}: {value} in {subject}"
            for check, subject, value in result
            if check in ("orphans", "not validated") and value != "0"
        ),
    )


def integrity(connection: Connection) -> list[tuple[str, str, str]]:
    """The rows of `integrity-check.sql`: check, subject and value.

    Raises:
        psycopg.Error: if the database fails, or has no table of users or crisis events.
    """
    cursor = connection.execute(INTEGRITY_CHECK.read_bytes())
    while cursor.nextset():
        continue
    return cast("list[tuple[str, str, str]]", cursor.fetchall())


def _sample(connection: Connection, table: str, rows: int) -> str:
    """A checksum over the rows whose primary key falls into the sample. A table without a key is not sampled."""
    schema, _, name = table.partition(".")
    key = connection.execute(
        "SELECT string_agg(format('t.%%I', attname), ', ' ORDER BY attnum) FROM pg_index"
        " JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
        " WHERE indisprimary AND indrelid = %s::regclass",
        (table,),
    ).fetchone()
    if key is None or key[0] is None:
        return "none"
    one_in = max(1, rows // SAMPLED_ROWS)
    row = connection.execute(
        sql.SQL(
            "SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 8))::bit(32)::bigint), 0)"
            " FROM {} AS t WHERE mod(abs(hash_record(ROW({}))::bigint), {}) = 0"
        ).format(_qualified(schema, name), sql.SQL(key[0]), sql.Literal(one_in))
    ).fetchone()
    return f"{row[0]}:{row[1]}:{one_in}" if row else "none"


def _qualified(schema: str, name: str) -> sql.Composable:
    # `format('%I')` has quoted each part already.
    return sql.SQL(".").join((sql.SQL(cast("Any", schema)), sql.SQL(cast("Any", name))))
