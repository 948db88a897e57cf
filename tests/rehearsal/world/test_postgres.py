from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from recovery.naming import DATABASE_NAME
from rehearsal.world.binaries import PostgresError
from rehearsal.world.postgres import PostgresServers, Server
from tests.rehearsal.world.rows import add_user, users


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServers]:
    """One server for the tests that only read."""
    with PostgresServers(tmp_path_factory.mktemp("logs")) as running:
        running.create("primary-1", "secret")
        yield running


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[PostgresServers]:
    with PostgresServers(tmp_path / "logs") as running:
        yield running


def processes_naming(text: str) -> list[str]:
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


def test_a_promoted_replica_keeps_what_was_replicated_and_the_killed_leader_comes_back_apart(
    servers: PostgresServers, tmp_path: Path
) -> None:
    leader = servers.create("primary-1", "one secret")
    replica = servers.replicate("secondary-1", "primary-1")
    add_user(leader, "ada")
    servers.wait_caught_up("secondary-1")

    assert users(replica) == ["ada"]
    assert (servers.is_writable("primary-1"), servers.is_writable("secondary-1")) == (True, False)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        add_user(replica, "too early")

    servers.kill("primary-1")
    assert not servers.is_running("primary-1")
    assert not servers.is_writable("primary-1")
    with pytest.raises(PostgresError, match="primary-1 does not answer"):
        servers.wait_caught_up("secondary-1")

    servers.promote("secondary-1")
    assert servers.is_writable("secondary-1")
    add_user(replica, "bob")

    servers.start("primary-1")
    assert users(leader) == ["ada"]
    assert users(replica) == ["ada", "bob"]
    log = (tmp_path / "logs" / "primary-1.log").read_text()
    assert "was not properly shut down" in log
    assert "shutting down" not in log


def test_a_promotion_finishes_while_a_fence_ends_every_session_of_the_platforms_database(
    servers: PostgresServers,
) -> None:
    servers.create("primary-1", "secret")
    replica = servers.replicate("secondary-1", "primary-1")
    promoted = threading.Event()

    def end_sessions() -> None:
        with replica.connect("postgres") as connection:
            while not promoted.wait(0.001):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [DATABASE_NAME]
                )

    fence = threading.Thread(target=end_sessions)
    fence.start()
    try:
        servers.promote("secondary-1")
    finally:
        promoted.set()
        fence.join()
    assert servers.is_writable("secondary-1")


def test_the_owner_of_the_database_is_no_superuser(standing: PostgresServers) -> None:
    with standing["primary-1"].connect() as owner, standing["primary-1"].connect_as_admin(DATABASE_NAME) as aws:
        for refused in ("SET session_replication_role = replica", "ALTER SYSTEM SET fsync = off", "CHECKPOINT"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(refused)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute("SELECT pg_terminate_backend(%s)", [aws.info.backend_pid])


def test_promoting_what_is_no_replica_is_an_error(standing: PostgresServers) -> None:
    with pytest.raises(PostgresError, match=r"^primary-1 is not a replica: there is nothing to promote$"):
        standing.promote("primary-1")


def test_commits_are_durable_and_need_the_password(standing: PostgresServers) -> None:
    server = standing["primary-1"]

    with server.connect() as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW synchronous_standby_names").fetchone() == ("",)
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    assert tables == [("crisis_events",), ("users",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        Server("primary-1", server.port, "wrong").connect()
    assert "secret" not in repr(server)


def test_a_name_is_given_once_and_an_unknown_one_is_an_error(standing: PostgresServers) -> None:
    with pytest.raises(PostgresError, match="there is a server primary-1 already"):
        standing.create("primary-1", "secret")
    with pytest.raises(PostgresError, match="there is no server primary-2, only primary-1"):
        standing.promote("primary-2")


def test_nothing_is_left_behind_but_the_log_even_after_an_exception(tmp_path: Path) -> None:
    homes: list[Path] = []

    def fail_half_way() -> None:
        with PostgresServers(tmp_path) as servers:
            homes.append(servers._home)
            servers.create("primary-1", "secret")
            servers.replicate("secondary-1", "primary-1")
            servers.kill("secondary-1")
            assert processes_naming(str(homes[0]))
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()

    assert not homes[0].exists()
    assert processes_naming(str(homes[0])) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["primary-1.log", "secondary-1.log"]


def moment(server: Server) -> str:
    """The server's own time, on a whole second with no writes shortly before or after it."""
    time.sleep(1.1)
    said = server.text("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    time.sleep(1.1)
    return said


def test_a_database_is_restored_to_a_moment_and_to_the_latest_one(servers: PostgresServers) -> None:
    leader = servers.create("primary-1", "secret")
    servers.back_up("primary-1")
    add_user(leader, "ada")
    before = moment(leader)
    add_user(leader, "grace")

    assert users(servers.restore("primary-2", "primary-1", before)) == ["ada"]
    assert users(servers.restore("primary-3", "primary-1", "latest")) == ["ada", "grace"]
    assert servers.is_writable("primary-2")
    servers.kill("primary-2")
    servers.start("primary-2")
    assert users(servers["primary-2"]) == ["ada"]


def test_a_dead_database_is_restored_from_what_it_had_archived(servers: PostgresServers) -> None:
    leader = servers.create("primary-1", "secret")
    servers.back_up("primary-1")
    add_user(leader, "ada")
    servers.archive("primary-1")
    add_user(leader, "grace")
    servers.kill("primary-1")
    assert users(servers.restore("primary-2", "primary-1", "latest")) == ["ada"]


def test_what_was_never_backed_up_cannot_be_restored(servers: PostgresServers) -> None:
    servers.create("primary-1", "secret")
    with pytest.raises(PostgresError, match="has no backup"):
        servers.restore("primary-2", "primary-1", "latest")
