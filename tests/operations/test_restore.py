"""The restore job against real PostgreSQL servers: an empty leader is filled, every other database is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from operations.backup_store import BackupStore, CorruptDumpError
from operations.environment import Place
from operations.manifest import Manifest
from operations.postgres_programs import ProgramError
from operations.restore import Restore, RestoreRefusedError
from recovery.naming import DATABASE_NAME, LEDGER_TABLE
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.server import Server
from tests.operations.backups import REGION, address, backup, end_sessions, fill
from tests.operations.world import Table, ledger, said
from tests.patience import wait_until

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def second(servers: PostgresServers) -> Server:
    """The server of the restored database."""
    return servers.create("primary-2", "not-for-logs")


@pytest.fixture
def empty(second: Server) -> Server:
    with second.connect("postgres") as connection:
        name = sql.Identifier(DATABASE_NAME)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    return second


@pytest.fixture
def made(leader: Server, tmp_path: Path, store: BackupStore) -> Manifest:
    fill(leader, 300)
    return backup(leader, tmp_path, store).run()


@pytest.fixture
def restore(empty: Server, tmp_path: Path, store: BackupStore) -> Restore:
    return Restore(
        place=Place(DatabaseId("primary", 2), REGION, LEDGER_TABLE),
        ledger=ledger(Table("primary-1", "primary-2")),
        address=address(empty, tmp_path),
        store=store,
        backup="latest",
    )


def users(server: Server) -> int | None:
    """The number of users; None without the table."""
    with server.connect() as connection:
        row = connection.execute("SELECT to_regclass('public.users')").fetchone()
        if row is None or row[0] is None:
            return None
        count = connection.execute("SELECT count(*) FROM users").fetchone()
        return count[0] if count else None


def test_an_empty_leader_gets_the_data_of_the_newest_good_backup(
    made: Manifest, restore: Restore, empty: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore.run()
    assert users(empty) == 300
    assert [line["step"] for line in said(capsys)][-2:] == ["restore began", "restored"]


def test_a_second_run_changes_nothing_and_succeeds(
    made: Manifest, restore: Restore, empty: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore.run()
    said(capsys)
    assert restore.run()
    assert said(capsys) == [{"step": "restored earlier", "backup": made.name}]
    assert users(empty) == 300


def test_a_later_run_leaves_the_changes_of_the_platform_alone(made: Manifest, restore: Restore, empty: Server) -> None:
    assert restore.run()
    with empty.connect() as connection:
        connection.execute("DELETE FROM users WHERE id = 'user-1'")
    assert replace(restore, ledger=ledger(Table("primary-1"))).run()
    assert users(empty) == 299


def test_a_run_that_was_killed_after_the_restore_is_completed(
    made: Manifest, restore: Restore, empty: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Restore, "_note", lambda *_: None)
        assert restore.run()
    said(capsys)
    assert restore.run()
    assert [line["step"] for line in said(capsys)] == ["restored"]
    assert restore._restored_from() == made.name


def test_a_backup_can_be_named(made: Manifest, restore: Restore, leader: Server, tmp_path: Path, empty: Server) -> None:
    fill(leader, 310)
    backup(leader, tmp_path, restore.store).run()
    assert replace(restore, backup=made.name).run()
    assert users(empty) == 300


def test_the_latest_is_not_a_suspect_one(
    made: Manifest, restore: Restore, leader: Server, tmp_path: Path, empty: Server
) -> None:
    fill(leader, 100)
    assert backup(leader, tmp_path, restore.store).run().suspect != ()
    assert restore.run()
    assert users(empty) == 300


def test_a_database_with_other_data_is_not_touched(made: Manifest, restore: Restore, empty: Server) -> None:
    with empty.connect() as connection:
        connection.execute("CREATE TABLE users AS SELECT 'ada' AS id, now() AS created_at")
        connection.execute("CREATE TABLE crisis_events AS SELECT 'one' AS id, now() AS detected_at")
    with pytest.raises(RestoreRefusedError, match="is not empty"):
        restore.run()
    assert users(empty) == 1


@pytest.mark.parametrize("claims", [("primary-1",), ("primary-1", "primary-2", "secondary-3")])
def test_a_database_that_does_not_lead_is_not_touched(
    made: Manifest, restore: Restore, empty: Server, claims: tuple[str, ...]
) -> None:
    with pytest.raises(RestoreRefusedError, match=f"the newest claim names {claims[-1]}"):
        replace(restore, ledger=ledger(Table(*claims))).run()
    assert users(empty) is None


def test_a_replica_is_not_touched(made: Manifest, restore: Restore, replica: Server, tmp_path: Path) -> None:
    with pytest.raises(RestoreRefusedError, match="is a replica"):
        replace(restore, address=address(replica, tmp_path)).run()


def test_an_unknown_backup_is_refused(restore: Restore) -> None:
    with pytest.raises(RestoreRefusedError, match="has no backup 'latest'"):
        restore.run()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda dump: dump[:-60] + bytes(60), CorruptDumpError),
        (lambda dump: dump[:1500], (CorruptDumpError, ProgramError)),
    ],
)
def test_a_damaged_dump_restores_nothing_and_a_good_one_can_follow(
    made: Manifest, restore: Restore, empty: Server, client: Any, change: Any, error: Any
) -> None:
    dump = b"".join(restore.store.open(made.dump_key))
    client.put_object(Bucket=restore.store.bucket, Key=made.dump_key, Body=change(dump))
    with pytest.raises(error):
        restore.run()
    assert users(empty) is None
    client.put_object(Bucket=restore.store.bucket, Key=made.dump_key, Body=dump)
    assert restore.run()


def test_a_restore_that_loses_its_session_restores_nothing(
    made: Manifest, restore: Restore, empty: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = BackupStore.dump

    def end_before_the_last(store: BackupStore, manifest: Manifest) -> Iterator[bytes]:
        first, *rest = b"".join(stored(store, manifest)), b""
        yield first[:-10]
        wait_until(lambda: end_sessions(empty, "pg_restore"))
        yield from (first[-10:], *rest)

    monkeypatch.setattr(BackupStore, "dump", end_before_the_last)
    with pytest.raises((ProgramError, psycopg.Error)):
        restore.run()
    assert users(empty) is None
