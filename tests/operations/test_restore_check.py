"""The restore check against real PostgreSQL servers: it passes, fails, or says that it could not be made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from operations import restore_check, scratch
from operations.backup_store import BackupStore, StoreError, TooLargeError
from operations.environment import DatabaseAddress, SettingError
from operations.manifest import Manifest
from operations.postgres_programs import ProgramError
from operations.restore_check import InconclusiveError, RestoreCheck
from operations.scratch import scratch_server
from rehearsal.world import binaries
from rehearsal.world.server import Server
from tests.operations.backups import answers, backup, fill, locked_bucket, objects, s3
from tests.operations.world import said

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The scratch volume: a short path, which belongs to the user of the servers."""
    path = Path(tempfile.mkdtemp(prefix="scratch-", dir="/tmp"))
    binaries.Account.current().own(path)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return binaries.for_jobs(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def in_pod(quick: None, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs of a job on the path."""
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="module")
def running(folder: Path, programs: Path) -> Iterator[DatabaseAddress]:
    """One scratch server for the whole module. Each check gets a database of its own in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        with scratch_server(folder) as address:
            yield address


@pytest.fixture
def server(running: DatabaseAddress) -> Callable[[], Any]:
    @contextmanager
    def empty() -> Generator[DatabaseAddress]:
        with psycopg.connect(running.conninfo(), autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS one_check WITH (FORCE)")
            connection.execute("CREATE DATABASE one_check")
        yield replace(running, name="one_check")

    return empty


@pytest.fixture
def copy(client: Any) -> BackupStore:
    """The bucket in the other region."""
    return BackupStore(client, locked_bucket(client))


@pytest.fixture
def check(store: BackupStore, copy: BackupStore, server: Callable[[], Any]) -> RestoreCheck:
    return RestoreCheck(copy=copy, records=store, server=server, free_bytes=lambda: 10**12, oldest=timedelta(hours=26))


@pytest.fixture
def filled(leader: Server) -> Server:
    fill(leader, 500)
    return leader


@pytest.fixture
def good(filled: Server, tmp_path: Path, copy: BackupStore) -> Manifest:
    """A good backup in the copy."""
    return backup(filled, tmp_path, copy).run()


def records(store: BackupStore, client: Any) -> list[dict[str, Any]]:
    bodies = (client.get_object(Bucket=store.bucket, Key=key)["Body"].read() for key in store.checks())
    return [json.loads(body) for body in bodies]


def put(client: Any, store: BackupStore, key: str, body: bytes) -> None:
    """Overwrite an object, as S3 allows without the lock of a version."""
    client.put_object(Bucket=store.bucket, Key=key, Body=body)


def poisoned(client: Any, copy: BackupStore, manifest: Manifest, **changes: Any) -> Manifest:
    """A newer backup with the same dump, and a manifest with changes."""
    name = "99990101T000000000000Z-00000000"
    newer = replace(manifest, name=name, **changes)
    put(client, copy, newer.dump_key, b"".join(copy.open(manifest.dump_key)))
    put(client, copy, newer.key, newer.to_json().encode())
    return newer


def test_a_good_backup_passes_and_the_result_is_recorded(
    check: RestoreCheck, good: Manifest, store: BackupStore, client: Any
) -> None:
    assert check.run()
    (record,) = records(store, client)
    assert (record["backup"], record["problems"], record["rows"]) == (good.name, [], 520)
    assert record["bucket"] == check.copy.bucket
    assert store.verdicts(good.name) == ["passed"]


def test_the_restored_database_has_the_tables_and_the_rows(
    check: RestoreCheck, good: Manifest, running: DatabaseAddress
) -> None:
    assert check.run()
    with psycopg.connect(replace(running, name="one_check").conninfo()) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (500,)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda dump: dump[: len(dump) // 2], "bytes instead of"),
        (lambda dump: dump[:-1], "bytes instead of"),
        (lambda dump: dump[:-40] + bytes(40), "the dump has another checksum than its manifest"),
        (lambda dump: bytes(len(dump)), "the dump has another checksum than its manifest"),
        (lambda dump: b"", "the dump has 0 bytes instead of"),
    ],
    ids=["truncated to half", "truncated by a byte", "changed at the end", "zeros", "empty"],
)
def test_a_damaged_dump_fails(
    check: RestoreCheck, good: Manifest, client: Any, store: BackupStore, damage: Callable[[bytes], bytes], problem: str
) -> None:
    put(client, check.copy, good.dump_key, damage(b"".join(check.copy.open(good.dump_key))))
    assert not check.run()
    (record,) = records(store, client)
    assert problem in record["problems"][0]
    assert store.verdicts(good.name) == ["failed"]


def test_a_dump_that_cannot_be_restored_fails_although_its_checksum_is_right(
    check: RestoreCheck, good: Manifest, client: Any, store: BackupStore
) -> None:
    dump = b"".join(check.copy.open(good.dump_key))[:2000]
    put(client, check.copy, good.dump_key, dump)
    changed = replace(good, dump_bytes=len(dump), sha256=hashlib.sha256(dump).hexdigest())
    put(client, check.copy, good.key, changed.to_json().encode())
    assert not check.run()
    assert "pg_restore failed with exit code 1" in records(store, client)[0]["problems"][0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rows": {"public.users": 501, "public.crisis_events": 20}}, "rows of public.users: 500 instead of 501"),
        ({"newest": {"public.users": "2026-01-01T00:00:00.000000Z"}}, "newest of public.crisis_events"),
        ({"samples": {"public.users": "1:2:1"}}, "checksum of public.crisis_events"),
    ],
)
def test_a_restored_database_that_is_not_the_one_of_the_manifest_fails(
    check: RestoreCheck, good: Manifest, client: Any, store: BackupStore, change: dict[str, Any], problem: str
) -> None:
    changed = replace(good, contents=replace(good.contents, **change))
    put(client, check.copy, good.key, changed.to_json().encode())
    assert not check.run()
    assert [text for text in records(store, client)[0]["problems"] if text.startswith(problem)] != []


def test_orphaned_rows_and_constraints_that_were_never_validated_fail(
    filled: Server, tmp_path: Path, check: RestoreCheck, client: Any, store: BackupStore
) -> None:
    with filled.connect() as connection:
        connection.execute("CREATE TABLE notes (id int PRIMARY KEY, user_id text)")
        connection.execute("INSERT INTO notes VALUES (1, 'user-1'), (2, 'no such user'), (3, NULL)")
        connection.execute("ALTER TABLE notes ADD CONSTRAINT of FOREIGN KEY (user_id) REFERENCES users NOT VALID")
    try:
        manifest = backup(filled, tmp_path, check.copy).run()
        assert manifest.contents.faults == ("not validated: 1 in notes.of", "orphans: 1 in notes.of")
        hidden = replace(manifest, contents=replace(manifest.contents, faults=()))
        put(client, check.copy, manifest.key, hidden.to_json().encode())
        assert not check.run()
        assert records(store, client)[0]["problems"] == list(manifest.contents.faults)
    finally:
        with filled.connect() as connection:
            connection.execute("DROP TABLE notes")


def test_after_a_poisoned_newest_backup_the_one_before_it_is_proved_and_offered(
    check: RestoreCheck, good: Manifest, client: Any, store: BackupStore
) -> None:
    newest = poisoned(client, check.copy, good, sha256="0" * 64)
    assert not check.run()
    assert {record["backup"]: bool(record["problems"]) for record in records(store, client)} == {
        newest.name: True,
        good.name: False,
    }
    for manifest in (newest, good):
        put(client, store, manifest.key, manifest.to_json().encode())
    assert [manifest.name for manifest in store.offered()] == [good.name]


def test_a_suspect_backup_is_not_checked(check: RestoreCheck, good: Manifest, client: Any, store: BackupStore) -> None:
    poisoned(client, check.copy, good, suspect=("rows",))
    assert check.run()
    assert [record["backup"] for record in records(store, client)] == [good.name]


def test_no_backup_at_all_fails(check: RestoreCheck, capsys: pytest.CaptureFixture[str]) -> None:
    assert not check.run()
    assert said(capsys) == [{"step": "no backup", "bucket": check.copy.bucket}]


def test_a_backup_that_is_too_old_is_proved_and_the_check_fails(
    check: RestoreCheck, good: Manifest, store: BackupStore, capsys: pytest.CaptureFixture[str]
) -> None:
    late = replace(check, clock=lambda: datetime.now(UTC) + timedelta(days=2))
    assert not late.run()
    assert store.verdicts(good.name) == ["passed"]
    assert "newest backup is too old" in [line["step"] for line in said(capsys)]


def test_a_backup_from_the_future_stops_the_check(check: RestoreCheck, good: Manifest, store: BackupStore) -> None:
    early = replace(check, clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(InconclusiveError, match="is from the future"):
        early.run()
    assert store.checks() == []


def test_a_dump_larger_than_the_disk_is_refused_before_it_starts(
    check: RestoreCheck, good: Manifest, store: BackupStore, capsys: pytest.CaptureFixture[str]
) -> None:
    small = replace(check, free_bytes=lambda: good.database_bytes)
    with pytest.raises(TooLargeError, match=f"{good.database_bytes} are free"):
        small.run()
    assert store.checks() == []
    assert "restore began" not in [line["step"] for line in said(capsys)]


def test_a_disk_that_fills_up_proves_nothing_about_the_backup(
    filled: Server,
    tmp_path: Path,
    check: RestoreCheck,
    store: BackupStore,
    folder: Path,
    programs: Path,
    in_pod: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with filled.connect() as connection:
        connection.execute("INSERT INTO users SELECT repeat('x', 500) || n FROM generate_series(1, 50000) AS n")
    backup(filled, tmp_path, check.copy).run()
    limited = tmp_path / "limited"
    limited.mkdir()
    for program in ("initdb", "postgres"):
        # A limit on the size of a file stands for a full disk: the server cannot extend a table. A segment of
        # the log, 16 MiB, must fit. In blocks of 512 bytes.
        limit = "ulimit -f 33000; " if program == "postgres" else ""
        (limited / program).write_text(f'#!/bin/sh\n{limit}exec {programs / program} "$@"\n')
        (limited / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{limited}{os.pathsep}{os.environ['PATH']}")
    small = folder / "full"
    small.mkdir()
    binaries.Account.current().own(small)
    with pytest.raises(InconclusiveError, match="could not extend file"):
        replace(check, server=lambda: scratch_server(small)).run()
    assert store.checks() == []


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject"])
def test_a_region_that_keeps_failing_proves_nothing(
    check: RestoreCheck, good: Manifest, client: Any, store: BackupStore, operation: str
) -> None:
    with answers(client, operation, 503, "SlowDown"), pytest.raises(StoreError, match=r"SlowDown|503"):
        check.run()
    assert store.checks() == []


def test_a_throttled_region_is_asked_again(check: RestoreCheck, good: Manifest, client: Any) -> None:
    with answers(client, "GetObject", 503, "SlowDown", times=1) as calls:
        assert check.run()
    assert len(calls) > 1


def test_a_region_that_does_not_answer_proves_nothing(check: RestoreCheck, store: BackupStore) -> None:
    with pytest.raises(StoreError, match="Could not connect"):
        replace(check, copy=BackupStore(s3("http://127.0.0.1:9"), "gone")).run()
    assert store.checks() == []


def test_a_result_is_never_overwritten(check: RestoreCheck, good: Manifest, store: BackupStore, client: Any) -> None:
    assert check.run()
    assert check.run()
    assert store.verdicts(good.name) == ["passed", "passed"]
    assert len(objects(client, store.bucket)) == 2


@pytest.mark.usefixtures("in_pod")
def test_the_scratch_server_is_empty_listens_to_no_network_and_leaves_nothing(folder: Path) -> None:
    volume = folder / "own"
    volume.mkdir()
    binaries.Account.current().own(volume)
    (volume / "data").mkdir()
    (volume / "data" / "left-by-a-killed-job").touch()
    with scratch_server(volume) as address, psycopg.connect(address.conninfo()) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert not (volume / "data").exists()


@pytest.mark.usefixtures("in_pod")
def test_a_scratch_server_that_does_not_start_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = folder / "broken"
    volume.mkdir()
    binaries.Account.current().own(volume)
    monkeypatch.setitem(scratch._SETTINGS, "max_connections", "none")
    with pytest.raises(ProgramError, match=r"the scratch server does not start: .*FATAL: +invalid value"):
        scratch_server(volume).__enter__()
    assert not (volume / "data").exists()


def test_the_job_names_every_setting_that_is_missing() -> None:
    with pytest.raises(SettingError, match=r"BACKUP_BUCKET is missing; COPY_BUCKET is missing; .*OLDEST_SECONDS"):
        restore_check.main({})
