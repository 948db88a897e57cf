"""The backup job against a real PostgreSQL and moto: the stored objects, and the failures that it must report."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from operations import contents, postgres_programs
from operations.backup import BackupError, Floors
from operations.backup_store import LARGEST_PART, MIB, PARTS, BackupStore, StoreError, TooLargeError, part_bytes
from operations.manifest import Manifest, ManifestError
from operations.postgres_programs import ProgramError
from operations.session import DatabaseUnreachableError
from operations.source import SourceRefusedError
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.server import Server
from tests.operations.backups import answers, backup, end_sessions, fill, locked_bucket, objects, s3, unfinished_uploads
from tests.operations.world import Table, said
from tests.patience import wait_until

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def filled(leader: Server) -> Server:
    fill(leader, 500)
    return leader


def test_a_backup_is_a_locked_dump_that_its_manifest_describes(
    filled: Server, tmp_path: Path, store: BackupStore, client: Any, bucket: str
) -> None:
    manifest = backup(filled, tmp_path, store).run()
    assert objects(client, bucket) == [manifest.dump_key, manifest.key]
    dump = client.get_object(Bucket=bucket, Key=manifest.dump_key)["Body"].read()
    assert (len(dump), hashlib.sha256(dump).hexdigest()) == (manifest.dump_bytes, manifest.sha256)
    assert manifest.contents.rows == {"public.users": 500, "public.crisis_events": 20}
    assert manifest.contents.faults == ()
    assert (manifest.database, manifest.role, manifest.epoch, manifest.suspect) == ("primary-1", "leader", 1, ())
    listed = subprocess.run(["pg_restore", "--list"], input=dump, capture_output=True, check=True).stdout.decode()
    assert manifest.entries == len([line for line in listed.splitlines() if line and not line.startswith(";")]) > 4
    assert list(store.manifests()) == [manifest]
    locked = store.stored(manifest.dump_key).locked_until
    assert locked is not None
    assert locked > datetime.now(UTC)


def test_the_rows_of_the_manifest_are_those_of_the_dump_whatever_is_written_meanwhile(
    filled: Server, tmp_path: Path, store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = BackupStore.upload

    def write_first(*arguments: Any) -> None:
        with filled.connect() as connection:
            connection.execute("INSERT INTO users VALUES ('late')")
        upload(*arguments)

    monkeypatch.setattr(BackupStore, "upload", write_first)
    manifest = backup(filled, tmp_path, store).run()
    text = subprocess.run(
        ["pg_restore", "--file=-", "--data-only", "--table=users"],
        input=b"".join(store.open(manifest.dump_key)),
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert manifest.contents.rows["public.users"] == len(re.findall(r"^user-", text, re.MULTILINE)) == 500
    assert "late" not in text


def test_a_caught_up_replica_is_backed_up_in_its_own_right(
    filled: Server, replica: Server, servers: PostgresServers, tmp_path: Path, store: BackupStore
) -> None:
    servers.wait_caught_up("secondary-1")
    manifest = backup(replica, tmp_path, store).run()
    assert (manifest.database, manifest.role, manifest.epoch) == ("secondary-1", "replica", 1)
    assert manifest.contents.rows["public.users"] == 500


@pytest.mark.parametrize(
    ("claims", "name", "reason"),
    [
        (("primary-1", "secondary-1"), "primary-1", "primary-1 is fenced: secondary-1 leads epoch 2"),
        (("primary-1", "secondary-1"), "secondary-1", "secondary-1 is to lead epoch 2 and is not promoted yet"),
        (("primary-1", "primary-2"), "secondary-1", "secondary-1 is stale: it does not follow primary-2"),
    ],
)
def test_a_database_without_the_present_data_is_refused(
    filled: Server, replica: Server, tmp_path: Path, store: BackupStore, claims: Any, name: str, reason: str
) -> None:
    server = {"primary-1": filled, "secondary-1": replica}[name]
    with pytest.raises(SourceRefusedError, match=re.escape(reason)):
        backup(server, tmp_path, store, table=Table(*claims)).run()
    assert list(store.manifests()) == []


def test_a_replica_that_lost_its_leader_is_refused(
    filled: Server, replica: Server, servers: PostgresServers, tmp_path: Path, store: BackupStore
) -> None:
    servers.kill("primary-1")
    try:
        wait_until(lambda: replica.truth("SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)"))
        with pytest.raises(SourceRefusedError, match="has lost its leader"):
            backup(replica, tmp_path, store).run()
    finally:
        servers.start("primary-1")
        servers.wait_caught_up("secondary-1")


def test_a_dump_by_a_client_of_another_major_version_is_refused(
    filled: Server, tmp_path: Path, store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_programs, "version", lambda _: "12.9")
    with pytest.raises(SourceRefusedError, match=r"pg_dump has version 12\.9, the server 18"):
        backup(filled, tmp_path, store).run()


@pytest.mark.parametrize(
    ("users", "events", "reason"),
    [
        (0, 20, "public.users has 0 rows, expected at least 1"),
        (250, 20, "rows of public.users: 250 instead of 500"),
        (500, 10, "rows of public.crisis_events: 10 instead of 20"),
    ],
)
def test_a_backup_with_much_less_than_the_last_one_is_kept_and_not_offered(
    filled: Server, tmp_path: Path, store: BackupStore, users: int, events: int, reason: str
) -> None:
    good = backup(filled, tmp_path, store).run()
    fill(filled, users, events)
    poisoned = backup(filled, tmp_path, store).run()
    assert [text for text in poisoned.suspect if text.startswith(reason)] != []
    assert [manifest.name for manifest in store.manifests()] == sorted((good.name, poisoned.name), reverse=True)
    assert [manifest.name for manifest in store.offered()] == [good.name]


def test_a_dump_that_shrank_is_suspect_although_no_row_is_missing(
    filled: Server, tmp_path: Path, store: BackupStore
) -> None:
    with filled.connect() as connection:
        connection.execute("CREATE TABLE notes AS SELECT md5(n::text) AS text FROM generate_series(1, 3000) AS n")
    try:
        backup(filled, tmp_path, store).run()
        with filled.connect() as connection:
            connection.execute("UPDATE notes SET text = ''")
        suspect = backup(filled, tmp_path, store).run().suspect
        assert [text.split(":")[0] for text in suspect] == ["bytes of the dump"]
    finally:
        with filled.connect() as connection:
            connection.execute("DROP TABLE notes")


def test_a_database_without_the_tables_is_an_error_and_leaves_no_manifest(
    filled: Server, tmp_path: Path, store: BackupStore
) -> None:
    with filled.connect() as connection:
        connection.execute("ALTER TABLE users RENAME TO users_gone")
    try:
        with pytest.raises(psycopg.Error, match="users"):
            backup(filled, tmp_path, store).run()
    finally:
        with filled.connect() as connection:
            connection.execute("ALTER TABLE users_gone RENAME TO users")
    assert list(store.manifests()) == []


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_off_stops_the_backup(filled: Server, tmp_path: Path, store: BackupStore, hours: int) -> None:
    with pytest.raises(BackupError, match=r"the clocks of this pod and of the database differ by 7[0-9]{3} s"):
        backup(filled, tmp_path, store, clock=lambda: datetime.now(UTC) + timedelta(hours=hours)).run()


def test_a_backup_that_would_not_be_the_newest_is_not_made(
    filled: Server, tmp_path: Path, store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup(filled, tmp_path, store).run()
    ahead = replace(made, taken_at=(made.moment + timedelta(days=1)).isoformat())
    monkeypatch.setattr(store, "offered", lambda: iter([ahead]))
    with pytest.raises(BackupError, match="after the time of the database"):
        backup(filled, tmp_path, store).run()


@pytest.mark.parametrize("operation", ["PutObject", "ListObjectsV2", "HeadObject"])
def test_a_throttled_call_is_repeated(
    filled: Server, tmp_path: Path, store: BackupStore, client: Any, operation: str
) -> None:
    with answers(client, operation, 503, "SlowDown", times=1) as calls:
        manifest = backup(filled, tmp_path, store).run()
    assert len(calls) > 1
    assert list(store.manifests()) == [manifest]


@pytest.mark.parametrize("operation", ["PutObject", "ListObjectsV2", "HeadObject"])
def test_a_call_that_keeps_failing_ends_the_job_without_a_manifest(
    filled: Server, tmp_path: Path, store: BackupStore, client: Any, operation: str
) -> None:
    with answers(client, operation, 503, "SlowDown"), pytest.raises(StoreError, match=r"SlowDown|503"):
        backup(filled, tmp_path, store).run()
    assert list(store.manifests()) == []


def test_a_region_that_does_not_answer_ends_the_job(filled: Server, tmp_path: Path) -> None:
    nowhere = BackupStore(s3("http://127.0.0.1:9"), "backups-nowhere")
    with pytest.raises(StoreError, match="Could not connect"):
        backup(filled, tmp_path, nowhere).run()


def test_a_part_that_fails_leaves_no_unfinished_upload(
    filled: Server, tmp_path: Path, store: BackupStore, client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(filled, monkeypatch)
    with answers(client, "UploadPart", 500, "InternalError") as calls, pytest.raises(StoreError):
        backup(filled, tmp_path, store).run()
    assert calls != []
    assert (objects(client, bucket), unfinished_uploads(client, bucket)) == ([], [])


def test_a_dump_in_several_parts_is_the_same_dump(
    filled: Server, tmp_path: Path, store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(filled, monkeypatch)
    manifest = backup(filled, tmp_path, store).run()
    assert manifest.dump_bytes > 6 * MIB
    assert hashlib.sha256(b"".join(store.open(manifest.dump_key))).hexdigest() == manifest.sha256


def test_a_failed_upload_ends_the_reading_also_between_two_queries(
    filled: Server, tmp_path: Path, store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(connection: psycopg.Connection) -> None:
        time.sleep(0.5)  # there is no query to cancel
        connection.execute("SELECT pg_sleep(600)")

    def fail(*_: object) -> None:
        raise ProgramError("no dump")

    monkeypatch.setattr(contents, "read", read_slowly)
    monkeypatch.setattr(store, "upload", fail)
    with pytest.raises(ProgramError, match="no dump"):
        backup(filled, tmp_path, store).run()


def large(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the database with more than one part, of the smallest size that S3 accepts."""
    fill(server, 200_000)
    monkeypatch.setattr("operations.backup.part_bytes", lambda _: 5 * MIB)
    monkeypatch.setattr("operations.postgres_programs.COMPRESSION", "none")


def test_a_dump_whose_session_is_ended_is_never_completed(
    filled: Server, tmp_path: Path, store: BackupStore, client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(filled, monkeypatch)
    read = postgres_programs.Dump.read

    def end_at_the_first(dump: postgres_programs.Dump, size: int) -> bytes:
        if dump.bytes == 0:
            wait_until(lambda: end_sessions(filled, "pg_dump"))
        return read(dump, size)

    monkeypatch.setattr(postgres_programs.Dump, "read", end_at_the_first)
    with pytest.raises(ProgramError, match="pg_dump failed with exit code 1"):
        backup(filled, tmp_path, store).run()
    assert (objects(client, bucket), unfinished_uploads(client, bucket)) == ([], [])


def test_a_wrong_password_is_reported_without_the_password(
    filled: Server, tmp_path: Path, store: BackupStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DatabaseUnreachableError, match="password authentication failed") as failure:
        backup(filled, tmp_path, store, password="guessed-secret").run()
    assert "guessed-secret" not in str(failure.value) + json.dumps(said(capsys))


def test_a_bucket_that_locks_nothing_is_not_trusted(filled: Server, tmp_path: Path, client: Any) -> None:
    store = BackupStore(client, locked_bucket(client, locks=False))
    with pytest.raises(BackupError, match="does not lock its objects"):
        backup(filled, tmp_path, store).run()
    assert list(store.manifests()) == []


def test_the_lock_refuses_to_delete_and_the_job_to_overwrite(
    filled: Server, tmp_path: Path, store: BackupStore, client: Any, bucket: str
) -> None:
    manifest = backup(filled, tmp_path, store).run()
    version = client.head_object(Bucket=bucket, Key=manifest.dump_key)["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=bucket, Key=manifest.dump_key, VersionId=version)
    with pytest.raises(StoreError, match="PreconditionFailed"):
        store.write(manifest.key, "{}")
    assert list(store.manifests()) == [manifest]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "name": "x"}'])
def test_a_manifest_that_is_not_readable_is_skipped_and_logged(
    filled: Server, tmp_path: Path, store: BackupStore, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ManifestError):
        Manifest.parse(text)
    manifest = backup(filled, tmp_path, store).run()
    store.write("manifests/99991231T000000Z-00000000.json", text)
    assert list(store.offered()) == [manifest]
    assert [line["step"] for line in said(capsys)][-1] == "manifest skipped"


def test_parts_grow_with_the_database_until_a_dump_cannot_fit() -> None:
    sizes = (0, 70 * 1024**3, 300 * 1024**3, PARTS * LARGEST_PART)
    assert [part_bytes(size) // MIB for size in sizes] == [8, 8, 31, 48]
    assert [size for size in sizes if part_bytes(size) * PARTS < size] == []
    with pytest.raises(TooLargeError, match="the database has 468 GiB, more than the 468 GiB"):
        part_bytes(PARTS * LARGEST_PART + 1)


def test_floors_compare_only_with_a_good_backup(filled: Server, tmp_path: Path, store: BackupStore) -> None:
    manifest = backup(filled, tmp_path, store).run()
    floors = Floors(rows=501, ratio=0.8)
    assert list(floors.reasons(manifest, None)) == [
        "public.users has 500 rows, expected at least 501",
        "public.crisis_events has 20 rows, expected at least 501",
    ]
