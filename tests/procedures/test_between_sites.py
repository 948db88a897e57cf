"""A switchover and a reseed: their edits in both files, and their continuation after they were killed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.route53.models import route53_backends

from engine.warm import Warm
from operations.ledger import JobLedger
from operations.records import HandoverRecord
from procedures import readings
from procedures.access import ProcedureError
from procedures.emergency import change
from procedures.failback import caught_up
from procedures.lock import KEY, Lock
from procedures.rebuild import NewSite, new_file, rebuild
from procedures.reseed import reseed
from procedures.restore import restore
from procedures.switchover import extend
from recovery.naming import APPLICATION_SECRET, LEDGER_TABLE, PASSWORD_SECRET, state_bucket
from recovery.timeline import DatabaseId
from rehearsal.world.cloud import empty_account
from stacks.config import parse
from stacks.problems import ConfigError
from stacks.stackfile import StackFile
from tests.harness import ROOT
from tests.procedures.accounts import PRIMARY, SECONDARY, make_ledger
from tests.procedures.fakes import FileStack, MotoAccess, Notes, play

REGIONS = {"primary": PRIMARY, "secondary": SECONDARY}
STEPS = {
    "switchover": ["lock", "drain", "up drain", "take", "up taker", "timeline", "up leader", "unlock"],
    "reseed": ["lock", "timeline", "edit", "up", "unlock"],
    "restore": ["lock", "drain", "up drain", "drained", "edit", "up", "unlock"],
    "emergency": ["lock", "edit", "up", "unlock"],
    "rebuild": ["lock", "records", "adopt", "up adopt", "peer", "up peer", "own", "up own", "unlock"],
    "reconcile": ["lock", "edit", "up", "list", "edit back", "up back", "unlock"],
}
STEPS["failback"] = [*STEPS["reseed"], *STEPS["switchover"], "lock", "edit", "up", "unlock"]
LOST = ("reseed", "failback", "rebuild")
"""They begin after the primary has lost the lead."""
ZONE = "Z0000000000EXAMPLE"
ORIGIN = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
AUTOMATED = "arn:aws:rds:us-west-2:123456789012:auto-backup:ab-abcdefghijklmnopqrstuvwxyz2345"
AFTER = ["primary-1", "secondary-1"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An account in which the drained primary has left its record."""
    with empty_account() as url:
        for name, region in REGIONS.items():
            make_ledger(url, region)
            place: Any = {"LocationConstraint": region}
            bucket = state_bucket(name, account="123456789012")
            MotoAccess(url).client("s3", region).create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
            ledger = JobLedger(MotoAccess(url).client("dynamodb", region), LEDGER_TABLE)
            for epoch, database in ((1, DatabaseId("primary", 1)), (2, DatabaseId("secondary", 1))):
                ledger.note(HandoverRecord(epoch, database, "0/3000148", "2026-12-01T03:00:00+00:00"))
        _copied(MotoAccess(url))
        _left(MotoAccess(url))
        yield url


def _left(access: MotoAccess) -> None:
    """The leftovers of the primary: a zone with records and a health check, the page, and the passwords."""
    route53: Any = access.client("route53", SECONDARY)
    made = route53.create_hosted_zone(Name="mentalhealthplatform.com", CallerReference="x")["HostedZone"]["Id"]
    zones = route53_backends["123456789012"]["aws"].zones
    zones[ZONE] = zones.pop(made.rpartition("/")[2])
    zones[ZONE].resource_id = ZONE
    cloudfront: Any = access.client("cloudfront", SECONDARY)
    origin = {"Id": "o", "DomainName": "example.com", "CustomOriginConfig": ORIGIN}
    cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": "x",
            "Comment": "",
            "Enabled": True,
            "Aliases": {"Quantity": 1, "Items": ["mentalhealthplatform.com"]},
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
        }
    )
    for name in (PASSWORD_SECRET, APPLICATION_SECRET):
        access.client("secretsmanager", PRIMARY).create_secret(
            Name=name, SecretString="x", AddReplicaRegions=[{"Region": SECONDARY}]
        )


def _copied(access: MotoAccess) -> None:
    """The copy that a reseed of the primary makes, as RDS and CloudWatch know it."""
    access.client("rds", PRIMARY).create_db_instance(
        DBInstanceIdentifier="lifeline-primary-2", DBInstanceClass="db.r7g.large", Engine="postgres"
    )
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": "lifeline-primary-2"}]
    lag: dict[str, Any] = {"MetricName": "ReplicaLag", "Dimensions": dimensions, "Value": 3.0}
    access.client("cloudwatch", PRIMARY).put_metric_data(Namespace="AWS/RDS", MetricData=[lag])


@pytest.fixture
def access(endpoint: str) -> MotoAccess:
    access = MotoAccess(endpoint)
    for name, region in REGIONS.items():
        access.client("s3", region).delete_object(Bucket=state_bucket(name, account="123456789012"), Key=KEY)
    return access


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm("tests.procedures.fakes", root=ROOT) as warm:
        yield warm


def folder(path: Path, procedure: str) -> Path:
    """The committed files; before a reseed, the primary has lost the lead and does not know it yet."""
    path.mkdir()
    for name in REGIONS:
        shutil.copy(ROOT / f"Pulumi.{name}.yaml", path)
    if procedure == "reconcile":
        file = StackFile(path / "Pulumi.primary.yaml")
        file.change({"lifeline:timeline": AFTER})
        file.set_within("lifeline:database", "seeded", 2)
        file.save()
    if procedure in LOST:
        file = StackFile(path / "Pulumi.secondary.yaml")
        file.append_to_timeline("secondary-1")
        file.save()
    return path


def files(path: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(path.iterdir())}


def are_free(access: MotoAccess, path: Path) -> bool:
    configs = [parse(StackFile(path / f"Pulumi.{name}.yaml").config, stack=name) for name in REGIONS]
    return all(Lock(access, config).holder() is None for config in configs)


def test_a_switchover_edits_both_files(tmp_path: Path, access: MotoAccess) -> None:
    path, notes = folder(tmp_path / "a", "switchover"), Notes()
    play("switchover", path, access, notes)
    primary, secondary = (StackFile(path / f"Pulumi.{name}.yaml").config for name in REGIONS)
    assert (primary["lifeline:timeline"], secondary["lifeline:timeline"]) == (AFTER, AFTER)
    assert (primary["lifeline:switchover"], secondary["lifeline:switchover"]) == ({"drain": 1}, {"take": 2})
    assert notes.steps == STEPS["switchover"]
    assert "drained: primary-1 stopped at 0/3000148" in notes.said


def test_a_reseed_edits_one_number_and_keeps_the_rest(tmp_path: Path, access: MotoAccess) -> None:
    path, notes = folder(tmp_path / "a", "reseed"), Notes()
    before = (path / "Pulumi.primary.yaml").read_text().splitlines()
    play("reseed", path, access, notes)
    after = (path / "Pulumi.primary.yaml").read_text().splitlines()
    assert [line for line in after if line not in before] == ["    - secondary-1", "    seeded: 2"]
    assert [line for line in before if line not in after] == ["    seeded: 1"]
    assert notes.steps == STEPS["reseed"]


def test_a_stale_replica_is_kept_when_its_site_is_reseeded(tmp_path: Path, access: MotoAccess) -> None:
    path = folder(tmp_path / "a", "switchover")
    restored = ["primary-1", "primary-2"]  # the primary was restored from a backup, and the replica of before is stale
    leader, follower = (StackFile(path / f"Pulumi.{name}.yaml") for name in REGIONS)
    leader.set("lifeline:timeline", restored)
    leader.set_within("lifeline:database", "seeded", 2)
    leader.set_within("lifeline:database", "restores", [{"epoch": 2, "pointInTime": "latest"}])
    reseed(FileStack(follower.path), parse(leader.config, stack="primary"), access, Notes())
    database = StackFile(follower.path).config["lifeline:database"]
    assert (database["seeded"], database["kept"]) == (2, [1])


@pytest.mark.parametrize(
    ("procedure", "last"), [(name, number) for name, steps in STEPS.items() for number in range(len(steps))]
)
def test_a_procedure_that_is_killed_ends_the_same_when_it_runs_again(
    tmp_path: Path, access: MotoAccess, warm: Warm, procedure: str, last: int
) -> None:
    undisturbed, notes = folder(tmp_path / "undisturbed", procedure), Notes()
    play(procedure, undisturbed, access, notes)
    assert notes.steps == STEPS[procedure]
    killed = folder(tmp_path / "killed", procedure)
    words = ("-m", "tests.procedures.fakes", procedure, access.endpoint, str(killed), str(last))
    assert warm.start(*words, env=os.environ, stdout=1, stderr=2).wait(60) == -signal.SIGKILL
    play(procedure, killed, access, Notes())
    assert files(killed) == files(undisturbed)
    assert are_free(access, killed)


def test_a_file_with_another_history_is_not_changed(tmp_path: Path) -> None:
    file = StackFile(folder(tmp_path / "a", "switchover") / "Pulumi.primary.yaml")
    with pytest.raises(ProcedureError, match="primary-1, which is no beginning of secondary-1, primary-2"):
        extend(file, ["secondary-1", "primary-2"])
    assert file.config["lifeline:timeline"] == ["primary-1"]


def test_a_failback_lets_the_site_lead_and_the_other_one_follow(tmp_path: Path, access: MotoAccess) -> None:
    path = folder(tmp_path / "a", "failback")
    play("failback", path, access, Notes())
    primary, secondary = (StackFile(path / f"Pulumi.{name}.yaml").config for name in REGIONS)
    assert primary["lifeline:timeline"] == secondary["lifeline:timeline"] == [*AFTER, "primary-2"]
    assert (primary["lifeline:database"]["seeded"], secondary["lifeline:database"]["seeded"]) == (2, 3)


def test_a_failback_waits_for_a_replica_that_is_late(tmp_path: Path, access: MotoAccess) -> None:
    late, new = iter(["creating", "available", "available"]), iter([None, 900.0, 3.0])
    waits: list[float] = []
    config = parse(StackFile(folder(tmp_path / "a", "switchover") / "Pulumi.secondary.yaml").config, stack="secondary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readings, "database", lambda *_: readings.Database(next(late), 35, "x"))
        patch.setattr(readings, "replica_age", lambda *_: next(new))
        patch.setattr(access, "wait", waits.append)
        notes = Notes()
        caught_up(access, config, notes)
    assert len(waits) == 2
    assert notes.said == [
        "waits until the replica has caught up: secondary-1 is creating",
        "waits until the replica has caught up: secondary-1 is available, 900 s old",
    ]


def test_a_restore_adds_an_epoch_and_keeps_the_rest(tmp_path: Path, access: MotoAccess) -> None:
    path = folder(tmp_path / "a", "restore")
    before = (path / "Pulumi.primary.yaml").read_text().splitlines()
    play("restore", path, access, Notes())
    text = (path / "Pulumi.primary.yaml").read_text()
    database = StackFile(path / "Pulumi.primary.yaml").config["lifeline:database"]
    assert (database["seeded"], database["restores"]) == (2, [{"epoch": 2, "pointInTime": "latest"}])
    assert [line for line in before if line not in text.splitlines()] == ["    seeded: 1"]


def test_a_restore_at_a_site_that_does_not_lead_needs_a_dead_leader(tmp_path: Path, access: MotoAccess) -> None:
    path = folder(tmp_path / "a", "switchover") / "Pulumi.secondary.yaml"
    before = path.read_text()
    backup = {"pointInTime": "latest", "automatedBackup": AUTOMATED}
    with pytest.raises(ProcedureError, match="secondary does not lead, and cannot stop writes"):
        restore(FileStack(path), backup, access, Notes())
    assert path.read_text() == before
    restore(FileStack(path), backup, access, Notes(), drained=False)
    database = StackFile(path).config["lifeline:database"]
    assert (database["seeded"], database["kept"]) == (2, [1])


def test_an_emergency_that_contradicts_the_site_changes_nothing(tmp_path: Path, access: MotoAccess) -> None:
    path = folder(tmp_path / "a", "emergency") / "Pulumi.secondary.yaml"
    before = path.read_text()
    with pytest.raises(ConfigError, match="does not lead"):
        change(FileStack(path), {"readOnly": True}, access, Notes())
    assert path.read_text() == before


def test_the_end_of_an_emergency_leaves_the_file_as_it_was(tmp_path: Path, access: MotoAccess) -> None:
    path = folder(tmp_path / "a", "emergency") / "Pulumi.primary.yaml"
    before = path.read_text()
    change(FileStack(path), {"crisisReplicas": 10}, access, Notes())
    assert "crisisReplicas: 10" in path.read_text()
    change(FileStack(path), {}, access, Notes())
    assert path.read_text() == before


def test_a_rebuild_adopts_and_gives_the_survivor_a_new_peer(tmp_path: Path, access: MotoAccess) -> None:
    path, notes = folder(tmp_path / "a", "rebuild"), Notes()
    lost = StackFile(path / "Pulumi.primary.yaml")
    play("rebuild", path, access, notes)
    after = StackFile(path / "Pulumi.secondary.yaml").config
    assert after["lifeline:peer"] == {"site": "tertiary", "region": PRIMARY, "cidr": "10.30.0.0/16"}
    assert (after["lifeline:globals"], after["lifeline:primaryRecord"]) == ("own", "tertiary")
    assert after["lifeline:lostSites"] == {"primary": PRIMARY}
    adopted = after["lifeline:adopted"]
    assert adopted["ownerPassword"]["secretArn"].startswith(f"arn:aws:secretsmanager:{SECONDARY}:")
    survivor = parse(after, stack="secondary")
    file = new_file(lost, survivor, parse(lost.config, stack="primary"), NewSite("tertiary", "10.30.0.0/16"))
    assert file.path.name == "Pulumi.tertiary.yaml"
    assert file.secrets_key == "awskms://alias/lifeline-tertiary-state?region=us-east-2"
    assert file.config["lifeline:timeline"] == AFTER
    assert file.config["lifeline:database"]["seeded"] == 2


@pytest.mark.parametrize(
    ("lost", "new", "why"),
    [
        ("primary", "primary", "primary was the name of a site"),
        ("tertiary", "fourth", "the peer of secondary is primary"),
    ],
)
def test_a_rebuild_that_cannot_be_one_is_refused(
    tmp_path: Path, access: MotoAccess, lost: str, new: str, why: str
) -> None:
    path = folder(tmp_path / "a", "rebuild")
    config = parse(StackFile(path / "Pulumi.primary.yaml").config, stack="primary").model_copy(update={"site": lost})
    with pytest.raises(ProcedureError, match=why):
        rebuild(FileStack(path / "Pulumi.secondary.yaml"), config, NewSite(new, "10.30.0.0/16"), access, Notes())


def test_a_site_that_does_not_lead_is_not_rebuilt_around(tmp_path: Path, access: MotoAccess) -> None:
    path = folder(tmp_path / "a", "switchover")
    config = parse(StackFile(path / "Pulumi.primary.yaml").config, stack="primary")
    with pytest.raises(ProcedureError, match="secondary does not lead"):
        rebuild(FileStack(path / "Pulumi.secondary.yaml"), config, NewSite("x", "10.30.0.0/16"), access, Notes())


def test_the_records_of_a_lost_site_are_deleted_in_the_zone_that_the_survivor_owns(
    tmp_path: Path, access: MotoAccess
) -> None:
    route53, path = access.client("route53", PRIMARY), folder(tmp_path / "a", "switchover")
    address = {"Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    record = {"Name": "secondary.mentalhealthplatform.com.", **address}
    change = {"Action": "CREATE", "ResourceRecordSet": record}
    route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch={"Changes": [change]})
    lost = parse(StackFile(path / "Pulumi.secondary.yaml").config, stack="secondary")
    notes = Notes()
    rebuild(FileStack(path / "Pulumi.primary.yaml"), lost, NewSite("tertiary", "10.30.0.0/16"), access, notes)
    assert "1 records and health checks of secondary are deleted" in notes.said
    assert StackFile(path / "Pulumi.primary.yaml").config["lifeline:globals"] == "own"
