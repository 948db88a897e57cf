"""The roles of the database, and the attacks of a client that has the application's password."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from operations import roles
from operations.environment import SettingError
from operations.fence import Standing
from recovery.naming import DATABASE_APPLICATION, DATABASE_NAME, DATABASE_USER, DATABASE_WRITERS
from rehearsal.world.postgres import PostgresServers, Server
from tests.operations.sessions import in_background, is_ended, write
from tests.operations.world import FenceOf, Table, said

NEWER = Table("primary-1", "secondary-1")
"""The ledger of a leader that is over."""


@pytest.fixture
def leader(leader: Server) -> Server:
    """The leader, with its roles."""
    settle(leader, "first")
    return leader


def settle(server: Server, password: str) -> None:
    with server.connect() as owner:
        roles.settle(owner, password)


def application(server: Server, password: str = "first") -> psycopg.Connection:
    address = {"host": "127.0.0.1", "port": str(server.port), "dbname": DATABASE_NAME}
    login = {"user": DATABASE_APPLICATION, "password": password}
    return psycopg.connect(make_conninfo(**address, **login, connect_timeout=5), autocommit=True)


def environment(server: Server, folder: Path) -> dict[str, str]:
    for name, password in (("owner", server.password), ("application", "first")):
        (folder / name).write_text(f"{password}\n")
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(server.port),
        "DB_NAME": DATABASE_NAME,
        "DB_USER": DATABASE_USER,
        "DB_PASSWORD_FILE": str(folder / "owner"),
        "APPLICATION_PASSWORD_FILE": str(folder / "application"),
    }


@contextlib.contextmanager
def every_slot(server: Server) -> Generator[list[psycopg.Connection]]:
    """As many sessions as the application can get."""
    held: list[psycopg.Connection] = []
    try:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                held.append(application(server))
        yield held
    finally:
        for connection in held:
            connection.close()


def test_the_application_writes_rows_and_changes_no_table(leader: Server) -> None:
    with application(leader) as session:
        write(session)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("CREATE TABLE public.mine (id text)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("DROP TABLE users")


def test_tables_that_the_owner_makes_later_can_be_written_too(leader: Server) -> None:
    with leader.connect() as owner, application(leader) as session:
        owner.execute("CREATE TABLE later (id serial PRIMARY KEY)")
        try:
            session.execute("INSERT INTO later DEFAULT VALUES")
            assert session.execute("SELECT id FROM later").fetchall() == [(1,)]
        finally:
            owner.execute("DROP TABLE later")


def test_a_new_password_ends_no_session(leader: Server) -> None:
    with application(leader) as session:
        settle(leader, "second")
        write(session)
        with pytest.raises(psycopg.OperationalError):
            application(leader, "first")
        application(leader, "second").close()


def test_settling_again_does_not_open_what_a_fence_has_closed(leader: Server, fence_of: FenceOf) -> None:
    assert fence_of(NEWER).look() is Standing.SUPERSEDED
    closed = _setting(leader)
    with leader.connect() as owner:
        owner.execute("SET default_transaction_read_only = off")
        roles.settle(owner, "first")
    with application(leader) as session:
        session.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            write(session)
    assert _setting(leader) == closed, "the note of the closing is void if the defaults change"


def _setting(server: Server) -> object:
    with server.connect() as owner:
        return owner.execute("SELECT xmin::text FROM pg_db_role_setting WHERE setrole = 0").fetchone()


def test_two_runs_at_once_do_no_harm(leader: Server) -> None:
    failures: list[BaseException] = []

    def settle_again(stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                settle(leader, "first")
        except psycopg.Error as error:
            failures.append(error)

    with in_background(settle_again, times=3):
        for _ in range(20):
            settle(leader, "first")
    assert failures == []
    application(leader).close()


def test_the_audit_begins_when_its_extension_exists(leader: Server) -> None:
    with leader.connect() as owner:
        assert owner.execute("SHOW pgaudit.log").fetchone() == ("ddl,role",)
        assert owner.execute("SELECT extname FROM pg_extension WHERE extname = 'pgaudit'").fetchone()


def test_an_owner_that_may_not_end_sessions_gets_the_right(leader: Server) -> None:
    with leader.connect_as_admin() as admin, leader.connect() as owner:
        admin.execute("REVOKE pg_signal_backend FROM rds_superuser")
        admin.execute(f"GRANT pg_signal_backend TO {DATABASE_USER} WITH ADMIN TRUE, INHERIT FALSE".encode())
        try:
            roles.settle(owner, "first")
            assert owner.execute("SELECT pg_has_role('pg_signal_backend', 'USAGE')").fetchone() == (True,)
        finally:
            admin.execute(f"REVOKE pg_signal_backend FROM {DATABASE_USER} CASCADE".encode())
            admin.execute("GRANT pg_signal_backend TO rds_superuser WITH ADMIN OPTION")


class TestAttacks:
    """A client that keeps the application's password and its sessions, and does what it can."""

    @pytest.mark.parametrize(
        "attack",
        [
            "INSERT INTO users (id) VALUES ('x')",
            "UPDATE users SET id = id",
            "DELETE FROM users",
            "TRUNCATE users",
            "SELECT * FROM users FOR UPDATE",
            f"SET ROLE {DATABASE_WRITERS}",
            f"GRANT {DATABASE_WRITERS} TO {DATABASE_APPLICATION}",
            f"SET ROLE {DATABASE_USER}",
        ],
    )
    def test_no_default_that_it_sets_lets_it_write(self, leader: Server, fence_of: FenceOf, attack: str) -> None:
        fence_of(NEWER).look()
        with application(leader) as session:
            session.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(attack.encode())
            assert session.execute("SELECT count(*) FROM users").fetchone(), "reads go on"

    def test_a_session_that_began_before_is_ended(self, leader: Server, fence_of: FenceOf) -> None:
        with application(leader) as session:
            session.execute("SET default_transaction_read_only = off")
            fence_of(NEWER).look()
            assert is_ended(session)

    def test_it_cannot_take_every_slot_from_the_fence(self, leader: Server, fence_of: FenceOf) -> None:
        with every_slot(leader) as held:
            assert len(held) > 10
            assert fence_of(NEWER).look() is Standing.SUPERSEDED
            assert all(map(is_ended, held))

    def test_a_right_from_somebody_else_is_reported(self, leader: Server, fence_of: FenceOf) -> None:
        with leader.connect_as_admin() as admin:
            admin.execute(f"GRANT {DATABASE_WRITERS} TO {DATABASE_APPLICATION}".encode())
            try:
                assert fence_of(NEWER).look() is Standing.UNKNOWN
            finally:
                admin.execute(f"REVOKE {DATABASE_WRITERS} FROM {DATABASE_APPLICATION}".encode())


class TestJob:
    def test_it_says_what_it_did_and_no_password(
        self, leader: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert roles.main(environment(leader, tmp_path)) == 0
        (line,) = said(capsys)
        assert line == {
            "step": "roles settled",
            "application": DATABASE_APPLICATION,
            "writers": DATABASE_WRITERS,
        }
        application(leader).close()

    def test_it_leaves_a_replica_alone(self, leader: Server, replica: Server, tmp_path: Path) -> None:
        assert roles.main(environment(replica, tmp_path)) == 0

    def test_a_missing_setting_is_named(self, leader: Server, tmp_path: Path) -> None:
        settings = environment(leader, tmp_path)
        del settings["APPLICATION_PASSWORD_FILE"]
        with pytest.raises(SettingError, match="APPLICATION_PASSWORD_FILE is missing"):
            roles.main(settings)

    def test_a_wrong_password_is_a_failure(self, leader: Server, tmp_path: Path) -> None:
        settings = environment(leader, tmp_path)
        (tmp_path / "owner").write_text("wrong")
        assert roles.main(settings) == 1


def test_a_promoted_replica_is_closed_until_its_fence_opens_it(
    leader: Server, servers: PostgresServers, fence_of: FenceOf
) -> None:
    fence_of(NEWER).look()
    servers.wait_caught_up("secondary-1")
    servers.promote("secondary-1")
    promoted = servers["secondary-1"]
    with application(promoted) as session:
        session.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            write(session)
    assert fence_of(NEWER, of="secondary-1", at=promoted).look() is Standing.LEADS
    with application(promoted) as session:
        write(session)
