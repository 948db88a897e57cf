"""User rows in a site's own PostgreSQL, through a small pool of connections that survives the server's loss."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Generator

import psycopg

Connection = psycopg.Connection[tuple[object, ...]]


class DatabaseUnavailable(ConnectionError):  # noqa: N818 - reads as what is the case
    """The database does not answer, or takes no writes."""


class Users:
    """The rows of `users`. A write returns when it is committed.

    Args:
        conninfo: what psycopg connects by, for a host as the ConfigMap names it; None for a host that nobody has.
    """

    def __init__(self, conninfo: Callable[[str], str | None]) -> None:
        self._conninfo = conninfo
        self._idle: queue.LifoQueue[tuple[str, Connection]] = queue.LifoQueue()

    def add(self, host: str, user: str) -> None:
        """Add a user; adding one twice is adding it once.

        Raises:
            DatabaseUnavailable: if it is not sure that the row was committed.
        """
        with self._connection(host) as connection:
            connection.execute("INSERT INTO users (id) VALUES (%s) ON CONFLICT DO NOTHING", [user])

    def has(self, host: str, user: str) -> bool:
        """Whether there is a user.

        Raises:
            DatabaseUnavailable: if the database does not answer.
        """
        with self._connection(host) as connection:
            return connection.execute("SELECT 1 FROM users WHERE id = %s", [user]).fetchone() is not None

    def takes_writes(self, host: str) -> bool:
        """Whether the database is no replica and not set read-only.

        Raises:
            DatabaseUnavailable: if the database does not answer.
        """
        with self._connection(host) as connection:
            return connection.execute("SHOW transaction_read_only").fetchone() == ("off",)

    def close(self) -> None:
        """Close all idle connections."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait()[1].close()

    @contextlib.contextmanager
    def _connection(self, host: str) -> Generator[Connection]:
        connection = self._take(host)
        try:
            yield connection
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.OperationalError, psycopg.InterfaceError) as error:
            connection.close()
            self.close()  # the others are as old: one lost server must not cost a request each
            raise DatabaseUnavailable(f"{host}: {error}") from error
        except BaseException:
            connection.close()
            raise
        self._idle.put((host, connection))

    def _take(self, host: str) -> Connection:
        with contextlib.suppress(queue.Empty):
            while True:
                kept, connection = self._idle.get_nowait()
                if kept == host and not connection.closed:
                    return connection
                connection.close()
        conninfo = self._conninfo(host)
        if conninfo is None:
            raise DatabaseUnavailable(f"no database answers at '{host}'")
        try:
            return psycopg.connect(conninfo, autocommit=True, options="-c statement_timeout=5000")
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(f"{host}: {error}") from error
