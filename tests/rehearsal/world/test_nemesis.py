"""A nemesis: a seed draws its blows, each fault lasts its time, and nothing is left broken at the end."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.world.clock import ScaledClock
from rehearsal.world.nemesis import Blow, Nemesis, blows

NAMES = ("a link", "a service", "a process")


class Platform:
    """Keeps when each fault began and ended. Simulated seconds."""

    def __init__(self) -> None:
        self.clock = ScaledClock(100.0)
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.said: list[str] = []

    def nemesis(self, *planned: Blow) -> Nemesis:
        faults = {name: partial(self.fault, name) for name in NAMES}
        return Nemesis(faults, [*planned], self.clock, self.said.append)

    @contextmanager
    def fault(self, name: str) -> Generator[None]:
        self.began[name] = self.clock.now()
        yield
        self.ended[name] = self.clock.now()


def nothing() -> AbstractContextManager[None]:
    raise LookupError("there is no such process")


@given(st.integers(), st.sets(st.sampled_from(NAMES), min_size=1))
def test_every_fault_hits_once_within_the_time(seed: int, names: set[str]) -> None:
    planned = blows(dict.fromkeys(names, nothing), seed, within=100, shortest=5, longest=20)
    assert {blow.fault for blow in planned} == names
    assert all(5 <= blow.lasts <= 20 and 0 <= blow.begins <= 100 - blow.lasts for blow in planned)
    assert planned == sorted(planned, key=lambda blow: blow.begins)


def test_a_seed_draws_the_same_blows_again_and_another_one_draws_others() -> None:
    one, same, other = (
        blows(dict.fromkeys(names, nothing), seed, within=100, shortest=5, longest=20)
        for names, seed in ((NAMES, 1), (NAMES[::-1], 1), (NAMES, 2))
    )
    assert one == same
    assert one != other


def test_faults_overlap_and_last_as_long_as_they_should() -> None:
    platform = Platform()
    with platform.nemesis(Blow("a link", 0, 40), Blow("a service", 10, 20)) as running:
        running.wait()
    assert platform.began["a link"] <= platform.began["a service"] < platform.ended["a service"]
    assert platform.ended["a service"] < platform.ended["a link"]
    assert platform.ended["a link"] - platform.began["a link"] >= 40
    assert running.struck == ["a service", "a link"]
    assert platform.said == ["a link for 40 s", "a service for 20 s"]


def test_at_the_end_of_the_block_everything_is_healed_and_nothing_else_begins() -> None:
    platform = Platform()
    with platform.nemesis(Blow("a link", 0, 10_000), Blow("a service", 10_000, 1)) as running:
        while not platform.began:
            platform.clock.sleep(1)
    assert platform.ended.keys() == {"a link"}
    assert running.struck == []


def test_a_fault_that_cannot_be_made_is_an_error() -> None:
    platform = Platform()
    broken = Nemesis({"a link": nothing}, [Blow("a link", 0, 1)], platform.clock, platform.said.append)
    with pytest.raises(RuntimeError, match="a fault could not be made"), broken as running:
        running.wait()
    assert running.struck == []


def test_a_blow_says_when_it_hits() -> None:
    assert str(Blow("a link", 3, 7)) == "a link: 3-10 s"
