"""Things that stand in the way of a failover, each of which a command removes."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from moto.rds.models import rds_backends

from operations.ledger import JobLedger
from operations.records import Claim
from procedures.lock import KEY
from recovery.naming import LEDGER_TABLE, PASSWORD_SECRET, PROJECT
from recovery.timeline import DatabaseId
from stacks.stackfile import StackFile
from tests.procedures.accounts import SECONDARY
from tests.procedures.survivor import ACCOUNT, BUCKET, CLUSTER, STATE, Survivor, write_state

REPLICA = "lifeline-secondary-1"


@dataclass(frozen=True)
class Obstacle:
    """Something that stands in the way."""

    name: str
    point: str
    """The point of the preflight that fails."""
    provoke: Callable[[Survivor], None]


def _no_credentials(at: Survivor) -> None:
    _profile(at)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        at.patch.delenv(name)
    at.patch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def _no_such_profile(at: Survivor) -> None:
    _no_credentials(at)
    at.patch.setenv("AWS_PROFILE", "removed")


def _other_account(at: Survivor) -> None:
    _profile(at)
    sts: Any = at.client("sts")
    other = sts.assume_role(RoleArn="arn:aws:iam::210987654321:role/lifeline", RoleSessionName="me")["Credentials"]
    at.patch.setenv("AWS_ACCESS_KEY_ID", other["AccessKeyId"])
    at.patch.setenv("AWS_SECRET_ACCESS_KEY", other["SecretAccessKey"])
    at.patch.setenv("AWS_SESSION_TOKEN", other["SessionToken"])


def _profile(at: Survivor) -> None:
    """A profile of the account, which a shell has to choose."""
    (at.home / "config").write_text(
        "[profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n"
        f"[profile night]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/lifeline\nsource_profile = keys\n"
    )


def _legacy_tokens(at: Survivor) -> None:
    at.patch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")


def _not_on_path(name: str) -> Callable[[Survivor], None]:
    def hide(at: Survivor) -> None:
        folder = at.home / ".pulumi/bin"
        folder.mkdir(exist_ok=True)
        shutil.move(at.home / ".local/bin" / name, folder / name)

    return hide


def _no_plugin(at: Survivor) -> None:
    (at.home / f".pulumi/plugins/resource-aws-v{metadata.version('pulumi-aws')}").rmdir()


def _no_login(at: Survivor) -> None:
    (at.home / "helm.json").unlink()


def _old_login(at: Survivor) -> None:
    place = at.home / "helm.json"
    logins = json.loads(place.read_text())
    for login in logins["auths"].values():
        login["auth"] = base64.b64encode(b"AWS:of-yesterday").decode()
    place.write_text(json.dumps(logins))


def _deleted_state(at: Survivor) -> None:
    at.client("s3").delete_object(Bucket=BUCKET, Key=STATE)


def _lost_state(at: Survivor) -> None:
    """Only the copy in the other region has it."""
    s3: Any = at.client("s3")
    copy = f"{BUCKET}-copy"
    at.client("s3", "us-east-2").create_bucket(
        Bucket=copy, CreateBucketConfiguration={"LocationConstraint": "us-east-2"}
    )
    s3.copy_object(CopySource={"Bucket": BUCKET, "Key": STATE}, Bucket=copy, Key=STATE)
    for entry in s3.list_object_versions(Bucket=BUCKET, Prefix=STATE)["Versions"]:
        s3.delete_object(Bucket=BUCKET, Key=STATE, VersionId=entry["VersionId"])


def _disabled_key(at: Survivor) -> None:
    at.client("kms").disable_key(KeyId=_key(at, "state"))


def _key_about_to_go(at: Survivor) -> None:
    at.client("kms").schedule_key_deletion(KeyId=_key(at, "database"))


def _key(at: Survivor, name: str) -> str:
    return at.client("kms").describe_key(KeyId=f"alias/lifeline-secondary-{name}")["KeyMetadata"]["KeyId"]


def _another_operator(at: Survivor) -> None:
    note = {"name": "ada", "machine": "laptop", "process": 1, "procedure": "failover", "since": "2026-12-01T02:50:00"}
    at.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=json.dumps(note).encode())


def _busy_database(at: Survivor) -> None:
    """RDS backs the replica up, for a while."""
    database: Any = rds_backends[ACCOUNT][SECONDARY].databases[REPLICA]
    database.status = "backing-up"
    threading.Timer(8, lambda: setattr(database, "status", "available")).start()


def _no_backups(at: Survivor) -> None:
    at.client("rds").modify_db_instance(DBInstanceIdentifier=REPLICA, BackupRetentionPeriod=0, ApplyImmediately=True)


def _deleted_secret(at: Survivor) -> None:
    at.client("secretsmanager").delete_secret(SecretId=PASSWORD_SECRET, RecoveryWindowInDays=7)


def _small_cluster(at: Survivor) -> None:
    eks: Any = at.client("eks")
    for name in ("nodes-1", "nodes-2", "nodes-3"):
        eks.update_nodegroup_config(clusterName=CLUSTER, nodegroupName=name, scalingConfig={"maxSize": 2})


def _stopped_launches(at: Survivor) -> None:
    at.client("autoscaling").suspend_processes(AutoScalingGroupName="eks-nodes-1", ScalingProcesses=["Launch"])


def _disabled_check(at: Survivor) -> None:
    client: Any = at.client("route53")
    (check,) = client.list_health_checks()["HealthChecks"]
    client.update_health_check(HealthCheckId=check["Id"], Disabled=True)


def _behind(at: Survivor) -> None:
    """Another operator let this site lead and then the other one again, and committed the files."""
    git("init", "--quiet", "--initial-branch", "main", at=at.folder)
    git("add", ".", at=at.folder)
    git("commit", "--quiet", "--message", "before", at=at.folder)
    theirs = at.folder.with_name("theirs")
    git("clone", "--quiet", str(at.folder), str(theirs), at=at.folder)
    git("remote", "add", "origin", str(theirs), at=at.folder)
    git("fetch", "--quiet", "origin", at=at.folder)
    git("branch", "--quiet", "--set-upstream-to", "origin/main", at=at.folder)
    file = StackFile(theirs / "Pulumi.secondary.yaml")
    file.set("lifeline:timeline", ["primary-1", "secondary-1", "primary-2"])
    file.save()
    git("commit", "--quiet", "--all", "--message", "there and back", at=theirs)
    JobLedger(at.client("dynamodb"), LEDGER_TABLE).put_claim(Claim(3, DatabaseId("primary", 2)))


def git(*words: str, at: Path) -> None:
    """Run git."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *who, *words], cwd=at, check=True)


def _locked(at: Survivor) -> None:
    """A run of Pulumi on another machine has the state."""
    content = {
        "pid": 1,
        "username": "ada",
        "hostname": "laptop",
        "timestamp": datetime(2026, 12, 1, 2, 50, tzinfo=UTC).isoformat(),
    }
    key = f".pulumi/locks/organization/{PROJECT}/secondary/4711.json"
    at.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(content).encode())


def _interrupted(at: Survivor) -> None:
    resource = {"urn": "urn:pulumi:secondary::lifeline::a$b:index:C::it's", "type": "b:index:C"}
    pending = [{"resource": resource, "type": "updating"}]
    write_state(at.client("s3"), pending_operations=pending, resources=[resource])


def _promoted(at: Survivor) -> None:
    """A run was killed after RDS had promoted the database."""
    at.client("rds").promote_read_replica(DBInstanceIdentifier=REPLICA)
    outputs = {"identifier": REPLICA, "replicateSourceDb": "arn:aws:rds:us-east-2:123456789012:db:lifeline-primary-1"}
    urn = "urn:pulumi:secondary::lifeline::x$aws:rds/instance:Instance::database-1-instance"
    resource = {"urn": urn, "type": "aws:rds/instance:Instance", "outputs": outputs}
    write_state(at.client("s3"), resources=[resource])


OBSTACLES = (
    Obstacle("no credentials", "login", _no_credentials),
    Obstacle("a profile that was removed", "login", _no_such_profile),
    Obstacle("credentials of another account", "login", _other_account),
    Obstacle("tokens from us-east-1", "sign-in", _legacy_tokens),
    Obstacle("pulumi is not on PATH", "pulumi", _not_on_path("pulumi")),
    Obstacle("aws is not on PATH", "aws", _not_on_path("aws")),
    Obstacle("no login to the registry", "registry", _no_login),
    Obstacle("a login of yesterday", "registry", _old_login),
    Obstacle("the state was deleted", "state", _deleted_state),
    Obstacle("the state is lost", "state", _lost_state),
    Obstacle("the key of the state is disabled", "secrets key", _disabled_key),
    Obstacle("the key of the database is about to be deleted", "keys", _key_about_to_go),
    Obstacle("another operator", "operator", _another_operator),
    Obstacle("RDS backs the database up", "database", _busy_database),
    Obstacle("the replica makes no backups", "database", _no_backups),
    Obstacle("a secret is about to be deleted", "secrets", _deleted_secret),
    Obstacle("the cluster may not grow", "nodes", _small_cluster),
    Obstacle("no machine may start", "launches", _stopped_launches),
    Obstacle("a disabled health check", "health checks", _disabled_check),
    Obstacle("files that are behind the ledger", "claim", _behind),
)
"""Each is removed by the command that the preflight shows."""
OF_ENGINE = (
    Obstacle("another run of Pulumi", "lock of pulumi", _locked),
    Obstacle("an interrupted operation", "interrupted operations", _interrupted),
    Obstacle("a state that still names a source", "source in the state", _promoted),
    Obstacle("a plugin is missing", "plugin aws", _no_plugin),
)
"""Their commands need the real engine."""
