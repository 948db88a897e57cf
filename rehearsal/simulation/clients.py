"""The clients of the jobs: of the ledger, of the site's database and of RDS, over the simulated network."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from psycopg import sql

from operations import clock
from operations.database import OwnDatabase
from operations.deadline import Deadline
from operations.instance import InstanceUnknownError, OwnInstance
from operations.ledger import JobLedger
from operations.session import DatabaseUnreachableError, Session
from recovery.naming import DATABASE_NAME, LEDGER_TABLE
from rehearsal.simulation import statements
from rehearsal.simulation.contents import Backend
from rehearsal.simulation.kernel import current
from rehearsal.simulation.network import LEDGER, Network, SilentError
from rehearsal.simulation.server import OWNER, Finish, Server
from rehearsal.simulation.table import Table

PATIENCE_SECONDS = 15.0
"""A statement without a deadline waits so long for a server that is gone."""
_ENDED = psycopg.OperationalError("terminating connection due to administrator command")


def ledger(network: Network, table: Table, patience: Config) -> JobLedger:
    """The ledger of a process, with the time limits of a real client."""
    return JobLedger(cast("Any", LedgerClient(network, table, patience)), LEDGER_TABLE)


class LedgerClient:
    """A client of DynamoDB."""

    def __init__(self, network: Network, table: Table, patience: Config) -> None:
        limits: Any = patience
        self._network = network
        self._table = table
        self._seconds = float(limits.connect_timeout + limits.read_timeout)
        self._attempts = int(limits.retries["total_max_attempts"])

    def get_item(self, **request: Any) -> Any:
        return self._call(self._table.get_item, request)

    def batch_get_item(self, **request: Any) -> Any:
        return self._call(self._table.batch_get_item, request)

    def put_item(self, **request: Any) -> Any:
        return self._call(self._table.put_item, request)

    def update_item(self, **request: Any) -> Any:
        return self._call(self._table.update_item, request)

    def _call(self, method: Callable[..., Any], request: dict[str, Any]) -> Any:
        def happen(finish: Finish) -> None:
            try:
                finish(method(**request))
            except ClientError as error:
                finish(error)

        for _ in range(self._attempts):
            with suppress(SilentError):
                return self._network.call(LEDGER, happen, patience=self._seconds)
        raise ReadTimeoutError(endpoint_url="the ledger")


class SimulatedDatabase(OwnDatabase):
    """The site's own database, with the real `Session` over a simulated connection.

    Args:
        network: the ways.
        server: finds the server, which does not exist before its creation.
        name: of the database.
    """

    def __init__(self, network: Network, server: Callable[[], Server | None], name: str) -> None:
        self._network = network
        self._server = server
        self._name = name

    @contextmanager
    def session(self, deadline: Deadline | None = None) -> Generator[Session]:
        if deadline is not None:
            deadline.left()
        try:
            with connected(self._network, self._server(), OWNER, deadline) as connection:
                yield Session(cast("Any", connection), DATABASE_NAME)
        except psycopg.Error as error:
            raise DatabaseUnreachableError(f"{self._name}: {str(error).strip()}") from error


@contextmanager
def connected(
    network: Network, server: Server | None, role: str, deadline: Deadline | None = None
) -> Generator[Connection]:
    """A connection to a server that ends with the block. The session may write, whatever the default is.

    Raises:
        psycopg.OperationalError: if there is no server, or it does not answer.
    """
    if server is None:
        raise psycopg.OperationalError("no such host")
    connection = Connection(network, server, deadline)
    connection.open(role)
    process = current()
    process.at_death.append(connection.close)
    try:
        yield connection
    finally:
        process.at_death.remove(connection.close)
        if not process.killed:
            connection.close()


class Cursor:
    """The result of a statement: one row, or none."""

    def __init__(self, row: statements.Row | None) -> None:
        self._row = row

    def fetchone(self) -> statements.Row | None:
        return self._row


class Connection:
    """A psycopg connection in autocommit mode."""

    def __init__(self, network: Network, server: Server, deadline: Deadline | None) -> None:
        self._network = network
        self._server = server
        self._deadline = deadline
        self._backend: Backend | None = None
        self._is_broken = False

    def open(self, role: str) -> None:
        def happen(finish: Finish) -> None:
            try:
                self._backend = self._server.connect(role, read_only=False)
            except psycopg.Error as error:
                finish(error)
            else:
                finish(None)

        self._send(happen, patience=2.0)

    def close(self) -> None:
        """End the session, as soon as the server hears of it."""
        backend = self._backend
        if backend is not None:
            self._network.kernel.after(self._network.latency(), lambda: self._server.end(backend))

    def execute(self, statement: str | bytes | sql.Composed, values: Any = None) -> Cursor:
        text = statement.as_string(None) if isinstance(statement, sql.Composable) else _decoded(statement)

        def happen(finish: Finish) -> None:
            statements.run(self._server, self._own(), text, values or (), finish)

        return Cursor(self._send(happen))

    @contextmanager
    def transaction(self) -> Generator[None]:
        self.begin()
        try:
            yield
        except BaseException:
            if not self._is_broken and not current().killed:
                self.roll_back()
            raise
        self.commit()

    def begin(self) -> None:
        self._send(self._now(self._server.begin))

    def commit(self) -> None:
        self._send(self._now(self._server.commit))

    def roll_back(self) -> None:
        self._send(self._now(self._server.roll_back))

    def _now(self, change: Callable[[Backend], None]) -> Callable[[Finish], None]:
        def happen(finish: Finish) -> None:
            try:
                change(self._own())
            except psycopg.Error as error:
                finish(error)
            else:
                finish(None)

        return happen

    def _own(self) -> Backend:
        assert self._backend is not None
        return self._backend

    def _send(self, happen: Callable[[Finish], None], patience: float = PATIENCE_SECONDS) -> Any:
        if self._is_broken:
            raise psycopg.OperationalError("the connection is closed")

        def arrive(finish: Finish) -> None:
            gone = self._backend is not None and self._backend.ended
            if gone or not self._server.is_up:
                finish(_ENDED)
            else:
                happen(finish)

        if self._deadline is not None:
            patience = min(patience, max(self._deadline.at - clock.monotonic(), 0.0))
        try:
            answer = self._network.call(self._server.name, arrive, patience=patience)
        except SilentError as error:
            self._is_broken = True
            raise psycopg.OperationalError(str(error)) from error
        except psycopg.OperationalError:
            self._is_broken = self._backend is None or self._backend.ended
            raise
        return answer


class SimulatedInstance(OwnInstance):
    """RDS, asked for the status of the site's own database."""

    def __init__(self, network: Network, server: Callable[[], Server | None], name: str) -> None:
        self.identifier = name
        self._network = network
        self._server = server

    def exists(self) -> bool:
        return self._ask() is not None

    def status(self) -> str:
        server = self._ask()
        if server is None:
            raise InstanceUnknownError("no such instance")
        return server.status

    def _ask(self) -> Server | None:
        try:
            return cast("Server | None", self._network.call("rds", lambda finish: finish(self._server()), patience=4.0))
        except SilentError as error:
            raise InstanceUnknownError(str(error)) from error


def _decoded(statement: str | bytes) -> str:
    return statement if isinstance(statement, str) else statement.decode()
