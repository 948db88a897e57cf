"""Restoring a database: the allowed settings, and the declared resources."""

from __future__ import annotations

from typing import Any

import pytest

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
    assert instance(2, LATEST).keys() & {"engine", "engineVersion", "allocatedStorage", "dbName", "username"} == set()
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
        ([{"epoch": 2}], "lifeline:database.restores[0]: names neither of its sources"),
        (
            [{**LATEST, "snapshot": "before-migration"}],
            "lifeline:database.restores[0]: names both of its sources",
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
            "lifeline:database.kept[0]: names secondary-2, which is not older than secondary-2",
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
