"""The random walk with strict fences: a leader that cannot read the ledger stops, so two databases never take writes.

Without them, a site that reaches no ledger may take writes beside the new leader, of those who reach it.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import rule, run_state_machine_as_test

from components.kube.jobs import LEASE_SECONDS
from components.kube.once import STRICT_WAIT_SECONDS
from tests.test_walk import SEAT, Walk
from tests.test_walk_bugs import ENOUGH
from tests.walk_sites import Site


class StrictSite(Site):
    fence = "strict"


class WalkStrict(Walk):
    """Each site may also be cut off from the ledger, and time passes."""

    site = StrictSite

    def __init__(self) -> None:
        super().__init__()
        self.cloud.wait = self.wait_out

    def wait_out(self) -> None:
        """A promotion waits: every fence looks, and the lease of one that cannot read the ledger is over."""
        self.cloud.now += STRICT_WAIT_SECONDS
        for site in self.sites.values():
            self._look(site)
        self.at_most_the_newest_claim_takes_writes(self.cloud)

    def is_bound(self, site: Site) -> bool:
        """Every fence that runs, whatever it reaches."""
        return site.name not in self.cloud.lost

    @rule(seat=SEAT)
    def lose(self, seat: str) -> None:
        """One failure at a time."""
        if not self.cloud.cut:
            super().lose(seat)

    @rule(seat=SEAT)
    def cut_off(self, seat: str) -> None:
        """A site reaches no ledger, and its database serves on."""
        if self.cloud.lost == self.cloud.gone.keys() and not self.cloud.cut:
            self.cloud.cut.add(self.sites[seat].name)

    @rule()
    def come_back(self) -> None:
        super().come_back()
        self.cloud.cut.clear()

    @rule()
    def time_passes(self) -> None:
        self.cloud.now += LEASE_SECONDS / 2


TestWalkStrict = WalkStrict.TestCase
TestWalkStrict.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)


class OnTheWay(WalkStrict):
    """A walk without its end, whose mistakes would hide those on the way."""

    def teardown(self) -> None:
        pass


class TrustingSite(Site):
    """Without a lease."""


class NeverStops(OnTheWay):
    """A leader that goes on without the ledger, as an operator did not choose."""

    site = TrustingSite


class WaitsForNothing(OnTheWay):
    """A promotion that does not wait for the other one's lease."""

    def wait_out(self) -> None:
        self.at_most_the_newest_claim_takes_writes(self.cloud)


@pytest.mark.slow
@pytest.mark.parametrize("bug", [NeverStops, WaitsForNothing])
def test_a_planted_bug_is_found(bug: type[Walk]) -> None:
    with pytest.raises(AssertionError, match="two leaders"):
        run_state_machine_as_test(bug, settings=ENOUGH)
