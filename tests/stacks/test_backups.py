"""The settings of the backups: what is refused, and the hint that comes with it."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.config import parse
from stacks.problems import ConfigError, Problem
from tests.harness import stack_config

ABROAD = "arn:aws:backup:us-west-2:999999999999:backup-vault:there"
AT_HOME = "arn:aws:backup:us-east-2:123456789012:backup-vault:there"


def problems(**backups: Any) -> list[Problem]:
    config = stack_config("primary")
    config["lifeline:backups"] |= backups
    try:
        parse(config, stack="primary")
    except ConfigError as error:
        return list(error.problems)
    return []


def test_the_committed_settings_are_accepted() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("backups", "message"),
    [
        ({"keepDays": 29}, "lifeline:backups.keepDays: is 29"),
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
        {"keepDays": 0},
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
