"""The times and the memory of the backup jobs, compared with plain streaming of the same dump in the same run.

The plain way does what `pg_dump | aws s3 cp - s3://...` and the reverse do: boto3 with its own defaults, and neither
checksum nor manifest. Both ways run as processes of their own, against the same PostgreSQL and moto, alternately.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from engine.root import PROGRAM_ROOT
from operations.records import Claim
from recovery.naming import DATABASE_NAME, DATABASE_USER, LEDGER_KEY, LEDGER_TABLE
from recovery.timeline import DatabaseId
from rehearsal.world import binaries
from rehearsal.world.cloud import empty_account
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.replication import copy_missing
from rehearsal.world.server import Server

ROWS = 1_000_000
RUNS = 3
REGION = "us-east-2"
_OWN, _COPY = "bench-backups", "bench-backups-copy"
_FILL = """
CREATE TABLE messages (id bigint PRIMARY KEY, user_id text NOT NULL REFERENCES users, at timestamptz, body text);
INSERT INTO users SELECT 'user-' || n, now() - n * interval '1 minute' FROM generate_series(1, {rows} / 10) AS n;
INSERT INTO crisis_events SELECT 'event-' || n, 'ml' FROM generate_series(1, {rows} / 100) AS n;
INSERT INTO messages
    SELECT n, 'user-' || 1 + n % ({rows} / 10), now() - n * interval '1 second',
        (SELECT string_agg(md5((n * part)::text), ' ') FROM generate_series(1, 6) AS part)
    FROM generate_series(1, {rows} - {rows} / 10 - {rows} / 100) AS n;
"""
"""Users, their messages of 200 characters, and crisis events: one row in ten, nine in ten, and one in a hundred."""

_PLAIN_BACKUP = """
import boto3, subprocess
dump = subprocess.Popen(["pg_dump", "--format=custom"], stdout=subprocess.PIPE)
boto3.client("s3").upload_fileobj(dump.stdout, "bench-backups", "plain.dump")
raise SystemExit(dump.wait())
"""
_PLAIN_RESTORE = """
import boto3, subprocess, sys
command = ["pg_restore", "--exit-on-error", "--no-owner", "--no-acl", "--dbname=plain"]
restore = subprocess.Popen(command, stdin=subprocess.PIPE)
boto3.client("s3").download_fileobj("bench-backups", "plain.dump", restore.stdin)
restore.stdin.close()
raise SystemExit(restore.wait())
"""


@dataclass(frozen=True)
class Run:
    """One process: its time, and its own peak of memory, without that of the programs that it starts."""

    seconds: float
    mebibytes: float


def figures(rows: int = ROWS) -> dict[str, float]:
    """Measure, and return the medians, the ratios and the jobs' peaks of memory (MiB)."""
    with _world(rows) as (environment, server):
        backup = [sys.executable, "-m", "operations", "backup"]
        plain = [sys.executable, "-c", _PLAIN_BACKUP]
        own_backup, plain_backup = _alternately(backup, plain, environment)
        copy_missing(_client("s3", environment["AWS_ENDPOINT_URL"]), _OWN, _COPY)
        check = [sys.executable, "-m", "operations", "restore-check"]
        restored = [sys.executable, "-c", _PLAIN_RESTORE]
        own_check, plain_restore = _alternately(check, restored, environment, before=lambda: _empty(server))
    return {
        "backup_rows": rows,
        "backup_seconds": round(_median(own_backup), 2),
        "backup_to_plain": round(_median(own_backup) / _median(plain_backup), 2),
        "backup_mebibytes": round(max(run.mebibytes for run in own_backup)),
        "restore_check_seconds": round(_median(own_check), 2),
        "restore_check_to_plain_restore": round(_median(own_check) / _median(plain_restore), 2),
        "restore_check_mebibytes": round(max(run.mebibytes for run in own_check)),
    }


def _median(runs: Sequence[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def _alternately(
    first: Sequence[str],
    second: Sequence[str],
    environment: Mapping[str, str],
    before: Callable[[], None] | None = None,
) -> tuple[list[Run], list[Run]]:
    """Run two commands in turn, so that a slower machine slows both."""
    runs: tuple[list[Run], list[Run]] = ([], [])
    for _ in range(RUNS):
        for command, done in zip((first, second), runs, strict=True):
            if before is not None:
                before()
            done.append(_run(command, environment))
    return runs


def _run(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=PROGRAM_ROOT, env=dict(environment), stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _peak(process.pid))
        time.sleep(0.02)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)[:60]} failed with exit code {process.returncode}")
    return Run(time.perf_counter() - began, peak)


def _peak(pid: int) -> float:
    """The greatest memory that a process has had so far, in MiB. Known on Linux only, else 0."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0")
    return int(line.split()[1]) / 1024


@contextmanager
def _world(rows: int) -> Generator[tuple[dict[str, str], Server]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        binaries.Account.current().own(scratch)
        endpoint = stack.enter_context(empty_account())
        server = stack.enter_context(PostgresServers(folder)).create("primary-1", "bench")
        _fill(server, rows)
        _prepare(endpoint)
        password = folder / "password"
        password.write_text(server.password)
        yield (
            {
                "PATH": f"{binaries.for_jobs(folder / 'programs')}:{os.environ['PATH']}",
                "AWS_ACCESS_KEY_ID": "rehearsal",
                "AWS_SECRET_ACCESS_KEY": "rehearsal",
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "PGSSLMODE": "disable",
                "DATABASE": "primary-1",
                "LEDGER_TABLE": LEDGER_TABLE,
                "DB_HOST": "127.0.0.1",
                "DB_PORT": str(server.port),
                "DB_NAME": DATABASE_NAME,
                "DB_USER": DATABASE_USER,
                "DB_PASSWORD_FILE": str(password),
                "BACKUP_BUCKET": _OWN,
                "COPY_BUCKET": _COPY,
                "COPY_REGION": REGION,
                "SCRATCH_FOLDER": str(scratch),
                "MINIMUM_ROWS": "1",
                "MINIMUM_RATIO": "0.8",
                "OLDEST_SECONDS": "3600",
                "DEADLINE_SECONDS": "600",
                # For the plain way.
                "PGHOST": "127.0.0.1",
                "PGPORT": str(server.port),
                "PGDATABASE": DATABASE_NAME,
                "PGUSER": DATABASE_USER,
                "PGPASSWORD": server.password,
            },
            server,
        )


def _fill(server: Server, rows: int) -> None:
    with server.connect() as connection:
        connection.execute(_FILL.format(rows=rows).encode())
    with server.connect_as_admin() as connection:
        connection.execute("CHECKPOINT")


def _empty(server: Server) -> None:
    with server.connect("postgres") as connection:
        connection.execute("DROP DATABASE IF EXISTS plain WITH (FORCE)")
        connection.execute("CREATE DATABASE plain")


def _client(service: str, endpoint: str) -> Any:
    session: Any = boto3.session.Session("rehearsal", "rehearsal")
    return session.client(service, REGION, endpoint_url=endpoint)


def _prepare(endpoint: str) -> None:
    s3 = _client("s3", endpoint)
    for bucket in (_OWN, _COPY):
        place = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
        lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    dynamodb = _client("dynamodb", endpoint)
    dynamodb.create_table(
        TableName=LEDGER_TABLE,
        KeySchema=[{"AttributeName": LEDGER_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": LEDGER_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=LEDGER_TABLE, Item=Claim(1, DatabaseId("primary", 1)).item)
