"""A model of PostgreSQL: what a fence changes in it, what an application commits, and its copies in a replica.

It knows the roles, the default of the database, the notes in the schema `lifeline`, sessions and their transactions,
row locks, the write-ahead log and replication. `tests/rehearsal/simulation/test_server.py` compares it with a real one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import errors

from rehearsal.simulation.contents import Backend, Change, Contents, Record, Transaction, apply
from rehearsal.simulation.kernel import EPOCH_SECONDS, Kernel

FAREWELL_SECONDS, LONG_FAREWELL_SECONDS = (0.0, 0.08), (0.08, 2.0)
"""The time that a session needs to end after it was asked to; one of ten takes long, as in the middle of a flush."""
OWNER, APPLICATION = "owner", "application"


Finish = Callable[[Any], None]
"""Takes the result of a statement, or its error."""
Granted = Callable[["errors.Error | None", bool], None]
"""Takes the error of a wait for a lock, if there is one, and whether there was a wait."""
IDLE_SECONDS = 60.0
"""`idle_in_transaction_session_timeout` (components/database_parameters.py): the end of a session whose client is gone
in a transaction."""
STATEMENT_SECONDS = 5.0
"""`statement_timeout` of the jobs."""


class Server:
    """One database server. Every method is done in one moment; a lock may delay the end of a statement.

    Args:
        kernel: the time and the seed.
        name: of the database.
        contents: what it begins with.
        position: the end of its write-ahead log.
        source: the server that it follows.
    """

    def __init__(
        self,
        kernel: Kernel,
        name: str,
        contents: Contents | None = None,
        position: int = 1,
        source: Server | None = None,
    ) -> None:
        self.kernel = kernel
        self.name = name
        self.contents = contents or Contents()
        self.position = position
        """The end of the log; of a replica, of what it has replayed."""
        self.source = source
        self.log: list[Record] = []
        """The records that followers may still need."""
        self.backends: list[Backend] = []
        self.status = "available"
        self.committed: Callable[[str], None] = lambda _: None
        """Called for each row of the application that is committed here, with its key."""
        self.is_up = True
        self.is_isolated = False
        """Whether its security group admits no pod: the database is declared as fenced. Open connections stay."""
        self._numbers = 0
        self._owners: dict[str, Transaction] = {}
        self._waiting: dict[str, deque[tuple[Backend, list[Callable[[], None]]]]] = {}

    @property
    def follows(self) -> bool:
        """Whether it is a replica."""
        return self.source is not None

    @property
    def is_open(self) -> bool:
        """Whether its fence has opened it."""
        return not self.follows and self.contents.may_write and not self.contents.read_only

    @property
    def takes_writes(self) -> bool:
        """Whether a new session of the application could write."""
        return self.is_open and self.is_up and not self.is_isolated

    def now(self) -> float:
        return EPOCH_SECONDS + self.kernel.now

    # Sessions.

    def connect(self, role: str, read_only: bool | None = None) -> Backend:
        """Begin a session, whose own setting may replace the default of the database.

        Raises:
            psycopg.OperationalError: if the server is down.
        """
        if not self.is_up or self.is_isolated:
            raise psycopg.OperationalError("connection refused")
        self._numbers += 1
        default = self.contents.read_only if read_only is None else read_only
        backend = Backend(self._numbers, role, self.now(), default)
        self.backends.append(backend)
        return backend

    def end(self, backend: Backend) -> None:
        """End a session. Everything that it has not committed is lost."""
        if backend.ended:
            return
        backend.ended = True
        self.backends.remove(backend)
        if backend.transaction is not None:
            self._finish(backend)

    def ask_to_end(self, backend: Backend) -> None:
        """pg_terminate_backend: the session ends soon. A commit that arrives before is made."""
        if not backend.asked_to_end:
            backend.asked_to_end = True
            takes_long = self.kernel.random.random() < 0.1
            self.kernel.between(LONG_FAREWELL_SECONDS if takes_long else FAREWELL_SECONDS, lambda: self.end(backend))

    # Transactions.

    def begin(self, backend: Backend) -> None:
        self._numbers += 1
        begun = backend.transaction = Transaction(self._numbers)
        self.kernel.after(IDLE_SECONDS, lambda: self.end(backend) if backend.transaction is begun else None)

    def commit(self, backend: Backend) -> None:
        """Commit.

        Raises:
            psycopg.Error: if a statement of the transaction has failed. Then it is rolled back.
        """
        transaction = backend.transaction
        assert transaction is not None
        failed = transaction.failed
        if not failed:
            self._write(transaction.changes)
        self._finish(backend, committed=not failed)
        if failed:
            raise errors.InFailedSqlTransaction("current transaction is aborted")

    def roll_back(self, backend: Backend) -> None:
        if backend.transaction is not None:
            self._finish(backend)

    def change(self, backend: Backend, *changes: Change) -> None:
        """Change something in the session's transaction, or in one of its own.

        Raises:
            psycopg.Error: if it may not write.
        """
        if self.follows or backend.read_only:
            raise errors.ReadOnlySqlTransaction("cannot execute in a read-only transaction")
        if backend.transaction is None:
            self._write(changes)
        else:
            backend.transaction.changes += changes

    def insert_row(self, backend: Backend, key: str) -> None:
        """The application adds a row.

        Raises:
            psycopg.Error: if it may not.
        """
        if backend.role == APPLICATION and not self.contents.may_write:
            raise errors.InsufficientPrivilege("permission denied for table users")
        self.change(backend, ("row", key))

    def emit_message(self) -> None:
        """pg_logical_emit_message(true, ...).

        Raises:
            psycopg.Error: on a replica.
        """
        if self.follows:
            raise errors.ObjectNotInPrerequisiteState("recovery is in progress")
        self._write(())

    def lock(self, backend: Backend, name: str, then: Granted, *, waited: bool = False) -> None:
        """Lock something until the session's transaction ends, and go on."""
        transaction = backend.transaction
        if transaction is None or self._owners.get(name) in (None, transaction):
            if transaction is not None:
                self._owners[name] = transaction
                transaction.locks.add(name)
            then(None, waited)
            return
        pending = [lambda: self.lock(backend, name, then, waited=True)]
        self._waiting.setdefault(name, deque()).append((backend, pending))

        def give_up() -> None:
            if pending and not backend.ended:
                pending.clear()
                then(errors.QueryCanceled("canceling statement due to statement timeout"), True)

        self.kernel.after(STATEMENT_SECONDS, give_up)

    def _finish(self, backend: Backend, *, committed: bool = False) -> None:
        transaction, backend.transaction = backend.transaction, None
        assert transaction is not None
        for name in sorted(transaction.locks):
            del self._owners[name]
            self._wake(name)

    def _wake(self, name: str) -> None:
        waiting = self._waiting.get(name)
        while waiting and name not in self._owners:
            backend, pending = waiting.popleft()
            if pending and not backend.ended:
                pending.pop()()

    # The log, and the replicas.

    def _write(self, changes: tuple[Change, ...] | list[Change]) -> None:
        self.position += 1
        record = Record(self.position, tuple(changes))
        self.log.append(record)
        apply(self.contents, record)
        for name, value in record.changes:
            if name == "row":
                self.committed(value)

    def replay(self, record: Record) -> None:
        """Take the next record of the source."""
        self.position = record.position
        self.log.append(record)
        apply(self.contents, record)

    def lacks(self) -> list[Record]:
        """The records of the source that it does not have."""
        assert self.source is not None
        return [record for record in self.source.log if record.position > self.position]

    def copy(self, name: str) -> Server:
        """A new replica."""
        contents = replace(self.contents, rows=dict(self.contents.rows))
        return Server(self.kernel, name, contents, self.position, self)

    def restored(self, name: str) -> Server:
        """A new leader from a backup, without the newest rows."""
        contents = replace(self.contents, rows=dict([*self.contents.rows.items()][:-2]))
        return Server(self.kernel, name, contents, self.position)

    def promote(self) -> None:
        """Make a replica a leader. It is restarted, so all sessions end."""
        self.source = None
        self.restart()

    def restart(self) -> None:
        """End all sessions at once."""
        for backend in list(self.backends):
            self.end(backend)
