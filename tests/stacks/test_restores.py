"""Restoring a database: the allowed settings, and the declared resources."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.registration import Registration
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig, parse
from stacks.problems import ConfigError
from tests.harness import deploy, only, stack_config

INSTANCE = "aws:rds/instance:Instance"
RESTORED = ("primary-1", "primary-2")
LATEST = {"epoch": 2, "pointInTime": "latest"}


def config(stack: str, timeline: tuple[str, ...], **database: Any) -> SiteConfig:
    return parse(stack_config(stack, timeline=list(timeline), database=database), stack=stack)


def mistakes(stack: str, timeline: tuple[str, ...], **database: Any) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        config(stack, timeline, **database)
    return [f"{problem.path}: {problem.message}" for problem in refused.value.problems]


def instance(database: int, *restores: dict[str, Any]) -> dict[str, Any]:
    resources = deploy("primary", RESTORED, database={"seeded": 2, "restores": list(restores)})
    return only(resources, INSTANCE, f"database-{database}-instance").inputs


def test_a_restored_database_leads_and_the_old_one_is_fenced() -> None:
    site = config("primary", RESTORED, seeded=2, restores=[LATEST])
    assert site.role is DatabaseRole.LEADER
    assert [str(database) for database in site.databases] == ["primary-1", "primary-2"]


@pytest.mark.parametrize(
    ("restore", "expected"),
    [
        (
            {"epoch": 2, "pointInTime": "2026-11-24T03:00:00Z"},
            {"sourceDbInstanceIdentifier": "lifeline-primary-1", "restoreTime": "2026-11-24T03:00:00Z"},
        ),
        (LATEST, {"sourceDbInstanceIdentifier": "lifeline-primary-1", "useLatestRestorableTime": True}),
    ],
)
def test_a_moment_is_of_the_leader_of_the_epoch_before(restore: dict[str, Any], expected: dict[str, Any]) -> None:
    assert instance(2, restore)["restoreToPointInTime"] == expected


def test_a_snapshot_is_taken_by_its_name() -> None:
    resource = instance(2, {"epoch": 2, "snapshot": "before-migration"})
    assert resource["snapshotIdentifier"] == "before-migration"
    assert "restoreToPointInTime" not in resource


def test_what_comes_with_a_backup_is_not_declared() -> None:
    """If they were declared, each would be refused, or would replace the instance later."""
    assert instance(2, LATEST).keys() & {"engine", "allocatedStorage", "dbName", "username"} == set()
    assert "password" not in instance(2, LATEST)
    assert "password" in instance(1, LATEST)


def test_a_restored_leader_without_its_backup_would_begin_empty() -> None:
    assert mistakes("primary", RESTORED, seeded=2) == [
        "lifeline:timeline[1]: names primary-2, which is to be restored, but no backup is named"
    ]


def test_the_other_site_need_not_know_where_a_database_came_from() -> None:
    assert config("secondary", RESTORED).role is DatabaseRole.STALE


@pytest.mark.parametrize(
    ("restores", "expected"),
    [
        ([{"epoch": 2}], "lifeline:database.restores[0]: names none of its sources"),
        (
            [{**LATEST, "snapshot": "before-migration"}],
            "lifeline:database.restores[0]: names 2 of its sources",
        ),
        (
            [LATEST, {"epoch": 2, "snapshot": "before-migration"}],
            "lifeline:database.restores[0].epoch: is 2, which another restore names too",
        ),
        (
            [LATEST, {"epoch": 3, "pointInTime": "latest"}],
            "lifeline:database.restores[1].epoch: is 3, which no restored database of this site leads",
        ),
    ],
)
def test_a_restore_that_cannot_be_meant_is_refused(restores: list[dict[str, Any]], expected: str) -> None:
    assert mistakes("primary", RESTORED, seeded=2, restores=restores) == [expected]


def test_a_restore_that_names_no_new_epoch_is_refused() -> None:
    assert mistakes("primary", ("primary-1",), restores=[LATEST]) == [
        "lifeline:database.restores[0].epoch: is 2, which no restored database of this site leads"
    ]


def test_a_moment_at_the_other_site_cannot_be_restored_here() -> None:
    assert mistakes("secondary", ("primary-1", "secondary-2"), seeded=2, restores=[LATEST]) == [
        "lifeline:database.restores[0].pointInTime: is of primary-1, whose backups are in us-east-2"
    ]


def test_a_stale_replica_is_kept_by_name() -> None:
    site = config("secondary", RESTORED, seeded=2, kept=[1])
    assert [str(database) for database in site.databases] == ["secondary-1", "secondary-2"]


@pytest.mark.parametrize(
    ("stack", "timeline", "database", "expected"),
    [
        (
            "secondary",
            RESTORED,
            {"seeded": 2, "kept": [2]},
            "lifeline:database.kept[0]: names secondary-2, the site's current database",
        ),
        (
            "primary",
            RESTORED,
            {"seeded": 2, "restores": [LATEST], "kept": [1]},
            "lifeline:database.kept[0]: names primary-1, which led and is therefore kept",
        ),
        (
            "secondary",
            ("primary-1", "secondary-1", "primary-2"),
            {"seeded": 3, "kept": [2]},
            "lifeline:database.kept[0]: names secondary-2, which this site never had",
        ),
    ],
)
def test_only_a_stale_replica_has_to_be_kept(
    stack: str, timeline: tuple[str, ...], database: dict[str, Any], expected: str
) -> None:
    assert mistakes(stack, timeline, **database) == [expected]


def test_a_newer_replica_is_kept_when_an_older_one_leads() -> None:
    timeline = [*RESTORED, "secondary-1"]
    changes = {"timeline": timeline, "discards": [2], "database": {"kept": [2]}}
    site = parse(stack_config("secondary", **changes), stack="secondary")
    assert [str(database) for database in site.databases] == ["secondary-1", "secondary-2"]


DUMP = {"epoch": 2, "dump": "20261124T071700123456Z-0a1b2c3d"}
JOB = "kubernetes:batch/v1:Job"


def of_dump(**restore: str) -> list[Registration]:
    return deploy("primary", RESTORED, database={"seeded": 2, "restores": [DUMP | restore]})


def test_a_database_for_a_dump_begins_empty_with_the_password() -> None:
    resource = only(of_dump(), INSTANCE, "database-2-instance").inputs
    assert (resource["dbName"], resource["username"]) == ("mental_health_platform", "lifeline")
    first = only(of_dump(), INSTANCE, "database-1-instance").inputs
    assert resource["password"] == first["password"]
    assert resource.keys() & {"restoreToPointInTime", "snapshotIdentifier"} == set()


@pytest.mark.parametrize(
    ("origin", "region", "bucket"),
    [
        ("own", "us-east-2", "lifeline-123456789012-primary-backups"),
        ("ownCopy", "us-west-2", "lifeline-123456789012-primary-backups-copy"),
        ("peer", "us-west-2", "lifeline-123456789012-secondary-backups"),
        ("peerCopy", "us-east-2", "lifeline-123456789012-secondary-backups-copy"),
    ],
)
def test_a_job_fills_it_from_any_bucket_before_a_pod_knows_it(origin: str, region: str, bucket: str) -> None:
    resources = of_dump(dumpFrom=origin)
    job = only(resources, JOB, "restore-2-job")
    (container,) = job.inputs["spec"]["template"]["spec"]["containers"]
    settings = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert (settings["RESTORE_REGION"], settings["RESTORE_BUCKET"]) == (region, bucket)
    assert (settings["DATABASE"], settings["BACKUP"]) == ("primary-2", DUMP["dump"])
    assert settings["DB_HOST"] is not None
    by_name = {resource.name: resource for resource in resources}
    assert job.urn in by_name["platform-config"].dependencies
    assert [urn.rsplit("::", 1)[-1] for urn in job.dependencies if "rds/instance" in urn] == ["database-2-instance"]


def test_the_restores_identity_can_open_every_bucket_of_either_site() -> None:
    policy = only(of_dump(), "aws:iam/rolePolicy:RolePolicy", "restore-identity-policy").inputs["policy"]
    statements = {entry["Sid"]: entry for entry in json.loads(policy)["Statement"]}
    assert statements["ListAllBackups"]["Resource"] == [
        f"arn:aws:s3:::lifeline-123456789012-{name}"
        for name in ("primary-backups", "primary-backups-copy", "secondary-backups", "secondary-backups-copy")
    ]
    aliases = statements["DecryptAllBackups"]["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"]
    both = [*deploy("primary"), *deploy("secondary")]
    declared = {entry.inputs["name"] for entry in both if entry.type == "aws:kms/alias:Alias"}
    assert set(aliases) == {name for name in declared if "backups" in name}


def test_a_site_that_did_not_lead_first_has_no_password_for_an_empty_database() -> None:
    assert mistakes("secondary", ("primary-1", "secondary-2"), seeded=2, restores=[DUMP]) == [
        f"lifeline:database.restores[0].dump: is {DUMP['dump']}, and lifeline:globals is 'use'"
    ]


def test_a_backup_has_a_name_that_sorts_by_time() -> None:
    problems = mistakes("primary", RESTORED, seeded=2, restores=[{"epoch": 2, "dump": "yesterday"}])
    assert [problem for problem in problems if 'restores[0].dump: is "yesterday"' in problem] != []
