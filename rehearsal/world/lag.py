"""A replica that gets nothing: the process of its source that sends it the log is stopped (SIGSTOP)."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager

from rehearsal.world.binaries import PostgresError
from rehearsal.world.server import Server, slot


@contextmanager
def held(source: Server, replica: str) -> Generator[None]:
    """Let nothing of a source's log reach one of its replicas while the block lasts. Neither end is told.

    The source goes on committing. The replica can be promoted, and loses what it has not received. If it connects
    again, it is refused, because its slot is in use. After the block it receives what it has missed.

    Args:
        source: the server that the replica follows.
        replica: the replica's name.

    Raises:
        PostgresError: if the source does not answer, or sends nothing to the replica.
    """
    sender = _sender(source, replica)
    os.kill(sender, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # the source was killed meanwhile
            os.kill(sender, signal.SIGCONT)


def _sender(source: Server, replica: str) -> int:
    """The process that sends a replica its log."""
    question = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s AND active_pid IS NOT NULL"
    with source.connect_as_admin() as connection:
        row = connection.execute(question, [slot(replica)]).fetchone()
    if row is None:
        raise PostgresError(f"{source.name} sends nothing to {replica}")
    return int(row[0])
