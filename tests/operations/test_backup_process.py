"""The backup job as a process, as a pod runs it: killed, stopped, and started twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest

from operations.backup_store import BackupStore
from operations.records import Claim
from recovery.naming import LEDGER_KEY
from recovery.timeline import DatabaseId
from rehearsal.world.server import Server
from tests.harness import ROOT
from tests.operations.backups import REGION, fill, job_environment, objects, unfinished_uploads
from tests.patience import wait_until

TABLE = "ledger-of-the-backup-process"
"""All servers of moto in one process share their tables."""
COMMAND = [sys.executable, "-m", "operations", "backup"]


@pytest.fixture(scope="module", autouse=True)
def claimed(endpoint: str) -> None:
    """The ledger with one claim."""
    session = boto3.session.Session("test", "test")
    dynamodb = session.client("dynamodb", REGION, endpoint_url=endpoint)
    with suppress(dynamodb.exceptions.ResourceInUseException):  # the tests of another module came in between
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": LEDGER_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": LEDGER_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    dynamodb.put_item(TableName=TABLE, Item=Claim(1, DatabaseId("primary", 1)).item)


@pytest.fixture(scope="module")
def filled(servers: Any) -> Server:
    fill(servers["primary-1"], 2000)
    return servers["primary-1"]


@pytest.fixture
def environment(filled: Server, tmp_path: Path, endpoint: str, bucket: str) -> dict[str, str]:
    return job_environment(filled, tmp_path, endpoint, bucket) | {"LEDGER_TABLE": TABLE}


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    output, _ = process.communicate(timeout=60)
    return process.returncode, [json.loads(line) for line in output.splitlines()]


def end_at(process: subprocess.Popen[str], step: str, how: signal.Signals) -> int:
    """Signal a job when it logs a step, and return its exit code."""
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["step"] == step:
            process.send_signal(how)
            break
    process.communicate(timeout=60)
    return process.returncode


def test_the_job_succeeds_and_logs_each_step_without_a_secret(filled: Server, environment: dict[str, str]) -> None:
    code, lines = finish(start(environment))
    assert [line["step"] for line in lines] == ["backup began", "dump uploaded", "manifest written"]
    assert code == 0
    assert filled.password not in json.dumps(lines)


@pytest.mark.parametrize("step", ["backup began", "dump uploaded", "manifest written"])
def test_a_killed_job_leaves_no_manifest_of_an_incomplete_dump_and_can_run_again(
    environment: dict[str, str], store: BackupStore, client: Any, bucket: str, step: str
) -> None:
    assert end_at(start(environment), step, signal.SIGKILL) == -signal.SIGKILL
    complete = [manifest.dump_key for manifest in store.manifests()]
    assert [key for key in complete if key not in objects(client, bucket)] == []
    assert finish(start(environment))[0] == 0
    newest = next(store.offered())
    assert newest.dump_key not in complete
    assert newest.contents.rows["public.users"] == 2000


def test_a_job_that_the_cluster_stops_reports_it_and_tidies_up(
    environment: dict[str, str], client: Any, bucket: str, store: BackupStore
) -> None:
    assert end_at(start(environment), "backup began", signal.SIGTERM) == 1
    assert (list(store.manifests()), unfinished_uploads(client, bucket)) == ([], [])


def test_a_job_stops_at_its_deadline(filled: Server, environment: dict[str, str], store: BackupStore) -> None:
    with filled.connect() as migration, migration.transaction():
        migration.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        code, lines = finish(start(environment | {"DEADLINE_SECONDS": "3"}))
    assert (code, lines[-1]["step"], lines[-1]["reason"]) == (1, "backup failed", "more than 3 s")
    assert list(store.manifests()) == []


def test_two_jobs_at_once_make_two_backups(environment: dict[str, str], store: BackupStore) -> None:
    jobs = [start(environment), start(environment)]
    assert [finish(job)[0] for job in jobs] == [0, 0]
    manifests = list(store.offered())
    assert len({manifest.name for manifest in manifests}) == 2
    assert [store.stored(manifest.dump_key).bytes for manifest in manifests] == [
        manifest.dump_bytes for manifest in manifests
    ]


def test_the_password_is_in_no_process_list(filled: Server, environment: dict[str, str]) -> None:
    with filled.connect() as migration, migration.transaction():
        migration.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")  # pg_dump waits for it
        job = start(environment)
        assert job.stdout is not None
        assert json.loads(job.stdout.readline())["step"] == "backup began"
        wait_until(lambda: any("pg_dump" in command for command, _ in processes_below(job.pid)))
        children = processes_below(job.pid)
        job.terminate()
        job.communicate(timeout=60)
    assert [pair for pair in children if filled.password in "".join(pair)] == []


def processes_below(parent: int) -> list[tuple[str, str]]:
    """The command lines and environments of a process's children."""
    listed: list[tuple[str, str]] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "stat").read_text().rsplit(")", 1)[1].split()[1] == str(parent):
                listed.append(((folder / "cmdline").read_text(), (folder / "environ").read_text()))
        except OSError:
            continue
    return listed


def test_a_wrong_setting_is_named(environment: dict[str, str]) -> None:
    code, lines = finish(start({**environment, "BACKUP_BUCKET": "", "MINIMUM_RATIO": "much"}))
    assert code == 2
    assert lines[0]["problem"] == "BACKUP_BUCKET is missing; MINIMUM_RATIO is 'much', expected a number"


def test_a_fenced_database_is_refused_with_its_own_exit_code(environment: dict[str, str]) -> None:
    code, lines = finish(start(environment | {"DATABASE": "primary-9"}))
    assert (code, lines[-1]["step"]) == (3, "backup refused")
