"""Rows in a site's own PostgreSQL, through a small connection pool that survives the loss of the server."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Generator

import psycopg

from rehearsal.providers.kubernetes.api import ApiError

Connection = psycopg.Connection[tuple[object, ...]]

_TAKES_WRITES = (
    "SELECT NOT current_setting('transaction_read_only')::boolean AND has_table_privilege('users', 'INSERT')"
)
"""A replica and a new session of a closed database are read-only. An older session only loses the right to write."""
_NO_WRITER = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)


class DatabaseUnavailableError(ConnectionError):
    """The database does not answer, or takes no writes."""


class Users:
    """The rows of `users` and `crisis_events`. A write returns when it is committed.

    Args:
        conninfo: returns the connection string for a host of the ConfigMap; None for an unknown host. It may raise an
            ApiError, when the pods do not get the password.
        pods: returns a name of the present pods. Those that replace them have no open connection.
    """

    def __init__(self, conninfo: Callable[[str], str | None], pods: Callable[[], str] = lambda: "") -> None:
        self._conninfo, self._pods = conninfo, pods
        self._idle: queue.LifoQueue[tuple[tuple[str, str], Connection]] = queue.LifoQueue()

    def add(self, host: str, user: str) -> None:
        """Add a user. Adding the same user again has no effect.

        Raises:
            DatabaseUnavailableError: if the database takes no writes, or it is not certain that the row was committed.
        """
        with self._connection(host) as connection:
            connection.execute("INSERT INTO users (id) VALUES (%s) ON CONFLICT DO NOTHING", [user])

    def change(self, host: str, user: str, version: int) -> bool:
        """Replace a user by a version, unless it has a later one. Returns whether the user exists.

        Raises:
            DatabaseUnavailableError: if the database takes no writes, or it is not certain that this was committed.
        """
        update = "UPDATE users SET version = greatest(version, %s) WHERE id = %s"
        with self._connection(host) as connection:
            return connection.execute(update, [version, user]).rowcount == 1

    def add_event(self, host: str, event: str, mode: str) -> None:
        """Add a crisis event to the history. Adding the same one again has no effect.

        Raises:
            DatabaseUnavailableError: if the database takes no writes, or it is not certain that the row was committed.
        """
        insert = "INSERT INTO crisis_events (id, mode) VALUES (%s, %s) ON CONFLICT DO NOTHING"
        with self._connection(host) as connection:
            connection.execute(insert, [event, mode])

    def has(self, host: str, user: str) -> bool:
        """Whether a user exists.

        Raises:
            DatabaseUnavailableError: if the database does not answer.
        """
        with self._connection(host) as connection:
            return connection.execute("SELECT 1 FROM users WHERE id = %s", [user]).fetchone() is not None

    def takes_writes(self, host: str) -> bool:
        """Whether the database is no replica, and this session may write.

        Raises:
            DatabaseUnavailableError: if the database does not answer.
        """
        with self._connection(host) as connection:
            return connection.execute(_TAKES_WRITES).fetchone() == (True,)

    def close(self) -> None:
        """Close all idle connections."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait()[1].close()

    @contextlib.contextmanager
    def _connection(self, host: str) -> Generator[Connection]:
        key = host, self._pods()
        connection = self._take(key)
        try:
            yield connection
        except (*_NO_WRITER, psycopg.OperationalError, psycopg.InterfaceError) as error:
            connection.close()
            self.close()  # the others are as old: otherwise each of them would fail one request
            raise DatabaseUnavailableError(f"{host}: {error}") from error
        except BaseException:
            connection.close()
            raise
        self._idle.put((key, connection))

    def _take(self, key: tuple[str, str]) -> Connection:
        with contextlib.suppress(queue.Empty):
            while True:
                kept, connection = self._idle.get_nowait()
                if kept == key and not connection.closed:
                    return connection
                connection.close()
        return self.open(key[0])

    def open(self, host: str) -> Connection:
        """A new connection, with the rights of the application. It commits each statement.

        Raises:
            DatabaseUnavailableError: if the database does not answer.
        """
        try:
            conninfo = self._conninfo(host)
        except ApiError as error:
            raise DatabaseUnavailableError(f"no pod has the password: {error}") from error
        if conninfo is None:
            raise DatabaseUnavailableError(f"no database answers at '{host}'")
        try:
            return psycopg.connect(conninfo, autocommit=True, options="-c statement_timeout=5000")
        except psycopg.OperationalError as error:
            raise DatabaseUnavailableError(f"{host}: {error}") from error
