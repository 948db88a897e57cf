"""A failover: its edit, its refusals, and its continuation after it was killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.warm import Warm
from procedures.access import ProcedureError
from procedures.failover import fail_over
from procedures.lock import KEY, Lock
from recovery.naming import state_bucket
from rehearsal.world.cloud import empty_account
from stacks.config import parse
from stacks.problems import ConfigError
from tests.harness import ROOT
from tests.procedures.fakes import FileStack, MotoAccess, Notes

STEPS = ["lock", "edit", "up", "unlock"]
BUCKET = state_bucket("secondary", account="123456789012")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with empty_account() as url:
        place: Any = {"LocationConstraint": "us-west-2"}
        MotoAccess(url).client("s3", "us-west-2").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        yield url


@pytest.fixture
def access(endpoint: str) -> MotoAccess:
    access = MotoAccess(endpoint)
    access.client("s3", "us-west-2").delete_object(Bucket=BUCKET, Key=KEY)
    access.regions.clear()
    return access


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm("tests.procedures.fakes", root=ROOT) as warm:
        yield warm


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    for name in ("primary", "secondary"):
        shutil.copy(ROOT / f"Pulumi.{name}.yaml", tmp_path)
    return FileStack(tmp_path / "Pulumi.secondary.yaml")


def text_with_one_more(stack: FileStack) -> str:
    line = "    - primary-1\n"
    before, found, after = stack.path.read_text().partition(line)
    assert found
    return f"{before}{line}    - secondary-1\n{after}"


def lock_of(stack: FileStack, access: MotoAccess) -> Lock:
    return Lock(access, parse(stack.file.config, stack="secondary"))


def test_a_failover_adds_one_line_and_deploys(stack: FileStack, access: MotoAccess) -> None:
    expected, notes = text_with_one_more(stack), Notes()
    done = fail_over(stack, access, notes)
    assert len(done.steps) == 1
    assert stack.path.read_text() == expected
    assert notes.steps == STEPS
    assert set(access.regions) == {"us-west-2"}
    assert lock_of(stack, access).holder() is None


@pytest.mark.parametrize("last", STEPS)
def test_a_failover_that_is_killed_ends_the_same_when_it_runs_again(
    stack: FileStack, access: MotoAccess, warm: Warm, last: str
) -> None:
    expected = text_with_one_more(stack)
    words = (
        "-m",
        "tests.procedures.fakes",
        "failover",
        access.endpoint,
        str(stack.path.parent),
        str(STEPS.index(last)),
    )
    process = warm.start(*words, env=os.environ, stdout=1, stderr=2)
    assert process.wait(60) == -signal.SIGKILL
    notes = Notes()
    fail_over(FileStack(stack.path), access, notes)
    assert stack.path.read_text() == expected
    deployed = json.loads(stack.path.with_suffix(".deployed").read_text())
    assert deployed["lifeline:timeline"] == ["primary-1", "secondary-1"]
    assert lock_of(stack, access).holder() is None
    assert notes.steps == STEPS
    assert [line for line in notes.said if "has ended" in line] == (notes.said[:1] if last != "unlock" else [])


def test_a_second_operator_is_refused_with_the_name_of_the_first(stack: FileStack, access: MotoAccess) -> None:
    before, other = stack.path.read_text(), lock_of(stack, access)
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with other.held("failover"):
            holder = other.holder()
            assert holder is not None
            note = access.client("s3", "us-west-2").get_object(Bucket=BUCKET, Key=KEY)["Body"].read().decode()
            elsewhere = note.replace(f'"process": {os.getpid()}', f'"process": {sleeper.pid}')
            access.client("s3", "us-west-2").put_object(Bucket=BUCKET, Key=KEY, Body=elsewhere.encode())
            with pytest.raises(ProcedureError, match=f"runs 'lifeline failover' since {holder.since[:10]}") as refused:
                fail_over(stack, access, Notes())
            assert holder.name in str(refused.value)
    finally:
        sleeper.communicate(b"\n")
    assert stack.path.read_text() == before


def test_a_process_of_another_machine_is_never_taken_for_ended(stack: FileStack, access: MotoAccess) -> None:
    lock, s3 = lock_of(stack, access), access.client("s3", "us-west-2")
    note = b'{"name": "alice", "machine": "far away", "process": 1, "procedure": "failover", "since": "03:00"}'
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=note)
    with pytest.raises(ProcedureError, match="alice on far away runs 'lifeline failover' since 03:00"):
        fail_over(stack, access, Notes())
    lock.clear()
    fail_over(stack, access, Notes())


def test_a_failover_is_refused_before_the_edit_where_the_bucket_of_the_state_is_missing(
    stack: FileStack, access: MotoAccess
) -> None:
    before = stack.path.read_text()
    stack.file.set("lifeline:account", "210987654321")
    with pytest.raises(ProcedureError, match="lifeline-210987654321-secondary-state, does not answer"):
        fail_over(stack, access, Notes())
    assert stack.path.read_text() == before


def test_a_stale_replica_may_not_lead(stack: FileStack, access: MotoAccess) -> None:
    stack.file.set("lifeline:timeline", ["primary-1", "secondary-1", "primary-2"])
    stack.file.save()
    before = stack.path.read_text()
    with pytest.raises(ConfigError, match="lacks epoch"):
        fail_over(stack, access, Notes())
    assert stack.path.read_text() == before
    assert lock_of(stack, access).holder() is None
