"""The ways to a load balancer."""

from __future__ import annotations

import pytest

from rehearsal.world.faults import Faults, people_to
from rehearsal.world.network import Network

EAST, WEST = "us-east-2", "us-west-2"
ADDRESSES = {"east.elb": (EAST, ("127.0.0.1", 1)), "west.elb": (WEST, ("127.0.0.1", 2))}


def test_a_lost_region_answers_nobody_and_the_other_everybody() -> None:
    faults = Faults()
    faults.lose(EAST)
    for near in ("", EAST, WEST):
        network = Network(ADDRESSES.__getitem__, faults, near)
        with pytest.raises(TimeoutError, match=r"east\.elb does not answer"):
            network.dial("east.elb")
        assert network.dial("west.elb") == ("127.0.0.1", 2)


def test_a_broken_way_keeps_only_the_people_at_its_end_away() -> None:
    faults = Faults()
    faults.cut(people_to(EAST, near=WEST))
    with pytest.raises(TimeoutError):
        Network(ADDRESSES.__getitem__, faults, WEST).dial("east.elb")
    assert Network(ADDRESSES.__getitem__, faults, EAST).dial("east.elb") == ("127.0.0.1", 1)
    assert Network(ADDRESSES.__getitem__, faults).dial("east.elb") == ("127.0.0.1", 1), "health checkers see nothing"
