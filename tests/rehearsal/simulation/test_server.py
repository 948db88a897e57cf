"""The simulated PostgreSQL against a real one: the same steps of fences and applications, and the same answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from operations import clock
from operations.database import OwnDatabase
from operations.roles import settle
from operations.session import DatabaseUnreachableError
from recovery.naming import DATABASE_APPLICATION
from rehearsal.simulation.clients import SimulatedDatabase, connected
from rehearsal.simulation.kernel import Kernel, Process
from rehearsal.simulation.network import Network
from rehearsal.simulation.server import APPLICATION
from rehearsal.simulation.server import Server as SimulatedServer
from rehearsal.world.postgres import PostgresServers, Server
from tests.operations.world import database, forget_closings

PASSWORD = "not-for-logs"
Step = tuple[str, int]
STEPS: tuple[Step, ...] = (
    *[("close", epoch) for epoch in (1, 2, 3)],
    *[("open", epoch) for epoch in (1, 2, 3)],
    *[(name, 0) for name in ("begin", "insert", "commit") for _ in range(2)],
    ("position", 0),
    ("lease", 1),
)
"""By name, with an epoch or an age."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServers]:
    with PostgresServers(tmp_path_factory.mktemp("logs")) as running:
        server = running.create("primary-1", PASSWORD)
        with psycopg.connect(server.conninfo(), autocommit=True) as owner:
            settle(owner, PASSWORD)
        running.replicate("secondary-1", "primary-1")
        yield running


class Application:
    """An application with one session, which it opens again when it was ended."""

    def __init__(self, connect: Callable[[], Any], say: Callable[[Any, str], None]) -> None:
        self._connect, self._say = connect, say
        self._session: Any = None
        self._is_in_transaction = False

    def do(self, name: str, key: str) -> str:
        try:
            self._do(name, key)
        except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege) as error:
            if self._is_in_transaction:
                self._say(self._session, "ROLLBACK")
            self._is_in_transaction = False
            return type(error).__name__
        except psycopg.OperationalError:
            self._session, self._is_in_transaction = None, False
            return "ended"
        return "done"

    def _do(self, name: str, key: str) -> None:
        if self._session is None:
            self._session = self._connect()
        if name == "begin" and not self._is_in_transaction:
            self._say(self._session, "BEGIN")
            self._is_in_transaction = True
        elif name == "commit" and self._is_in_transaction:
            self._say(self._session, "COMMIT")
            self._is_in_transaction = False
        elif name == "insert":
            self._session.execute("INSERT INTO users (id) VALUES (%s)", (key,))


def steps(seed: int) -> list[Step]:
    chance = random.Random(seed)
    return chance.choices(STEPS, k=14)


def answers(
    own: OwnDatabase, application: Application, script: list[Step], prefix: str, *, settle: float
) -> list[object]:
    """The answers to the fence and to the application, step by step. Sessions that are asked to end have some time."""
    seen: list[object] = []
    for number, (name, epoch) in enumerate(script):
        if name in ("begin", "insert", "commit"):
            seen.append((name, application.do(name, f"{prefix}-{number}")))
        else:
            seen.append((name, epoch, _fence(own, name, epoch)))
            clock.sleep(settle)
        with own.session() as session:
            state = session.is_open(), session.is_closed(), session.follows(), session.decided()
        seen.append(state)
    return seen


def _fence(own: OwnDatabase, name: str, epoch: int) -> object:
    try:
        with own.session() as session:
            match name:
                case "close":
                    return session.close_writes(epoch)
                case "open":
                    return session.open_writes(epoch)
                case "position":
                    return session.written_to() <= session.written_to()
                case _:
                    session.renew_lease(float(epoch))
                    return int(session.lease_age()) >= 0
    except DatabaseUnreachableError as error:
        return str(error).rpartition(": epoch")[2] or "refused"


def _say_to_postgres(session: Any, word: str) -> None:
    session.execute(word)


def _say_to_model(session: Any, word: str) -> None:
    {"BEGIN": session.begin, "COMMIT": session.commit, "ROLLBACK": session.roll_back}[word]()


def of_postgres(server: Server, folder: Path, script: list[Step], seed: int) -> list[object]:
    login = server.conninfo_of(DATABASE_APPLICATION, PASSWORD)

    with ExitStack() as held:

        def connect() -> psycopg.Connection:
            session = psycopg.connect(login, autocommit=True, options="-c default_transaction_read_only=off")
            return held.enter_context(closing(session))

        return answers(database(server, folder), Application(connect, _say_to_postgres), script, f"{seed}-", settle=0.1)


def of_model(script: list[Step], seed: int) -> list[object]:
    kernel = Kernel(seed)
    network, server = Network(kernel), SimulatedServer(kernel, "primary-1")
    own = SimulatedDatabase(network, lambda: server, "primary-1")
    seen: list[object] = []

    def work() -> None:
        def connect() -> Any:
            return held.enter_context(connected(network, server, APPLICATION))

        with ExitStack() as held:
            seen.extend(answers(own, Application(connect, _say_to_model), script, f"{seed}-", settle=3.0))

    Process(kernel, "test", "primary", work).start()
    kernel.run(3600.0)
    kernel.end()
    return seen


@pytest.mark.parametrize("seed", range(24))
def test_a_real_server_answers_as_the_model_does(servers: PostgresServers, tmp_path: Path, seed: int) -> None:
    server, script = servers["primary-1"], steps(seed)
    forget_closings(server)
    assert of_model(script, seed) == of_postgres(server, tmp_path, script, seed)


def test_the_scripts_have_every_answer() -> None:
    """Otherwise the comparison would show little."""
    seen = {str(answer) for seed in range(24) for answer in of_model(steps(seed), seed)}
    for words in ("done", "InsufficientPrivilege", "ended", "has decided", "True", "False"):
        assert any(words in answer for answer in seen), words


def test_a_statement_that_the_model_does_not_know_is_an_error() -> None:
    kernel = Kernel(1)
    network, server = Network(kernel), SimulatedServer(kernel, "primary-1")

    def work() -> None:
        with connected(network, server, APPLICATION) as connection:
            connection.execute("SELECT 42")

    Process(kernel, "test", "primary", work).start()
    with pytest.raises(AssertionError, match="SELECT 42"):
        kernel.run(60.0)
