"""The preflight names each obstacle, with the command that removes it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.deployment import Step
from procedures.lock import KEY
from procedures.preflight.finding import Level
from procedures.preflight.run import DIFF, Preflight
from stacks.stackfile import StackFile
from tests.procedures.obstacles import OBSTACLES, OF_ENGINE
from tests.procedures.survivor import BUCKET, CONFIG, Drafted, Quotas, Region, Survivor, region, survivor

BY_NAME = {obstacle.name: obstacle for obstacle in (*OBSTACLES, *OF_ENGINE)}
TOGETHER = (
    (
        "tokens from us-east-1",
        "pulumi is not on PATH",
        "a plugin is missing",
        "no login to the registry",
        "the state was deleted",
        "the key of the state is disabled",
        "the key of the database is about to be deleted",
        "another operator",
        "RDS backs the database up",
        "a secret is about to be deleted",
        "the cluster may not grow",
        "no machine may start",
        "a disabled health check",
        "another run of Pulumi",
    ),
    (
        "aws is not on PATH",
        "a login of yesterday",
        "an interrupted operation",
        "the replica makes no backups",
        "files that are behind the ledger",
    ),
    ("the state is lost",),
    ("a state that still names a source",),
    ("credentials of another account",),
    ("no credentials",),
    ("a profile that was removed",),
)
"""The obstacles that do not hide one another."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Region]:
    """An account that no test changes for good."""
    with region() as at:
        yield at


@pytest.fixture
def clear(shared: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survivor:
    """Nothing stands in the way."""
    return survivor(shared, tmp_path, monkeypatch)


def worse(found: Preflight) -> set[str]:
    return {name for name, finding in found.findings.items() if finding.level is not Level.CLEAR}


def test_nothing_stands_in_the_way(clear: Survivor) -> None:
    found = clear.look()
    assert worse(found) == set()
    assert found.is_clear


def test_every_obstacle_is_provoked() -> None:
    assert sorted(name for names in TOGETHER for name in names) == sorted(BY_NAME)


def contents(at: Survivor) -> dict[str, bytes]:
    """The files of the project and of the operator."""
    return {str(path): path.read_bytes() for path in at.folder.parent.rglob("*") if path.is_file()}


def test_what_cannot_be_looked_at_fails_only_if_a_failover_needs_it(clear: Survivor) -> None:
    clear.access.silent = ("rds", "cloudwatch", "service-quotas", "route53")
    found = clear.look().findings
    levels = {name: found[name].level for name in ("database", "replica age", "quota", "health checks")}
    assert levels == {
        "database": Level.FAIL,
        "replica age": Level.WARN,
        "quota": Level.WARN,
        "health checks": Level.WARN,
    }
    assert found["quota"].detail == "could not be looked at: service-quotas in us-west-2 does not answer"


def test_a_quota_that_is_too_small_is_named_with_the_needed_one(clear: Survivor) -> None:
    clear.access.quotas = Quotas(16)
    finding = clear.look().findings["quota"]
    assert finding.detail == "16 vCPUs are allowed, and 15 nodes have 30"
    assert finding.fix == (
        "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-1216C47A "
        "--desired-value 30 --region us-west-2"
    )


def test_what_is_not_deployed_is_a_warning(clear: Survivor) -> None:
    clear.stack.steps = [Step("update", "a", "b"), Step("replace", "a", "c")]
    finding = clear.look().findings[DIFF]
    assert (finding.level, finding.detail) == (Level.WARN, "2 steps (replace, update) are not deployed")
    backend = "PULUMI_BACKEND_URL=s3://lifeline-123456789012-secondary-state?region=us-west-2"
    assert finding.fix == f"env '{backend}' pulumi up --yes --skip-preview --stack secondary"


def test_a_secrets_provider_of_the_other_region_is_to_be_changed(clear: Survivor) -> None:
    file = clear.folder / "Pulumi.secondary.yaml"
    file.write_text(file.read_text().replace("state?region=us-west-2\nconfig", "state?region=us-east-2\nconfig"))
    clear.stack = Drafted(StackFile(file))
    finding = clear.look().findings["secrets key"]
    assert finding.fix.endswith(
        "pulumi stack change-secrets-provider 'awskms://alias/lifeline-secondary-state?region=us-west-2' "
        "--stack secondary"
    )


def test_the_sign_in_of_another_region_is_a_warning(clear: Survivor) -> None:
    (clear.home / "config").write_text(
        "[profile night]\nsso_session = company\nsso_account_id = 123456789012\n"
        "[sso-session company]\nsso_region = us-east-2\n"
    )
    clear.patch.setenv("AWS_PROFILE", "night")
    finding = clear.machine.sign_in(CONFIG)
    assert (finding.level, finding.detail) == (Level.WARN, "credentials come from us-east-2")


def test_a_login_that_has_ended_is_renewed(clear: Survivor) -> None:
    (clear.home / "config").write_text("[profile night]\nsso_account_id = 123456789012\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        clear.patch.delenv(name)
    clear.patch.setenv("AWS_PROFILE", "night")
    clear.patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert clear.machine.login(clear.access, CONFIG).fix == "aws sso login --profile night"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Survivor]:
    """An account that the test may break. It comes after the shared one: moto keeps one per process."""
    with region() as at:
        yield survivor(at, tmp_path, monkeypatch)


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: names[0])
def test_a_preflight_names_each_obstacle_with_a_command(own: Survivor, names: tuple[str, ...]) -> None:
    for name in names:
        BY_NAME[name].provoke(own)
    provoked = contents(own)
    found = own.look()
    for name in names:
        finding = found.findings[BY_NAME[name].point]
        assert (finding.level, finding.is_typed) == (Level.FAIL, True), name
        assert finding.fix, name
    assert not found.is_clear
    assert contents(own) == provoked  # it changes nothing


def test_a_missing_image_is_copied_from_the_other_region(own: Survivor) -> None:
    ecr = own.client("ecr")
    digest = ecr.describe_images(repositoryName="frontend")["imageDetails"][0]["imageDigest"]
    ecr.batch_delete_image(repositoryName="frontend", imageIds=[{"imageDigest": digest}])
    assert own.look().findings["images"].fix == (
        "docker buildx imagetools create --tag 123456789012.dkr.ecr.us-west-2.amazonaws.com/frontend:recovered "
        f"123456789012.dkr.ecr.us-east-2.amazonaws.com/frontend@{digest}"
    )


def test_the_notes_of_a_killed_run_are_for_resume(own: Survivor) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    note = {"name": "me", "machine": socket.gethostname(), "process": ended.pid, "procedure": "failover", "since": "x"}
    lock = {"username": "me", "hostname": socket.gethostname(), "pid": ended.pid, "timestamp": "x"}
    for key, content in ((KEY, note), (".pulumi/locks/organization/lifeline/secondary/1.json", lock)):
        own.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content).encode())
    found = own.look().findings
    for point in ("operator", "lock of pulumi"):
        assert (found[point].level, found[point].fix) == (Level.WARN, "lifeline resume --stack secondary")
