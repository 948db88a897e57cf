"""The buckets of a site's backups, and the jobs that fill and prove them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.backup_buckets import BackupBuckets, BackupBucketsArgs
from components.backup_jobs import BackupJobs, BackupJobsArgs
from components.database import BACKUP_WINDOW, MAINTENANCE_WINDOW
from components.kube import jobs
from components.kube.backup_jobs import BackupPlace
from components.locked_bucket import LockedBucket, LockedBucketArgs
from components.vault_plan import SCHEDULE
from engine.recorder import record
from engine.registration import Registration
from operations import backup, exporter, restore_check
from operations.environment import Reader
from operations.exit_codes import REFUSED, USAGE
from recovery import objectives
from tests.harness import FAILED_OVER, PRIMARY_LEADS, deploy, only, site

OWN, COPY = "lifeline-123456789012-secondary-backups", "lifeline-123456789012-secondary-backups-copy"
DAYS = {"checks/": 40, "configuration/": 400, "dumps/": 40, "manifests/": 40}
PLACE = BackupPlace(
    bucket=OWN, copy_bucket=COPY, copy_region="us-east-2", minimum_rows=1, minimum_ratio=0.8, scratch_gib=200
)

BUCKET = LockedBucketArgs(
    bucket="b",
    purpose="p",
    region="us-east-2",
    lock_mode="GOVERNANCE",
    lock_days=30,
    keep_days={},
    tier="data",
    data="phi",
    site=site("primary"),
)


def recorded(program: Callable[[], object]) -> dict[str, Registration]:
    return {resource.name: resource for resource in record(program) if resource.custom}


@pytest.fixture(scope="module")
def buckets() -> dict[str, Registration]:
    args = BackupBucketsArgs(
        peer_region="us-east-2", lock_mode="COMPLIANCE", keep_days=40, configuration_days=400, site=site("secondary")
    )
    return recorded(lambda: BackupBuckets("backups", args))


@pytest.fixture(scope="module")
def objects() -> dict[str, Registration]:
    def program() -> None:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        args = BackupJobsArgs(place=PLACE, image="operations@sha256:1", site=site("secondary"))
        BackupJobs("jobs", args, pulumi.ResourceOptions(provider=provider))

    return recorded(program)


def pod(objects: dict[str, Registration], name: str) -> dict[str, Any]:
    return objects[name].inputs["spec"]["jobTemplate"]["spec"]["template"]


class CheckedError(Exception):
    """The settings of a job are complete."""


def checked_only(done: Callable[[Reader], None]) -> Callable[[Reader], None]:
    """A job reads its settings and stops."""

    def stop(reader: Reader) -> None:
        done(reader)
        raise CheckedError

    return stop


def test_each_bucket_is_in_another_region_with_a_key_of_its_own_there(buckets: dict[str, Registration]) -> None:
    assert (buckets["backups-own-bucket"].inputs["bucket"], buckets["backups-copy-bucket"].inputs["bucket"]) == (
        OWN,
        COPY,
    )
    for part in ("bucket", "key", "key-alias", "lock", "versioning", "encryption", "access", "policy", "expiry"):
        assert buckets[f"backups-own-{part}"].inputs.get("region") is None
        assert buckets[f"backups-copy-{part}"].inputs["region"] == "us-east-2"
    for kind, region in (("own", "us-west-2"), ("copy", "us-east-2")):
        policy = json.loads(buckets[f"backups-{kind}-key"].inputs["policy"])
        use = next(entry for entry in policy["Statement"] if entry["Sid"] == "UseThroughService")
        assert use["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
        (rule,) = buckets[f"backups-{kind}-encryption"].inputs["rules"]
        assert rule["bucketKeyEnabled"] is True
        default = rule["applyServerSideEncryptionByDefault"]
        assert default["sseAlgorithm"] == "aws:kms"
        assert f":{region}:" in default["kmsMasterKeyId"] or f"backups-{kind}-key" in default["kmsMasterKeyId"]


@pytest.mark.parametrize("kind", ["own", "copy"])
def test_a_bucket_locks_every_object_and_expires_it_no_earlier(buckets: dict[str, Registration], kind: str) -> None:
    assert buckets[f"backups-{kind}-bucket"].inputs["objectLockEnabled"] is True
    assert buckets[f"backups-{kind}-bucket"].protect
    assert buckets[f"backups-{kind}-lock"].inputs["rule"] == {
        "defaultRetention": {"mode": "COMPLIANCE", "days": 40},
    }
    rules = {rule["id"]: rule for rule in buckets[f"backups-{kind}-expiry"].inputs["rules"]}
    unfinished = rules.pop("abort-unfinished-uploads")
    assert unfinished["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}
    assert {rule["filter"]["prefix"]: rule["expiration"]["days"] for rule in rules.values()} == DAYS
    assert {rule["noncurrentVersionExpiration"]["noncurrentDays"] for rule in rules.values()} == {1}


@pytest.mark.parametrize("kind", ["own", "copy"])
def test_a_bucket_is_private_and_takes_no_plain_text(buckets: dict[str, Registration], kind: str) -> None:
    access = buckets[f"backups-{kind}-access"].inputs
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert [access[switch] for switch in switches] == [True] * 4
    (refuse,) = json.loads(buckets[f"backups-{kind}-policy"].inputs["policy"])["Statement"]
    assert (refuse["Effect"], refuse["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_everything_is_copied_with_its_encryption_and_no_deletion_is(buckets: dict[str, Registration]) -> None:
    replication = buckets["backups-replication"]
    (rule,) = replication.inputs["rules"]
    assert (rule["status"], rule["filter"]) == ("Enabled", {"prefix": ""})
    assert rule["deleteMarkerReplication"] == {"status": "Disabled"}
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}
    destination = rule["destination"]
    assert destination["replicationTime"] == {"status": "Enabled", "time": {"minutes": 15}}
    assert destination["metrics"] == {"status": "Enabled", "eventThreshold": {"minutes": 15}}
    waited_for = {urn.rsplit("::", 1)[-1] for urn in replication.dependencies}
    assert {"backups-own-versioning", "backups-copy-versioning", "backups-replication-policy"} <= waited_for


def test_a_bucket_that_would_expire_objects_under_their_lock_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expires old/ before the lock of 40 days ends"):
        replace(BUCKET, lock_days=40, keep_days={"old/": 39, "kept/": 40})


def test_an_object_that_no_rule_names_stays() -> None:
    rules = recorded(lambda: LockedBucket("b", BUCKET))["b-expiry"].inputs["rules"]
    assert [rule["id"] for rule in rules] == ["abort-unfinished-uploads"]


def test_the_names_of_the_plan_are_kept(objects: dict[str, Registration]) -> None:
    names = {name: objects[name].inputs["metadata"]["name"] for name in ("jobs-backup", "jobs-restore-check")}
    assert names == {"jobs-backup": "postgresql-backup", "jobs-restore-check": "restore-check"}


@pytest.mark.parametrize("name", ["jobs-backup", "jobs-restore-check"])
def test_a_job_runs_once_a_day_and_ends(objects: dict[str, Registration], name: str) -> None:
    spec = objects[name].inputs["spec"]
    minute, hour, *rest = spec["schedule"].split()
    assert minute.isdigit()
    assert hour.isdigit()
    assert (rest, spec["timeZone"], spec["concurrencyPolicy"]) == (["*"] * 3, "Etc/UTC", "Forbid")
    job = spec["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    deadline = next(int(entry["value"]) for entry in container["env"] if entry["name"] == "DEADLINE_SECONDS")
    assert job["activeDeadlineSeconds"] == (job["backoffLimit"] + 1) * deadline


def test_the_check_follows_the_backup_before_the_newest_counts_as_old(objects: dict[str, Registration]) -> None:
    hours = {
        name: int(objects[name].inputs["spec"]["schedule"].split()[1]) for name in ("jobs-backup", "jobs-restore-check")
    }
    assert (
        0
        < (hours["jobs-restore-check"] - hours["jobs-backup"]) * objectives.HOUR
        <= (objectives.OLDEST_BACKUP_SECONDS - objectives.BACKUP_INTERVAL_SECONDS)
    )


@pytest.mark.parametrize("name", ["jobs-backup", "jobs-restore-check"])
def test_a_refusal_is_final_and_an_eviction_is_no_failure(objects: dict[str, Registration], name: str) -> None:
    job = objects[name].inputs["spec"]["jobTemplate"]["spec"]
    final, evicted = job["podFailurePolicy"]["rules"]
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [USAGE, REFUSED])
    assert (evicted["action"], evicted["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # the policy demands it


@pytest.mark.parametrize(("name", "main"), [("jobs-backup", backup.main), ("jobs-restore-check", restore_check.main)])
def test_a_pod_sets_everything_that_its_job_reads(
    objects: dict[str, Registration], name: str, main: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (container,) = pod(objects, name)["spec"]["containers"]
    settings = {entry["name"]: entry.get("value", "primary-1") for entry in container["env"]}

    monkeypatch.setattr(Reader, "done", checked_only(Reader.done))
    with pytest.raises(CheckedError):
        main(settings | {"DB_PORT": "5432"})


def test_only_the_backup_may_reach_the_database(objects: dict[str, Registration]) -> None:
    labels = {name: pod(objects, name)["metadata"]["labels"] for name in ("jobs-backup", "jobs-restore-check")}
    assert labels["jobs-backup"] == jobs.pod_labels("postgresql-backup")
    assert "lifeline/uses-database" not in labels["jobs-restore-check"]
    assert labels["jobs-restore-check"]["lifeline/uses-aws"] == "true"


def test_a_backup_is_restored_onto_a_disk_of_its_own_that_is_encrypted(objects: dict[str, Registration]) -> None:
    spec = pod(objects, "jobs-restore-check")["spec"]
    disk = next(volume for volume in spec["volumes"] if volume["name"] == "disk")
    claim = disk["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"]["requests"]["storage"] == "200Gi"
    assert claim["storageClassName"] == objects["jobs-scratch"].inputs["metadata"]["name"]
    assert objects["jobs-scratch"].inputs["parameters"] == {"type": "gp3", "encrypted": "true"}
    (container,) = spec["containers"]
    (mounted,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "disk"]
    assert {"name": "SCRATCH_FOLDER", "value": mounted} in container["env"]


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_a_flip_changes_nothing_of_the_backups(stack: str) -> None:
    def backups(timeline: tuple[str, ...]) -> dict[str, Any]:
        made = deploy(stack, timeline)
        return {resource.urn: resource.inputs for resource in made if resource.name.startswith("backup")}

    before, after = backups(PRIMARY_LEADS), backups(FAILED_OVER)
    assert len(before) > 25
    assert before == after


EXPORTED = ("primary", PRIMARY_LEADS)


def exporter_pods(**changes: Any) -> dict[str, Any]:
    return only(deploy(*EXPORTED, **changes), "kubernetes:apps/v1:Deployment", "exporter-pods").inputs


def test_the_exporter_sets_everything_that_its_job_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    (container,) = exporter_pods()["spec"]["template"]["spec"]["containers"]
    settings = {entry["name"]: entry.get("value", "primary-1") for entry in container["env"]}
    monkeypatch.setattr(Reader, "done", checked_only(Reader.done))
    with pytest.raises(CheckedError):
        exporter.main(settings | {"DB_PORT": "5432"})


def test_only_prometheus_reaches_the_metrics() -> None:
    name = "platform-policy-allow-metrics"
    policy = only(deploy(*EXPORTED), "kubernetes:networking.k8s.io/v1:NetworkPolicy", name).inputs["spec"]
    (container,) = exporter_pods()["spec"]["template"]["spec"]["containers"]
    (rule,) = policy["ingress"]
    assert [port["port"] for port in rule["ports"]] == [container["ports"][0]["containerPort"]]
    (source,) = rule["from"]
    assert source == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert policy["podSelector"] == {}, "all pods of the namespace"


def test_the_exporter_restarts_when_its_database_changes_and_not_in_a_flip() -> None:
    def checksum(timeline: tuple[str, ...], **changes: Any) -> str:
        made = deploy("secondary", timeline, **changes)
        pods = only(made, "kubernetes:apps/v1:Deployment", "exporter-pods").inputs
        return next(iter(pods["spec"]["template"]["metadata"]["annotations"].values()))

    assert checksum(PRIMARY_LEADS) == checksum(FAILED_OVER)
    reseeded = checksum(("primary-1", "primary-2"), database={"seeded": 2})
    assert checksum(PRIMARY_LEADS) != reseeded


def vaults(stack: str = "primary", **backups: Any) -> dict[str, Registration]:
    return {resource.name: resource for resource in deploy(stack, backups=backups)}


@pytest.mark.parametrize(("kind", "region"), [("own", None), ("copy", "us-west-2")])
def test_each_region_has_a_locked_vault_with_a_key_of_its_own(kind: str, region: str | None) -> None:
    made = vaults(keepDays={"userData": 40})
    vault, lock = made[f"vaults-{kind}-vault"], made[f"vaults-{kind}-lock"].inputs
    assert (vault.inputs.get("region"), vault.protect) == (region, True)
    assert (lock["minRetentionDays"], lock.get("changeableForDays")) == (40, None)
    policy = json.loads(made[f"vaults-{kind}-key"].inputs["policy"])
    use = next(entry for entry in policy["Statement"] if entry["Sid"] == "UseThroughService")
    place = region or "us-east-2"
    assert use["Condition"]["StringEquals"]["kms:ViaService"] == [
        f"{service}.{place}.amazonaws.com" for service in ("backup", "dynamodb", "rds")
    ]


def test_a_compliance_lock_becomes_final_and_a_governance_lock_does_not() -> None:
    assert vaults(lockMode="compliance")["vaults-own-lock"].inputs["changeableForDays"] == 3
    assert vaults(lockMode="compliance")["backups-own-lock"].inputs["rule"]["defaultRetention"]["mode"] == "COMPLIANCE"
    assert "changeableForDays" not in vaults()["vaults-own-lock"].inputs


def test_a_recovery_point_a_day_is_copied_to_the_other_region_and_to_another_account_if_asked() -> None:
    elsewhere = "arn:aws:backup:us-east-2:999999999999:backup-vault:lifeline"

    def copies(**backups: Any) -> list[str]:
        (rule,) = vaults(**backups)["vaults-plan"].inputs["rules"]
        assert rule["lifecycle"] == {"deleteAfter": 35}
        assert {action["lifecycle"]["deleteAfter"] for action in rule["copyActions"]} == {35}
        return [action["destinationVaultArn"] for action in rule["copyActions"]]

    assert len(copies()) == 1
    assert "vaults-copy" in copies()[0] or "us-west-2" in copies()[0]
    assert copies(otherAccountVaultArn=elsewhere) == [*copies(), elsewhere]


def test_the_plan_covers_every_database_of_the_site_and_the_ledger_and_stays_the_same() -> None:
    chosen = vaults()["vaults-selection"].inputs["resources"]
    assert chosen == [
        "arn:aws:rds:us-east-2:123456789012:db:lifeline-primary-*",
        "arn:aws:dynamodb:us-east-2:123456789012:table/lifeline-crisis-ledger",
    ]
    identifiers = [
        entry.inputs["identifier"] for entry in vaults().values() if entry.type == "aws:rds/instance:Instance"
    ]
    assert [name for name in identifiers if not name.startswith("lifeline-primary-")] == []


def test_the_plan_keeps_out_of_the_windows_of_rds() -> None:
    (minute, hour, *_) = SCHEDULE.removeprefix("cron(").split()
    start = int(hour) * 60 + int(minute)
    windows = [BACKUP_WINDOW, MAINTENANCE_WINDOW.replace("tue:", "")]
    for begin, end in (window.split("-") for window in windows):
        first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (begin, end))
        assert not first - 60 <= start <= last + 60
