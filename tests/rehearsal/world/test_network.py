"""The ways to a load balancer."""

from __future__ import annotations

import pytest

from rehearsal.world.faults import Faults, people_to
from rehearsal.world.network import Network
from rehearsal.world.ways import Ask

EAST, WEST = "us-east-2", "us-west-2"
ADDRESSES = {"east.elb": (EAST, ("127.0.0.1", 1)), "west.elb": (WEST, ("127.0.0.1", 2))}
ASK = Ask("example.com")


def find(target: str, ask: Ask) -> tuple[str, tuple[str, int]]:
    assert ask == ASK
    return ADDRESSES[target]


def test_a_lost_region_answers_nobody_and_the_other_everybody() -> None:
    faults = Faults()
    faults.lose(EAST)
    for near in ("", EAST, WEST):
        network = Network(find, faults, near)
        with pytest.raises(TimeoutError, match=r"east\.elb does not answer"):
            network.dial("east.elb", ASK)
        assert network.dial("west.elb", ASK) == ("127.0.0.1", 2)


def test_a_broken_way_keeps_only_the_people_at_its_end_away() -> None:
    faults = Faults()
    faults.cut(people_to(EAST, near=WEST))
    with pytest.raises(TimeoutError):
        Network(find, faults, WEST).dial("east.elb", ASK)
    assert Network(find, faults, EAST).dial("east.elb", ASK) == ("127.0.0.1", 1)
    assert Network(find, faults).dial("east.elb", ASK) == ("127.0.0.1", 1), "health checkers see nothing"
