"""The way from people and health checkers to the load balancers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rehearsal.world.faults import Faults, people_to
from rehearsal.world.ways import Ask

Address = tuple[str, int]


@dataclass(frozen=True)
class Network:
    """The network as somebody sees it who is near a region. Implements `rehearsal.world.client.Network`.

    Args:
        find: returns the region of a load balancer, and its address on this machine; raises if the way is closed.
        faults: the lost regions and the broken links.
        near: the region; empty for health checkers, which are everywhere.
    """

    find: Callable[[str, Ask], tuple[str, Address]]
    faults: Faults
    near: str = ""

    def dial(self, target: str, ask: Ask) -> Address:
        """The address of a load balancer.

        Raises:
            ConnectionRefusedError: if it does not listen so, or has no certificate for the name.
            TimeoutError: if its region or the way there is lost. Then nothing answers, not even with a refusal.
        """
        region, address = self.find(target, ask)
        if not self.faults.reachable(region) or not self.faults.carries(people_to(region, near=self.near)):
            raise TimeoutError(f"{target} does not answer")
        return address
