"""The traces of a killed run are cleared, and nothing that somebody may still need."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from operations.ledger import JobLedger
from operations.records import Claim
from procedures.access import ProcedureError
from procedures.lock import KEY, Lock
from procedures.resume import resume
from recovery.naming import LEDGER_TABLE, state_key
from recovery.timeline import DatabaseId
from tests.harness import ROOT
from tests.procedures.fakes import MotoAccess, Notes, StateStack
from tests.procedures.obstacles import OF_ENGINE, Obstacle
from tests.procedures.survivor import BUCKET, CONFIG, Survivor, region, survivor, write_state

SETTINGS = {"urn": "urn:pulumi:secondary::lifeline::a$b:index:C::settings", "type": "b:index:C"}
LOCK = ".pulumi/locks/organization/lifeline/secondary/1.json"
BY_NAME: dict[str, Obstacle] = {obstacle.name: obstacle for obstacle in OF_ENGINE}


@dataclass
class Repaired(StateStack):
    """A stack that counts its repairs."""

    calls: list[str] = field(default_factory=list[str])

    def cancel(self) -> None:
        """Remove the lock."""
        self.calls.append("cancel")
        super().cancel()

    def refresh(self, urns: Sequence[str]) -> None:
        """Repair the state."""
        self.calls += urns
        super().refresh(urns)


def stack_at(at: Survivor) -> Repaired:
    return Repaired(at.folder / "Pulumi.secondary.yaml", MotoAccess(at.url))


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Survivor]:
    with region() as account:
        yield survivor(account, tmp_path, monkeypatch)


def ended() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def put(at: Survivor, key: str, **content: object) -> None:
    at.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content).encode())


def note(at: Survivor, machine: str, process: int) -> None:
    put(at, KEY, name="ada", machine=machine, process=process, procedure="failover", since="02:50")


def test_everything_that_a_killed_run_left_is_cleared_once(at: Survivor) -> None:
    note(at, socket.gethostname(), ended())
    put(at, LOCK, username="ada", hostname=socket.gethostname(), pid=ended(), timestamp="02:51")
    BY_NAME["an interrupted operation"].provoke(at)
    stack, notes = stack_at(at), Notes()
    done = resume(stack, at.access, notes)
    assert notes.steps == ["note", "lock", "interrupted operations"]
    assert done[0].startswith("note: ada on ")
    assert stack.calls == ["cancel", "urn:pulumi:secondary::lifeline::a$b:index:C::it's"]
    assert Lock(at.access, CONFIG).holder() is None
    assert resume(stack_at(at), at.access, Notes()) == ()


def test_a_state_that_still_names_the_source_is_read_from_rds(at: Survivor) -> None:
    BY_NAME["a state that still names a source"].provoke(at)
    stack = stack_at(at)
    (done,) = resume(stack, at.access, Notes())
    assert done.startswith("source: the database is promoted already")
    (urn,) = stack.calls
    assert urn.endswith("aws:rds/instance:Instance::database-1-instance")


def test_what_the_next_run_creates_is_said_and_left(at: Survivor) -> None:
    pending = [{"resource": {"urn": "urn:a::b::c::job"}, "type": "creating"}]
    write_state(at.client("s3"), pending_operations=pending, resources=[])
    notes = Notes()
    assert resume(stack_at(at), at.access, notes) == ()
    assert notes.said == ["the next run creates: urn:a::b::c::job"]


def test_a_resume_that_is_killed_ends_the_same_when_it_runs_again(at: Survivor) -> None:
    BY_NAME["a state that still names a source"].provoke(at)
    (database,) = latest(at)["resources"]
    left: dict[str, Any] = {"resources": [database], "pending_operations": [{"resource": SETTINGS, "type": "updating"}]}
    left["resources"].append(SETTINGS)
    stack, access = stack_at(at), MotoAccess(at.url)
    ends: list[object] = []
    for last in (None, 0, 1, 2, 3):
        write_state(at.client("s3"), **left)
        note(at, socket.gethostname(), ended())
        put(at, LOCK, username="ada", hostname=socket.gethostname(), pid=ended(), timestamp="02:51")
        if last is not None:
            words = [sys.executable, "-m", "tests.procedures.fakes", "resume", at.url, str(at.folder), str(last)]
            assert subprocess.run(words, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        notes = Notes()
        resume(stack, access, notes)
        assert notes.steps == ["note", "lock", "interrupted operations", "source"][0 if last is None else last + 1 :]
        ends.append((latest(at), at.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]))
    assert "replicateSourceDb" not in str(ends[0])
    assert ends == ends[:1] * 5


def latest(at: Survivor) -> dict[str, Any]:
    """The state."""
    body = at.client("s3").get_object(Bucket=BUCKET, Key=state_key("secondary"))["Body"]
    return json.loads(body.read())["checkpoint"]["latest"]


def test_the_note_of_another_machine_stays(at: Survivor) -> None:
    note(at, "laptop", ended())
    with pytest.raises(ProcedureError, match="ada on laptop runs 'lifeline failover' since 02:50"):
        resume(stack_at(at), at.access, Notes())
    assert Lock(at.access, CONFIG).holder() is not None


def test_a_run_of_pulumi_on_another_machine_stays(at: Survivor) -> None:
    BY_NAME["another run of Pulumi"].provoke(at)
    stack = stack_at(at)
    with pytest.raises(ProcedureError, match="ada@laptop runs pulumi since"):
        resume(stack, at.access, Notes())
    assert stack.calls == []


def test_an_epoch_of_the_other_site_is_never_taken(at: Survivor) -> None:
    note(at, socket.gethostname(), ended())
    JobLedger(at.client("dynamodb"), LEDGER_TABLE).put_claim(Claim(2, DatabaseId("primary", 2)))
    with pytest.raises(ProcedureError, match="primary-2 leads epoch 2"):
        resume(stack_at(at), at.access, Notes())
    assert Lock(at.access, CONFIG).holder() is not None


def test_an_epoch_that_is_its_own_already_is_no_obstacle(at: Survivor) -> None:
    JobLedger(at.client("dynamodb"), LEDGER_TABLE).put_claim(Claim(2, DatabaseId("secondary", 1)))
    assert resume(stack_at(at), at.access, Notes()) == ()


def test_of_two_runs_that_find_a_killed_one_one_takes_over(at: Survivor, monkeypatch: pytest.MonkeyPatch) -> None:
    note(at, socket.gethostname(), ended())
    lock, other = Lock(at.access, CONFIG), Lock(at.access, CONFIG)
    refuse = lock.refuse_unless_gone

    def meanwhile(holder: object) -> None:
        with other.held("failover"):
            pass
        note(at, "laptop", 1)  # a third one begins after it
        refuse(holder)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(lock, "refuse_unless_gone", meanwhile)
    with pytest.raises(ProcedureError, match="another operator was faster"), lock.held("failover"):
        pass
    holder = other.holder()
    assert holder is not None
    assert holder.machine == "laptop"
