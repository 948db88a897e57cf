"""One connection to the site's own database: is it a replica, may it be written, and what is its position."""

from __future__ import annotations

import math

import psycopg
from psycopg import sql

from operations import clock
from recovery.naming import DATABASE_APPLICATION, DATABASE_WRITERS

_FAREWELL_SECONDS = 5.0
_FORMALITIES_SECONDS = 0.05
"""`pg_stat_activity` lists a new session only after the session has read its settings."""

CREATE_CLOSING = (
    "CREATE TABLE IF NOT EXISTS lifeline.closing (one boolean PRIMARY KEY DEFAULT true CHECK (one),"
    " epoch bigint NOT NULL, at timestamptz, setting text)"
)
"""The table with the note about the closing. It has one row at most."""

Connection = psycopg.Connection[tuple[object, ...]]


class DatabaseUnreachableError(ConnectionError):
    """The database did not answer."""


class Session:
    """Queries and changes over one connection."""

    def __init__(self, connection: Connection, database: str) -> None:
        self._connection = connection
        self._database = sql.Identifier(database)

    def follows(self) -> bool:
        """Whether the database is a replica, which cannot be written."""
        return bool(self._one("SELECT pg_is_in_recovery()"))

    def is_closed(self) -> bool:
        """Whether new sessions of the database are read-only by default, and the application may not write."""
        return self._is_read_only() and not self._may_write()

    def is_open(self) -> bool:
        """Whether neither is so. A change by hand can leave a database that is neither closed nor open."""
        return not self._is_read_only() and (self._may_write() or not self._has_roles())

    def close_writes(self, epoch: int) -> bool:
        """Make new sessions read-only and end older sessions. When this returns, no session can write.

        The database notes when it was closed. So a fence that was killed halfway finishes when it starts again, and one
        that looks again ends nothing: sessions that began after that time are read-only. They are not ended, because
        pools that reconnect at once would never be finished.

        Args:
            epoch: the newest claimed epoch, which decides.

        Returns:
            Whether anything was left to do.

        Raises:
            DatabaseUnreachableError: if a session does not end, or a newer epoch has decided.
        """
        # Also if it is closed already: it may have been drained, and a fence that is late must not end the drain now.
        if self.decided() < epoch or not self.is_closed():
            # The membership stops the application, whatever it sets. The default stops the jobs of the owner.
            self._alter(sql.SQL("SET default_transaction_read_only = on"), sql.SQL("REVOKE {} FROM {}"), epoch)
            if self._may_write():
                raise DatabaseUnreachableError("the application has the right to write from somebody else, too")
        closed_at = self._closed_at()
        changed = closed_at is None
        if changed:
            closed_at = self._note_closing(epoch)
            clock.sleep(_FORMALITIES_SECONDS)
        deadline = clock.monotonic() + _FAREWELL_SECONDS
        while self._end_others(closed_at):
            changed = True
            if clock.monotonic() > deadline:
                raise DatabaseUnreachableError("sessions that may write do not end")
            clock.sleep(_FORMALITIES_SECONDS)
        return changed

    def open_writes(self, epoch: int) -> None:
        """Remove the read-only default, and end the read-only sessions, whose clients then reconnect as writers.

        Args:
            epoch: the newest claimed epoch, which decides.

        Raises:
            DatabaseUnreachableError: if a newer epoch has decided. A fence that was delayed opens nothing.
        """
        self._alter(sql.SQL("RESET default_transaction_read_only"), sql.SQL("GRANT {} TO {}"), epoch)
        self._end_others(self._one("SELECT clock_timestamp()"))

    def _alter(self, default: sql.SQL, right: sql.SQL, epoch: int) -> None:
        """Change the default and the right to write on behalf of an epoch, unless a newer one has changed them."""
        with self._connection.transaction():
            self._decide(epoch)
            # A restored dump brings the note of another server, whose transactions have other numbers.
            self._connection.execute("UPDATE lifeline.closing SET at = NULL, setting = NULL")
            self._connection.execute(sql.SQL("ALTER DATABASE {} ").format(self._database) + default)
            if self._has_roles():
                self._connection.execute(right.format(*map(sql.Identifier, (DATABASE_WRITERS, DATABASE_APPLICATION))))

    def _is_read_only(self) -> bool:
        return "default_transaction_read_only=on" in self._defaults()[1].split(",")

    def _has_roles(self) -> bool:
        """Whether the database was bootstrapped. Before, no application can log in."""
        return bool(self._one("SELECT true FROM pg_roles WHERE rolname = %s", DATABASE_APPLICATION))

    def _may_write(self) -> bool:
        return bool(
            self._one(
                "SELECT true FROM pg_auth_members JOIN pg_roles AS role ON role.oid = roleid"
                " JOIN pg_roles AS application ON application.oid = member"
                " WHERE role.rolname = %s AND application.rolname = %s",
                DATABASE_WRITERS,
                DATABASE_APPLICATION,
            )
        )

    def _decide(self, epoch: int) -> None:
        """Lock the note about the closing for an epoch, until the transaction ends.

        Raises:
            DatabaseUnreachableError: if a newer epoch has had it.
        """
        self._connection.execute("CREATE SCHEMA IF NOT EXISTS lifeline")
        self._connection.execute(CREATE_CLOSING)
        newest = self._one(
            "INSERT INTO lifeline.closing (epoch) VALUES (%s) ON CONFLICT (one)"
            " DO UPDATE SET epoch = greatest(closing.epoch, excluded.epoch) RETURNING epoch",
            epoch,
        )
        if newest != epoch:
            raise DatabaseUnreachableError(f"epoch {epoch} is over: epoch {newest} has decided")

    def _setting(self) -> object:
        """The transaction that last changed the defaults of the database."""
        return self._defaults()[0]

    def _defaults(self) -> tuple[object, str]:
        """The transaction that last changed the defaults of the database, and the defaults."""
        row = self._connection.execute(
            "SELECT pg_db_role_setting.xmin::text, array_to_string(setconfig, ',') FROM pg_db_role_setting"
            " JOIN pg_database ON pg_database.oid = setdatabase WHERE setrole = 0 AND datname = current_database()"
        ).fetchone()
        return (row[0], str(row[1])) if row else (None, "")

    def _closed_at(self) -> object:
        """When new sessions had become read-only; None if it was not noted since the defaults were last changed."""
        if self._one("SELECT to_regclass('lifeline.closing')") is None:
            return None
        return self._one("SELECT at FROM lifeline.closing WHERE setting = %s", self._setting())

    def _note_closing(self, epoch: int) -> object:
        """Note that new sessions are read-only from now on, unless another fence has done so. Returns when it was."""
        setting = self._setting()
        with self._connection.transaction():
            self._decide(epoch)
            self._connection.execute(
                "UPDATE lifeline.closing SET at = clock_timestamp(), setting = %s WHERE setting IS DISTINCT FROM %s",
                (setting, setting),
            )
        closed_at = self._closed_at()
        if closed_at is None:
            raise DatabaseUnreachableError("the defaults of the database were changed meanwhile")
        return closed_at

    def decided(self) -> int:
        """The newest epoch for which a fence has closed or opened the database; 0 if none has."""
        if self._one("SELECT to_regclass('lifeline.closing')") is None:
            return 0
        return int(str(self._one("SELECT epoch FROM lifeline.closing") or 0))

    def renew_lease(self, age: float) -> None:
        """Note that the ledger was read so many seconds ago. Pods of one fence share the note."""
        self._connection.execute("CREATE SCHEMA IF NOT EXISTS lifeline")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS lifeline.lease (one boolean PRIMARY KEY DEFAULT true CHECK (one),"
            " at timestamptz NOT NULL)"
        )
        self._connection.execute(
            "INSERT INTO lifeline.lease (at) VALUES (clock_timestamp() - make_interval(secs => %s))"
            " ON CONFLICT (one) DO UPDATE SET at = greatest(lease.at, excluded.at)",
            (age,),
        )

    def lease_age(self) -> float:
        """The seconds since a fence of this database has read the ledger; infinite if that was never noted."""
        if self._one("SELECT to_regclass('lifeline.lease')") is None:
            return math.inf
        age = self._one("SELECT extract(epoch FROM clock_timestamp() - at) FROM lifeline.lease")
        return math.inf if age is None else float(str(age))

    def written_to(self) -> str:
        """A position after which nothing that is committed now is written."""
        # A commit with synchronous_commit=off is written later, but before this message is.
        self._one("SELECT pg_logical_emit_message(true, 'lifeline', 'position')::text")
        return str(self._one("SELECT pg_current_wal_lsn()::text"))

    def replayed(self, position: str) -> bool:
        """Whether a replica has replayed everything before a position."""
        return bool(self._one("SELECT coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false)", position))

    def has_caught_up(self, seconds: float) -> bool:
        """Whether a replica hears from its leader, and has replayed everything or is at most `seconds` behind."""
        return bool(
            self._one(
                "SELECT status = 'streaming' AND last_msg_receipt_time > clock_timestamp() - interval '2 minutes'"
                " AND (pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() OR pg_last_xact_replay_timestamp()"
                " > clock_timestamp() - make_interval(secs => %s)) FROM pg_stat_wal_receiver",
                seconds,
            )
        )

    def write_heartbeat(self, database: str) -> None:
        """Set the time of the heartbeat's one row, whose table is created when it is first written."""
        self._connection.execute("CREATE SCHEMA IF NOT EXISTS lifeline")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS lifeline.heartbeat (one boolean PRIMARY KEY DEFAULT true CHECK (one),"
            " database text NOT NULL, at timestamptz NOT NULL)"
        )
        self._connection.execute(
            "INSERT INTO lifeline.heartbeat (database, at) VALUES (%s, clock_timestamp())"
            " ON CONFLICT (one) DO UPDATE SET database = excluded.database, at = excluded.at",
            (database,),
        )

    def heartbeat_age(self) -> float:
        """The age in seconds of the newest heartbeat in this database; NaN if there is none."""
        if self._one("SELECT to_regclass('lifeline.heartbeat')") is None:
            return math.nan
        age = self._one("SELECT extract(epoch FROM clock_timestamp() - at) FROM lifeline.heartbeat")
        return math.nan if age is None else float(str(age))

    def _end_others(self, began_by: object) -> int:
        """Ask sessions that began before a time to end, except our own. Returns their number.

        Superusers are left out: RDS's own sessions may not be ended, and asking would fail the whole statement.
        """
        asked = self._connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity JOIN pg_roles ON pg_roles.oid = usesysid"
            " WHERE datname = current_database() AND NOT rolsuper"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND backend_start <= %s",
            (began_by,),
        ).fetchone()
        return int(str(asked[0])) if asked else 0

    def _one(self, question: str, *values: object) -> object:
        row = self._connection.execute(question.encode(), values or None).fetchone()
        return row[0] if row else None
