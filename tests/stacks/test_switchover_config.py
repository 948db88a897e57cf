"""Contradictions between a planned switchover and the timeline, with the exact words that an operator reads."""

from __future__ import annotations

import pytest

from stacks.config import parse
from stacks.problems import ConfigError
from tests.stacks.test_config import Values, accepted, changed, mistakes


@pytest.mark.parametrize(
    ("stack", "plan", "message"),
    [
        ("primary", {"drain": 2}, "lifeline:switchover.drain: is 2, an epoch that has not begun"),
        ("secondary", {"take": 2}, "lifeline:switchover.take: is 2, when the timeline has 1 epochs"),
        ("secondary", {"take": 1}, "lifeline:switchover.take: is 1: input should be greater than or equal to 2"),
        (
            "secondary",
            {"acceptLoss": True},
            "lifeline:switchover.acceptLoss: is true, but lifeline:switchover.take is not set",
        ),
        ("primary", {"drian": 1}, "lifeline:switchover.drian: is not a key of lifeline"),
    ],
)
def test_a_switchover_of_no_epoch_is_refused(stack: str, plan: Values, message: str) -> None:
    assert mistakes(stack, switchover=plan) == [message]


def test_a_site_takes_over_no_epoch_that_the_other_one_leads() -> None:
    message = "lifeline:switchover.take: is 2, which secondary-1 leads"
    assert mistakes("primary", timeline=["primary-1", "secondary-1"], switchover={"take": 2}) == [message]


def test_all_mistakes_of_a_switchover_are_told_at_once() -> None:
    assert mistakes("primary", switchover={"drain": 3, "take": 2, "acceptLoss": True}) == [
        "lifeline:switchover.drain: is 3, an epoch that has not begun",
        "lifeline:switchover.take: is 2, when the timeline has 1 epochs",
    ]


def test_a_take_without_its_entry_says_which_one_is_missing() -> None:
    with pytest.raises(ConfigError) as refused:
        parse(changed("secondary", {"switchover": {"take": 2}}), stack="secondary")
    assert refused.value.problems[0].hint == "append secondary-1 to lifeline:timeline in the same edit"


@pytest.mark.parametrize(
    ("stack", "plan", "timeline", "drains"),
    [
        ("primary", {"drain": 1}, ["primary-1"], True),
        ("primary", {}, ["primary-1"], False),
        ("primary", {"drain": 1}, ["primary-1", "secondary-1"], False),
        ("secondary", {"drain": 2}, ["primary-1", "secondary-1"], True),
        ("secondary", {"take": 2}, ["primary-1", "secondary-1"], False),
    ],
)
def test_only_the_leader_drains_and_only_in_the_present_epoch(
    stack: str, plan: Values, timeline: list[str], drains: bool
) -> None:
    assert accepted(stack, switchover=plan, timeline=timeline).drains is drains


def test_a_switchover_that_is_over_may_be_left_in_the_file() -> None:
    home, over = ["primary-1", "secondary-1", "primary-2"], {"drain": 2, "take": 2, "acceptLoss": True}
    assert not accepted("secondary", timeline=home, database__seeded=3, switchover=over).drains
    assert not accepted("primary", timeline=home, database__seeded=2, switchover={"drain": 1, "take": 3}).drains
