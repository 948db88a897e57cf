"""The order of mutants in a lane, and whether an earlier one may be the cause of a failure."""

from __future__ import annotations

import pytest

from tests.mutants.lane import AT_ONCE, Result, jobs_of, together, without_numbers
from tests.mutants.mutant import Mutant

CONCERNED = [
    ("operations", "operations/switch.py"),
    ("secret", "components/secrets.py"),
    ("rule", "components/targets.py"),
]


def mutant(name: str, outage: str = "", *, site: str = "primary", refused: bool = False) -> Mutant:
    return Mutant(name, "", "README.md", "a", "b", outage, site=site, refused=refused)


def test_harmless_mutants_of_a_site_are_deployed_together_and_harmful_ones_alone() -> None:
    harmless = [mutant(f"harmless {number}") for number in range(AT_ONCE + 1)]
    harmful = [mutant("first", "outage"), mutant("second", "outage")]
    assert together([harmful[0], *harmless, harmful[1]]) == [
        tuple(harmless[:AT_ONCE]),
        tuple(harmless[AT_ONCE:]),
        (harmful[0],),
        (harmful[1],),
    ]


def test_sites_do_not_take_turns_and_refused_changes_come_last() -> None:
    refused, there = mutant("refused", "outage", refused=True), mutant("there", "outage", site="secondary")
    here, also_here = mutant("here", "outage"), mutant("also here", "outage")
    first, second = mutant("harmless"), mutant("harmless there", site="secondary")
    played = together([refused, here, second, there, also_here, first])
    assert played == [(first,), (second,), (here,), (also_here,), (there,), (refused,)]


def broken(*failing: str) -> Result:
    return Result("broken", failing[0], frozenset(failing))


def refused(resource: str, verdict: str = "refused") -> Result:
    return Result(verdict, f"Exception: {resource} (aws:lb/listener:Listener): no")


@pytest.mark.parametrize(
    ("result", "earlier", "expected"),
    [
        (Result("kept"), broken("a"), False),
        (broken("a"), Result("kept"), False),
        (Result("invalid", "no"), broken("a"), False),
        (broken("a"), broken("a", "b"), True),
        (broken("a", "c"), broken("a", "b"), False),
        (broken("a"), refused("x"), True),
        (broken("a"), refused("x", "unplayed"), True),
        (refused("x"), broken("a"), True),
        (refused("x"), refused("y"), True),
    ],
)
def test_a_failure_may_be_of_an_earlier_change_that_failed_in_the_same_way(
    result: Result, earlier: Result, *, expected: bool
) -> None:
    assert result.may_be_of(earlier, is_refused=False) is expected


@pytest.mark.parametrize(("earlier", "expected"), [(broken("a"), False), (refused("x"), True), (refused("y"), False)])
def test_a_refusal_of_aws_may_be_of_an_earlier_change_that_was_refused_at_the_same_resource(
    earlier: Result, *, expected: bool
) -> None:
    assert refused("x").may_be_of(earlier, is_refused=True) is expected


def test_pods_begin_again_where_a_change_concerns_them() -> None:
    changes = [Mutant("", link, file, "", "", "") for link, file in CONCERNED]
    assert [jobs_of([change]) for change in changes] == [{"fence", "switch"}, {"fence"}, set()]
    assert jobs_of(changes) == {"fence", "switch"}


def test_times_and_made_up_names_do_not_make_failures_differ() -> None:
    one, other = "at 2026-11-29T10:00:00: subnets-35d28fa 503", "at 2026-11-30T23:59:01: subnets-1c0ffee2 503"
    assert without_numbers(one) == without_numbers(other)
    assert without_numbers("backend") != without_numbers("frontend")
