"""The wiring of a site: each value comes from where it belongs, and every generated swap is noticed."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.config import parse
from tests.harness import PRIMARY_LEADS, deploy, deploy_anew, stack_config
from tests.wiring.links import missing, violations
from tests.wiring.swaps import Swap, swaps

OPTIONS: dict[str, Any] = {"database": {"delayed": {"epoch": 1}}}
"""Options of a site, whose wiring is looked at too."""
CONFIG = parse(stack_config("primary", **OPTIONS), stack="primary")
ALL = swaps()
SHARE = 5
"""The fast tests run every fifth swap, and `make test-slow` the others."""


def test_every_reference_between_components_is_that_of_the_table() -> None:
    resources = deploy("primary", PRIMARY_LEADS, **OPTIONS)
    assert violations(resources, CONFIG) == []
    assert missing(resources) == []


def test_there_are_at_least_twenty_swaps_in_the_fast_tests_and_each_changes_something_else() -> None:
    assert len(ALL[::SHARE]) >= 20
    assert len({swap.description for swap in ALL}) == len(ALL)
    assert {swap.code.co_name for swap in ALL} == {swap.function.__name__ for swap in ALL}


def noticed(swap: Swap) -> bool:
    """Whether the program fails with a swap, or its references are not those of the table."""
    with swap.applied():
        try:
            return violations(deploy_anew("primary", PRIMARY_LEADS, **OPTIONS), CONFIG) != []
        except Exception:  # noqa: BLE001 - a program that fails is a swap that is noticed
            return True


@pytest.mark.parametrize("swap", ALL[::SHARE], ids=lambda swap: swap.description)
def test_a_swap_is_noticed(swap: Swap) -> None:
    assert noticed(swap)


@pytest.mark.slow
@pytest.mark.parametrize(
    "swap", [swap for number, swap in enumerate(ALL) if number % SHARE], ids=lambda swap: swap.description
)
def test_every_other_swap_is_noticed_too(swap: Swap) -> None:
    assert noticed(swap)
