"""The settings of the backups: what is refused, and the hint that comes with it."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.config import parse
from stacks.problems import ConfigError, Problem
from tests.harness import FAILED_OVER, deploy, only, stack_config

ABROAD = "arn:aws:backup:us-west-2:999999999999:backup-vault:there"
AT_HOME = "arn:aws:backup:us-east-2:123456789012:backup-vault:there"


def problems(stack: str = "primary", **backups: Any) -> list[Problem]:
    config = stack_config(stack)
    config["lifeline:backups"] |= backups
    try:
        parse(config, stack=stack)
    except ConfigError as error:
        return list(error.problems)
    return []


def test_the_committed_settings_are_accepted() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("backups", "message"),
    [
        ({"keepDays": {"userData": 29}}, "lifeline:backups.keepDays.userData: is 29"),
        ({"keepDays": {"crisisEvents": 29}}, "lifeline:backups.keepDays.crisisEvents: is 29"),
        ({"keepDays": {"configuration": 89}}, "lifeline:backups.keepDays.configuration: is 89"),
        ({"keepDays": {"logs": 89}}, "lifeline:backups.keepDays.logs: is 89"),
        (
            {"keepDays": {"userData": 400, "configuration": 399}},
            "lifeline:backups.keepDays.configuration: is 399, less than userData",
        ),
        ({"scratchGib": 199}, "lifeline:backups.scratchGib: is smaller than lifeline:database.storageGib"),
        ({"otherAccountVaultArn": ABROAD}, f"lifeline:backups.otherAccountVaultArn: is {ABROAD}, not in us-east-2"),
        (
            {"otherAccountVaultArn": AT_HOME},
            f"lifeline:backups.otherAccountVaultArn: is {AT_HOME}, in the site's own account",
        ),
    ],
)
def test_a_setting_that_keeps_no_promise_is_refused_with_a_hint(backups: dict[str, Any], message: str) -> None:
    (problem,) = problems(**backups)
    assert f"{problem.path}: {problem.message}" == message
    assert problem.hint


@pytest.mark.parametrize(
    "backups",
    [
        {"lockMode": "COMPLIANCE"},
        {"minimumPercent": 0},
        {"minimumPercent": 101},
        {"minimumRows": -1},
        {"scratchGib": 9},
        {"otherAccountVaultArn": "lifeline"},
    ],
)
def test_a_value_outside_its_limits_is_refused(backups: dict[str, Any]) -> None:
    (name,) = backups
    assert [problem.path for problem in problems(**backups)] == [f"lifeline:backups.{name}"]


@pytest.mark.parametrize("epoch", [0, 2])
def test_the_copy_of_an_epoch_that_has_not_begun_is_refused(epoch: int) -> None:
    """With it, the flip that begins the epoch would create a copy in a region that may be lost."""
    (problem,) = problems(rdsCopies=[epoch])
    assert f"{problem.path}: {problem.message}" == (
        f"lifeline:backups.rdsCopies[0]: is {epoch}, an epoch that has not begun"
    )


def test_an_epoch_of_the_other_site_has_no_effect() -> None:
    settings = stack_config("secondary")["lifeline:backups"] | {"rdsCopies": [1]}
    assert COPY not in [entry.type for entry in deploy("secondary", backups=settings)]


COPY = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"


def test_the_copy_of_rds_backups_is_in_the_other_region_with_a_key_there() -> None:
    resources = deploy("primary")
    copy = only(resources, COPY)
    assert copy.inputs["sourceDbInstanceArn"] == "arn:aws:rds:us-east-2:123456789012:db:lifeline-primary-1"
    assert (copy.inputs["region"], copy.inputs["retentionPeriod"]) == ("us-west-2", 35)
    assert only(resources, "aws:kms/key:Key", "database-copies-key").inputs["region"] == "us-west-2"
    assert [urn for urn in copy.dependencies if urn.endswith("::database-1-instance")] != []


def test_a_flip_declares_no_copy_and_a_later_edit_does() -> None:
    flipped = [entry.type for entry in deploy("secondary", FAILED_OVER)]
    assert COPY not in flipped
    settings = stack_config("secondary")["lifeline:backups"] | {"rdsCopies": [1, 2]}
    assert only(deploy("secondary", FAILED_OVER, backups=settings), COPY).inputs["region"] == "us-east-2"


def test_the_key_of_the_copies_outlives_the_last_of_them() -> None:
    settings = stack_config("primary")["lifeline:backups"] | {"rdsCopies": []}
    without = deploy("primary", backups=settings)
    assert COPY not in [entry.type for entry in without]
    assert only(without, "aws:kms/key:Key", "database-copies-key").protect


def test_a_fenced_database_keeps_its_copy() -> None:
    assert only(deploy("primary", FAILED_OVER), COPY).inputs["region"] == "us-west-2"


REPLICATED = "arn:aws:rds:us-west-2:123456789012:auto-backup:ab-x1y2"


def restored(**restore: Any) -> dict[str, Any]:
    database = stack_config("secondary")["lifeline:database"]
    return {
        "timeline": ["primary-1", "secondary-2"],
        "database": {**database, "seeded": 2, "restores": [{"epoch": 2, **restore}]},
    }


def test_the_other_sites_database_is_restored_here_from_its_copied_backups() -> None:
    moment = {"automatedBackup": REPLICATED, "pointInTime": "latest"}
    changes = restored(**moment)
    resources = deploy("secondary", tuple(changes.pop("timeline")), **changes)
    assert only(resources, "aws:rds/instance:Instance", "database-2-instance").inputs["restoreToPointInTime"] == {
        "sourceDbInstanceAutomatedBackupsArn": REPLICATED,
        "useLatestRestorableTime": True,
    }


@pytest.mark.parametrize(
    ("restore", "message"),
    [
        ({"automatedBackup": REPLICATED, "snapshot": "s"}, "automatedBackup: is set without pointInTime"),
        (
            {"automatedBackup": REPLICATED.replace("us-west-2", "us-east-2"), "pointInTime": "latest"},
            "automatedBackup: is arn:aws:rds:us-east-2:123456789012:auto-backup:ab-x1y2, not in us-west-2",
        ),
    ],
)
def test_a_copied_backup_that_cannot_be_restored_here_is_refused(restore: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(stack_config("secondary", **restored(**restore)), stack="secondary")
    (problem,) = refused.value.problems
    assert f"{problem.path}: {problem.message}" == f"lifeline:database.restores[0].{message}"
