"""Settings from environment variables. One error names every mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from recovery.timeline import DatabaseId


class SettingError(ValueError):
    """One or more settings are missing or malformed."""


@dataclass(frozen=True)
class Place:
    """The site of a job: its region, its own database, and the ledger table."""

    database: DatabaseId
    region: str
    ledger_table: str

    @property
    def site(self) -> str:
        """The site's name."""
        return self.database.site


@dataclass(frozen=True)
class DatabaseAddress:
    """The address of the site's own database.

    The file is read for each connection. The add-on mounts a secret once, so a new password needs new pods.
    """

    host: str
    port: int
    name: str
    user: str
    password_file: Path

    def conninfo(self) -> str:
        """The connection string for psycopg. PGSSLMODE and PGSSLROOTCERT of the environment control TLS.

        Raises:
            OSError: if the password cannot be read.
        """
        password = self.password_file.read_text().strip()
        return make_conninfo(
            host=self.host, port=self.port, dbname=self.name, user=self.user, password=password, connect_timeout=2
        )


class Reader:
    """Reads settings and collects mistakes, so that one error can name them all."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def text(self, key: str) -> str:
        """A setting that must not be empty."""
        value = self._environment.get(key, "")
        if not value:
            self._problems.append(f"{key} is missing")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number of 0 or more."""
        value = self._environment.get(key, "") or ("" if default is None else str(default))
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is None:
            self._problems.append(f"{key} is '{value}', expected a number")
            return 0.0
        return float(value)

    def flag(self, key: str) -> bool:
        """`true` or `false`. An absent setting is false."""
        value = self._environment.get(key, "false")
        if value not in ("true", "false"):
            self._problems.append(f"{key} is '{value}', expected true or false")
        return value == "true"

    def database(self, key: str) -> DatabaseId:
        """The name of a database, such as `primary-1`."""
        try:
            return DatabaseId.parse(self.text(key) or "unknown-1")
        except ValueError as error:
            self._problems.append(f"{key}: {error}")
            return DatabaseId("unknown", 1)

    def databases(self, key: str) -> tuple[DatabaseId, ...]:
        """The names of databases, with commas between them. An absent setting names none."""
        names = [name for name in self._environment.get(key, "").split(",") if name]
        try:
            return tuple(map(DatabaseId.parse, names))
        except ValueError as error:
            self._problems.append(f"{key}: {error}")
            return ()

    def place(self) -> Place:
        """The job's site."""
        return Place(self.database("DATABASE"), self.text("AWS_REGION"), self.text("LEDGER_TABLE"))

    def address(self) -> DatabaseAddress:
        """The database's address."""
        return DatabaseAddress(
            host=self.text("DB_HOST"),
            port=int(self.number("DB_PORT", 5432)),
            name=self.text("DB_NAME"),
            user=self.text("DB_USER"),
            password_file=Path(self.text("DB_PASSWORD_FILE")),
        )

    def done(self) -> None:
        """Report the collected mistakes.

        Raises:
            SettingError: with every mistake, if there is one.
        """
        if self._problems:
            raise SettingError("; ".join(self._problems))
