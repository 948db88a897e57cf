"""The keys of a database in the offline world, for `lifeline reconcile`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import LiteralString, cast

import psycopg

from procedures.reconcile import Row, columns_of, query
from rehearsal.environment import Environment


class OfflineRows:
    """A database, by its name.

    Args:
        environment: the world.
        database: its name in RDS.
    """

    def __init__(self, environment: Environment, database: str) -> None:
        self._server = environment.postgres[database]

    def keys(self, table: str, since: datetime) -> Iterator[Row]:
        """The rows of a table that were written since a moment."""
        with psycopg.connect(self._server.conninfo()) as connection:
            columns = [str(row[0]) for row in connection.execute(cast("LiteralString", columns_of(table)))]
            for row in connection.execute(cast("LiteralString", query(table, since, columns))):
                yield Row(table, *map(str, row))
