"""The site's own database, as the jobs reach it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

import psycopg

from operations.deadline import Deadline
from operations.environment import DatabaseAddress
from operations.session import Connection, DatabaseUnreachableError, Session

_OPTIONS = "-c statement_timeout=5000"
"""A job must not wait for a database that does not answer."""
_PAST_THE_FENCE = " -c default_transaction_read_only=off"
"""The fence itself must be able to write in a database that it has set read-only."""


class OwnDatabase:
    """One PostgreSQL database. Each use opens a new connection, so a promotion or a restart does no harm.

    Args:
        address: its address.
        fenced: whether a database that is closed to writes is closed to this job too.
    """

    def __init__(self, address: DatabaseAddress, *, fenced: bool = False) -> None:
        self._address = address
        self._options = _OPTIONS if fenced else _OPTIONS + _PAST_THE_FENCE

    @contextmanager
    def session(self, deadline: Deadline | None = None) -> Generator[Session]:
        """A connection for one check.

        Args:
            deadline: the moment at which it is cut, in whatever statement it is; None for never.

        Raises:
            DatabaseUnreachableError: if it cannot be opened, it breaks, or the database refuses a statement.
            TooLateError: if the deadline has passed when it opens.
        """
        if deadline is not None:
            deadline.left()
        try:
            conninfo = self._address.conninfo()
        except OSError as error:
            raise DatabaseUnreachableError(f"password of {self._address.host}: {error}") from error
        try:
            with (
                psycopg.connect(conninfo, autocommit=True, options=self._options) as connection,
                _cut_at(deadline, connection),
            ):
                yield Session(connection, self._address.name)
        except psycopg.Error as error:
            raise DatabaseUnreachableError(f"{self._address.host}: {str(error).strip()}") from error


@contextmanager
def _cut_at(deadline: Deadline | None, connection: Connection) -> Generator[None]:
    """Cut a connection at a deadline. `statement_timeout` does not help if the server is gone: no answer comes."""
    if deadline is None:
        yield
        return
    timer = threading.Timer(deadline.left(), _cut, [connection.pgconn.socket])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # the number of the socket may belong to another one soon


def _cut(number: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(number)) as connected:  # it may be broken already
        connected.shutdown(socket.SHUT_RDWR)
