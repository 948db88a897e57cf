"""The site's own database as the jobs see it: does it follow, may it be written, and where is it."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from operations.environment import DatabaseAddress

_OPTIONS = "-c default_transaction_read_only=off -c statement_timeout=5000"
"""A job has to work in a database that was set read-only, and must not hang in one that is ill."""
_FAREWELL_SECONDS = 5.0

Connection = psycopg.Connection[tuple[object, ...]]


class DatabaseUnreachable(ConnectionError):  # noqa: N818 - reads as what is the case
    """The database did not answer."""


class OwnDatabase:
    """One PostgreSQL database, connected to anew for each question: a promotion or a restart is no surprise."""

    def __init__(self, address: DatabaseAddress) -> None:
        self._address = address

    @contextmanager
    def session(self) -> Generator[Session]:
        """A connection for one look.

        Raises:
            DatabaseUnreachable: if there is none to be had, it breaks, or the database refuses what is asked of it.
        """
        try:
            conninfo = self._address.conninfo()
        except OSError as error:
            raise DatabaseUnreachable(f"password of {self._address.host}: {error}") from error
        try:
            with psycopg.connect(conninfo, autocommit=True, options=_OPTIONS) as connection:
                yield Session(connection, self._address.name)
        except psycopg.Error as error:
            raise DatabaseUnreachable(f"{self._address.host}: {str(error).strip()}") from error


class Session:
    """Questions and changes over one connection."""

    def __init__(self, connection: Connection, database: str) -> None:
        self._connection = connection
        self._database = sql.Identifier(database)

    def follows(self) -> bool:
        """Whether the database replays another one's log, and so cannot be written at all."""
        return bool(self._one("SELECT pg_is_in_recovery()"))

    def is_read_only(self) -> bool:
        """Whether the database's own default makes new sessions read-only."""
        settings = self._one(
            "SELECT array_to_string(setconfig, ',') FROM pg_db_role_setting"
            " JOIN pg_database ON pg_database.oid = setdatabase WHERE setrole = 0 AND datname = current_database()"
        )
        return "default_transaction_read_only=on" in str(settings or "").split(",")

    def close_writes(self) -> None:
        """Make every new session read-only and end the older ones; when this returns, nobody writes.

        Sessions that come back meanwhile are read-only and stay: pools that reconnect at once would be ended for ever.

        Raises:
            DatabaseUnreachable: if a session does not end.
        """
        self._connection.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(self._database)
        )
        closed_at = self._one("SELECT clock_timestamp()")
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while True:
            time.sleep(0.05)  # a session that is just beginning is listed only after it has read its settings
            if not self._end_others(closed_at):
                return
            if time.monotonic() > deadline:
                raise DatabaseUnreachable("sessions that may write do not end")

    def open_writes(self) -> None:
        """Take the read-only default back. Sessions that began under it end, and come back as writers."""
        self._connection.execute(
            sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(self._database)
        )
        self._end_others(self._one("SELECT clock_timestamp()"))

    def written_to(self) -> str:
        """The position that everything committed so far lies before."""
        # A commit with synchronous_commit=off is written some time later, but not later than this one.
        self._one("SELECT pg_logical_emit_message(true, 'lifeline', 'position')::text")
        return str(self._one("SELECT pg_current_wal_lsn()::text"))

    def replayed(self, position: str) -> bool:
        """Whether a replica has replayed everything before a position."""
        return bool(self._one("SELECT coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false)", position))

    def _end_others(self, began_by: object) -> int:
        """Ask the other sessions of the database that began by some time to end; how many there were."""
        asked = self._connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND backend_start <= %s",
            (began_by,),
        ).fetchone()
        return int(str(asked[0])) if asked else 0

    def _one(self, question: str, *values: object) -> object:
        row = self._connection.execute(question.encode(), values or None).fetchone()
        return row[0] if row else None
