"""`lifeline failover` with the real engine: the command that an operator types, in a process of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from engine.program import steps_to
from procedures.lock import KEY
from recovery.naming import state_bucket, state_key
from rehearsal.offline import OfflineAccount, SiteWorld
from rehearsal.providers.backend import NoEffects
from rehearsal.shell import Shell, shell
from rehearsal.world.faults import Faults
from stacks.stackfile import StackFile
from tests.engine.jobs import run_claims
from tests.engine.test_two_engines import add_secondary, needs_pulumi, pulumi_engine
from tests.harness import ROOT
from tests.patience import wait_until
from tests.serving import send, serving

pytestmark = needs_pulumi

BUCKET = state_bucket("secondary", account="123456789012")


@dataclass(frozen=True)
class Operator(Shell):
    """A machine of an operator, with a look behind it."""

    site: SiteWorld
    s3: Any


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Both sites are built; then the first region is lost, and us-east-1's control planes with it."""
    faults = Faults()
    with OfflineAccount(
        tmp_path_factory.mktemp("account"), engine="pulumi", effects=NoEffects(), faults=faults
    ) as account:
        run_claims(account)
        built = account.up(account.add_site(ROOT / "Pulumi.primary.yaml"))
        site = add_secondary(account, built.outputs["zoneId"])
        account.up(site)
        faults.lose("us-east-2")
        faults.lose_control_planes("us-east-1")
        s3: Any = boto3.session.Session("a", "b").client("s3", "us-west-2", endpoint_url=account.endpoint_url)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        engine = pulumi_engine(site)
        machine = shell(engine, account.endpoint_url, "a")
        yield Operator(machine.folder, machine.environment, site, s3)


def test_a_diff_compares_the_file_with_what_is_deployed(operator: Operator) -> None:
    """This test comes first, while the secondary is the standby."""
    assert operator.types("diff", "--stack", "secondary") == (0, "nothing to do\n", "")
    stack = StackFile(operator.folder / "Pulumi.secondary.yaml")
    before = stack.path.read_text()
    stack.append_to_timeline("secondary-1")
    stack.save()
    try:
        code, out, err = operator.types("diff", "--stack", "secondary", "--json")
    finally:
        stack.path.write_text(before)
    assert (code, err) == (0, "")
    planned = {(step["op"], step["name"]) for step in json.loads(out)}
    recorded = steps_to(ROOT, "secondary", ["primary-1", "secondary-1"])
    assert planned == {(step.op, step.name) for step in recorded}


def test_a_failover_that_is_killed_while_it_deploys_continues_and_changes_nothing_more(operator: Operator) -> None:
    words = ("failover", "--stack", "secondary", "--yes", "--no-verify")
    process = operator.start(*words)
    logs = operator.folder / ".lifeline"
    wait_until(lambda: any("Updating" in log.read_text() for log in logs.glob("*.log")))
    os.killpg(process.pid, signal.SIGKILL)  # the engine and its program too, as when a machine dies
    process.communicate()
    code, out, err = operator.types(*words, "--json")
    assert (code, err) == (0, "")
    steps = json.loads(out)["steps"]
    assert {step["op"] for step in steps} <= {"create", "update"}
    again, out, err = operator.types(*words, "--json")
    assert (again, err) == (0, "")
    assert json.loads(out) == {"site": "secondary", "steps": [], "checks": [], "recovered": False}
    assert "Contents" not in operator.s3.list_objects_v2(Bucket=BUCKET, Prefix=KEY)
    assert operator.site.engine.resources("secondary")


@pytest.fixture
def in_bucket(operator: Operator) -> Operator:
    """The same operator; the state is in its bucket now, as in an account."""
    (state,) = (operator.folder / "state").rglob("secondary.json")
    operator.s3.upload_file(str(state), BUCKET, state_key("secondary"))
    operator.s3.put_object(Bucket=BUCKET, Key=".pulumi/meta.yaml", Body=b"version: 1\n")
    endpoint = operator.environment["AWS_ENDPOINT_URL"].removeprefix("http://")
    parameters = f"region=us-west-2&endpoint={endpoint}&disableSSL=true&s3ForcePathStyle=true"
    backend = {"PULUMI_BACKEND_URL": f"s3://{BUCKET}?{parameters}"}
    return replace(operator, environment={**operator.environment, **backend})


def points(operator: Operator) -> dict[str, dict[str, Any]]:
    """The points of a preflight."""
    code, out, err = operator.types("preflight", "--stack", "secondary", "--json")
    assert (code in (0, 1), err) == (True, "")
    return {point["name"]: point for point in json.loads(out)["points"]}


def break_state(operator: Operator) -> str:
    """Leave in the state the traces of a run that was killed after a promotion. Returns the URN of the database."""
    state = json.loads(operator.s3.get_object(Bucket=BUCKET, Key=state_key("secondary"))["Body"].read())
    latest = state["checkpoint"]["latest"]
    (database,) = (entry for entry in latest["resources"] if entry["urn"].endswith("::database-1-instance"))
    (settings,) = (entry for entry in latest["resources"] if entry["urn"].endswith("::database-1-parameters"))
    database["outputs"]["replicateSourceDb"] = "arn:aws:rds:us-east-2:123456789012:db:lifeline-primary-1"
    latest["pending_operations"] = [{"resource": settings, "type": "updating"}]
    operator.s3.put_object(Bucket=BUCKET, Key=state_key("secondary"), Body=json.dumps(state).encode())
    return str(database["urn"])


def lock(operator: Operator, machine: str, process: int) -> None:
    """A run of Pulumi that has the state."""
    content = {"pid": process, "username": "ada", "hostname": machine, "timestamp": "2026-12-01T02:50:00Z"}
    key = ".pulumi/locks/organization/lifeline/secondary/4711.json"
    operator.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content).encode())


def test_what_a_killed_run_left_in_the_state_is_cleared(in_bucket: Operator) -> None:
    urn = break_state(in_bucket)
    with subprocess.Popen(["true"]) as ended:
        pass
    lock(in_bucket, socket.gethostname(), ended.pid)
    code, out, err = in_bucket.types("resume", "--stack", "secondary", "--json")
    assert (code, err) == (0, "")
    assert [line.partition(":")[0] for line in json.loads(out)["done"]] == ["lock", "interrupted operations", "source"]
    assert urn in out
    assert in_bucket.types("resume", "--stack", "secondary") == (0, "nothing is in the way\n", "")


def test_the_commands_for_the_state_remove_their_obstacles_when_they_are_typed(in_bucket: Operator) -> None:
    break_state(in_bucket)
    lock(in_bucket, "laptop", 1)
    found = points(in_bucket)
    for name in ("lock of pulumi", "interrupted operations", "source in the state"):
        assert (found[name]["level"], found[name]["typed"]) == ("fail", True)
        shell = ["bash", "-c", found[name]["fix"]]
        done = subprocess.run(
            shell, cwd=in_bucket.folder, env=in_bucket.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    after = points(in_bucket)
    assert {after[name]["level"] for name in ("lock of pulumi", "interrupted operations", "source in the state")} == {
        "pass"
    }


def test_an_edit_that_is_not_deployed_is_deployed_by_the_command_that_is_shown(in_bucket: Operator) -> None:
    assert points(in_bucket)["pending diff"]["level"] == "pass"
    file = StackFile(in_bucket.folder / "Pulumi.secondary.yaml")
    file.change({"lifeline:emergency": {"crisisReplicas": 10}})
    file.save()
    found = points(in_bucket)["pending diff"]
    assert (found["level"], found["detail"]) == ("warn", "1 steps (update) are not deployed")
    shell = ["bash", "-c", found["fix"]]
    subprocess.run(shell, cwd=in_bucket.folder, env=in_bucket.environment, capture_output=True, check=True)
    assert points(in_bucket)["pending diff"]["level"] == "pass"


def test_a_missing_plugin_is_installed_by_the_command_that_is_shown(operator: Operator, tmp_path: Path) -> None:
    home = {"PULUMI_HOME": str(tmp_path / "home")}
    found = points(replace(operator, environment={**operator.environment, **home}))["plugin random"]
    assert (found["level"], found["typed"]) == ("fail", True)
    plugin = io.BytesIO()
    with tarfile.open(fileobj=plugin, mode="w:gz") as archive:
        member = tarfile.TarInfo("pulumi-resource-random")
        member.mode = 0o755
        archive.addfile(member, io.BytesIO(b""))
    with serving(lambda request: send(request, 200, plugin.getvalue())) as url:
        environment = {**operator.environment, **home, "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES": f"random={url}"}
        done = subprocess.run(
            ["bash", "-c", found["fix"]], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert points(replace(operator, environment={**operator.environment, **home}))["plugin random"]["level"] == "pass"
