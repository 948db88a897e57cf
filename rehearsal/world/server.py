"""One PostgreSQL server: its address, and queries to it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import make_conninfo

from recovery.naming import DATABASE_NAME, DATABASE_USER
from rehearsal.world.binaries import PostgresError

ADMIN, _ADMIN_PASSWORD = "rdsadmin", "only-RDS-knows-this"
"""The superuser of a server. On RDS it is AWS's own: no person and no job can be it."""
ADMIN_ENVIRONMENT = {"PGPASSWORD": _ADMIN_PASSWORD}
_MAINTENANCE = "postgres"
"""The database for questions about the whole server: a fence ends every session in the platform's own database."""


@dataclass(frozen=True)
class Server:
    """One server's address, whether it runs or not. A server keeps its port after a crash."""

    name: str
    port: int
    password: str = field(repr=False)

    def conninfo(self, database: str = DATABASE_NAME) -> str:
        """The connection string for psycopg, as the database's owner."""
        return self._conninfo(database, DATABASE_USER, self.password)

    def conninfo_of(self, user: str, password: str) -> str:
        """The connection string for psycopg, as another user of the platform's database."""
        return self._conninfo(DATABASE_NAME, user, password)

    def connect(self, database: str = DATABASE_NAME) -> psycopg.Connection:
        """A new connection of the database's owner that commits each statement.

        Raises:
            psycopg.OperationalError: if the server does not answer.
        """
        return psycopg.connect(self.conninfo(database), autocommit=True)

    def connect_as_admin(self, database: str = _MAINTENANCE) -> psycopg.Connection:
        """A new connection of the superuser that commits each statement.

        Raises:
            psycopg.OperationalError: if the server does not answer.
        """
        return psycopg.connect(self._conninfo(database, ADMIN, _ADMIN_PASSWORD), autocommit=True)

    @property
    def admin_arguments(self) -> tuple[str, ...]:
        """The options with which PostgreSQL's programs connect as the superuser. They read ADMIN_ENVIRONMENT."""
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", ADMIN)

    def truth(self, question: LiteralString, database: str = _MAINTENANCE) -> bool:
        """The result of a query for one boolean. No row, or NULL, is false.

        Raises:
            PostgresError: if the server does not answer.
        """
        return bool(self._ask(question, database))

    def text(self, question: LiteralString) -> str:
        """The result of a query for one text. No row, or NULL, is the empty text.

        Raises:
            PostgresError: if the server does not answer.
        """
        return str(self._ask(question, _MAINTENANCE) or "")

    def _ask(self, question: LiteralString, database: str) -> Any:
        try:
            with self.connect_as_admin(database) as connection:
                row = connection.execute(question).fetchone()
        except psycopg.Error as error:
            raise PostgresError(f"{self.name} does not answer: {error}") from error
        return row[0] if row else None

    def _conninfo(self, database: str, user: str, password: str) -> str:
        return make_conninfo(
            host="127.0.0.1", port=self.port, user=user, password=password, dbname=database, connect_timeout=5
        )


def wal_position(lsn: str) -> int:
    """A position such as `1/2A0` as a number. The empty text is before every position."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16) if lsn else 0


def slot(name: str) -> str:
    """The name of a replica's replication slot at its source."""
    return f"replica_{name.replace('-', '_')}"


def free_port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
