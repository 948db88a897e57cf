"""When a Deployment counts as begun: when it has answered, or when it has had the time for that."""

from __future__ import annotations

import pytest

from rehearsal.world.beginnings import BEGINS_SECONDS, Beginnings
from rehearsal.world.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def beginnings(clock: ManualClock) -> Beginnings:
    return Beginnings(clock)


def test_a_deployment_has_begun_when_it_answers(beginnings: Beginnings) -> None:
    beginnings.started("switch")
    assert not beginnings.has_begun("switch")
    beginnings.answered("switch")
    assert (beginnings.has_begun("switch"), beginnings.has_begun("fence")) == (True, False)


def test_one_without_pods_has_not_begun_however_old_its_cluster_is(beginnings: Beginnings, clock: ManualClock) -> None:
    clock.advance(2 * BEGINS_SECONDS)
    assert not beginnings.has_begun("switch")
    beginnings.started("switch")
    assert not beginnings.has_begun("switch")


def test_one_that_never_answers_is_waited_for_only_so_long(beginnings: Beginnings, clock: ManualClock) -> None:
    beginnings.started("fence")
    clock.advance(BEGINS_SECONDS - 1)
    beginnings.started("fence")
    assert not beginnings.has_begun("fence")
    clock.advance(1)
    assert beginnings.has_begun("fence"), "pods that end and are started again have not the time of each start"


def test_other_pods_begin_again(beginnings: Beginnings, clock: ManualClock) -> None:
    beginnings.started("switch")
    beginnings.answered("switch")
    clock.advance(2 * BEGINS_SECONDS)
    beginnings.replaced("switch")
    beginnings.started("switch")
    assert not beginnings.has_begun("switch")
    clock.advance(BEGINS_SECONDS)
    assert beginnings.has_begun("switch")


def test_after_a_loss_each_begins_again(beginnings: Beginnings, clock: ManualClock) -> None:
    beginnings.started("switch")
    beginnings.answered("switch")
    clock.advance(2 * BEGINS_SECONDS)
    beginnings.lost()
    beginnings.started("switch")
    assert not beginnings.has_begun("switch")
