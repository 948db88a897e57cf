"""Backups in tests: buckets in moto, a job with its settings, and faults in the calls to S3."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from operations.backup import Backup, Floors
from operations.backup_store import BackupStore
from operations.environment import DatabaseAddress, Place
from recovery.naming import DATABASE_NAME, DATABASE_USER, LEDGER_KEY, LEDGER_TABLE
from recovery.timeline import DatabaseId
from rehearsal.world import binaries
from rehearsal.world.server import Server
from tests.operations.world import Table, ledger

REGION = "us-east-2"
_names = itertools.count(1)


def s3(endpoint: str) -> Any:
    """A client that gives up fast."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=2, read_timeout=20)
    session = boto3.session.Session("test", "test")
    return session.client("s3", REGION, endpoint_url=endpoint, config=config)


def locked_bucket(client: Any, *, locks: bool = True) -> str:
    """A new bucket. Its default retention locks every object for a day."""
    name = f"backups-{next(_names)}"
    place = {"LocationConstraint": REGION}
    client.create_bucket(Bucket=name, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=locks)
    if locks:
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
        lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
        client.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=lock)
    return name


def address(server: Server, folder: Path, password: str | None = None) -> DatabaseAddress:
    file = folder / "db-password"
    file.write_text(f"{server.password if password is None else password}\n")
    return DatabaseAddress("127.0.0.1", server.port, DATABASE_NAME, DATABASE_USER, file)


def backup(
    server: Server,
    folder: Path,
    store: BackupStore,
    *,
    table: Table | None = None,
    floors: Floors | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    password: str | None = None,
) -> Backup:
    """The job at one server, which leads unless the table says otherwise."""
    return Backup(
        place=Place(DatabaseId.parse(server.name), REGION, LEDGER_TABLE),
        ledger=ledger(table or Table("primary-1")),
        address=address(server, folder, password),
        store=store,
        floors=floors or Floors(rows=1, ratio=0.8),
        clock=clock,
    )


def job_environment(server: Server, folder: Path, endpoint: str, bucket: str) -> dict[str, str]:
    """The environment of the job as a process."""
    place = address(server, folder)
    return {
        "PATH": f"{binaries.programs()}:{os.environ['PATH']}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "PGSSLMODE": "disable",
        "DATABASE": server.name,
        "LEDGER_TABLE": LEDGER_TABLE,
        "DB_HOST": place.host,
        "DB_PORT": str(place.port),
        "DB_NAME": place.name,
        "DB_USER": place.user,
        "DB_PASSWORD_FILE": str(place.password_file),
        "BACKUP_BUCKET": bucket,
        "MINIMUM_ROWS": "1",
        "MINIMUM_RATIO": "0.8",
        "DEADLINE_SECONDS": "60",
    }


def fill(server: Server, users: int, events: int = 20) -> None:
    """Replace all rows."""
    with server.connect() as connection:
        connection.execute("TRUNCATE users, crisis_events")
        connection.execute("INSERT INTO users SELECT 'user-' || n FROM generate_series(1, %s) AS n", (users,))
        connection.execute(
            "INSERT INTO crisis_events SELECT 'event-' || n, 'ml' FROM generate_series(1, %s) AS n", (events,)
        )


def end_sessions(server: Server, application: str) -> int:
    """End the sessions of a program, and return their number."""
    with server.connect("postgres") as connection:
        row = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s", (application,)
        ).fetchone()
    return row[0] if row else 0


def ledger_table(dynamodb: Any, name: str) -> str:
    """An empty table with the key of the ledger. Returns its name."""
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": LEDGER_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": LEDGER_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def objects(client: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def unfinished_uploads(client: Any, bucket: str) -> list[str]:
    return [upload["Key"] for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


class _Raw:
    """The body of an answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


@contextmanager
def answers(client: Any, operation: str, status: int, code: str, *, times: int = 10**6) -> Generator[list[str]]:
    """Answer an operation with an error of AWS, some times, instead of sending it."""
    calls: list[str] = []

    def refuse(**_: Any) -> AWSResponse | None:
        calls.append(operation)
        if len(calls) > times:
            return None
        body = f"<Error><Code>{code}</Code><Message>as asked</Message></Error>".encode()
        return AWSResponse("http://s3", status, cast("Any", {}), cast("Any", _Raw(body)))

    event = f"before-send.s3.{operation}"
    client.meta.events.register(event, refuse)
    try:
        yield calls
    finally:
        client.meta.events.unregister(event, refuse)
