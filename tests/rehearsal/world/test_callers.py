"""Many people whose clients try the other site: their outages, and what they send."""

from __future__ import annotations

import math
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import pytest

from rehearsal.history import History, Kind
from rehearsal.world import callers
from rehearsal.world.browser import Browser
from rehearsal.world.callers import Callers
from rehearsal.world.clock import ScaledClock

HOSTS = ("lost.example.com", "other.example.com")


class Way:
    """A browser whose hosts answer as a test says."""

    def __init__(self, clock: ScaledClock, *lost: str, wrong: str = "") -> None:
        self.clock, self.lost, self.wrong = clock, lost, wrong
        self.stopping = threading.Event()
        self.asked: list[tuple[str, str]] = []

    def send(self, host: str, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        assert (method, path) == ("POST", "/api/crisis/detect")
        self.asked.append((host, body["id"]))
        if host in self.lost:
            self.clock.wait(self.stopping, 2.0)
            raise TimeoutError(f"{host} does not answer")
        return {"event_id": "another one" if host == self.wrong else body["id"]}


@pytest.fixture
def clock() -> Iterator[ScaledClock]:
    with ScaledClock(50.0) as running:
        yield running


@contextmanager
def people(way: Way, history: History | None = None) -> Generator[Callers]:
    with Callers(cast("Browser", way), HOSTS, way.clock, history or History()) as found:
        yield found


def test_each_is_answered_by_the_other_site_after_one_attempt(clock: ScaledClock) -> None:
    way, history = Way(clock, HOSTS[0]), History()
    with people(way, history) as found:
        found.call(20, 10.0)
        outages = found.outages()
    assert len(outages) == 20
    assert min(outages) >= 2.0
    assert len({key for _, key in way.asked}) == 20
    assert [host for host, _ in way.asked].count(HOSTS[0]) == [host for host, _ in way.asked].count(HOSTS[1]) == 20
    refused = [write for write in history.writes if not write.acknowledged]
    assert {write.key for write in refused} == {write.key for write in history.writes if write.acknowledged}
    assert {(write.kind, write.refusal) for write in refused} == {(Kind.EVENT, f"{HOSTS[0]} does not answer")}


def test_no_one_asks_the_other_site_while_the_first_answers(clock: ScaledClock) -> None:
    way = Way(clock)
    with people(way) as found:
        found.call(5, 1.0)
        assert len(found.outages()) == 5
    assert {host for host, _ in way.asked} == {HOSTS[0]}


def test_an_answer_about_another_event_is_none(clock: ScaledClock) -> None:
    way = Way(clock, wrong=HOSTS[0])
    with people(way) as found:
        found.call(1, 0.0)
        assert len(found.outages()) == 1
    assert [host for host, _ in way.asked] == [*HOSTS]


def test_one_who_is_never_answered_has_an_infinite_outage(clock: ScaledClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "PATIENCE_SECONDS", 5.0)
    with people(Way(clock, *HOSTS)) as found:
        found.call(2, 0.0)
        assert found.outages() == (math.inf, math.inf)


def test_the_wait_for_a_free_place_counts(clock: ScaledClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "AT_ONCE", 1)
    with people(Way(clock, HOSTS[0])) as found:
        found.call(4, 0.0)
        assert max(found.outages()) >= 4 * 2.0


def test_they_stop_when_the_block_ends(clock: ScaledClock) -> None:
    way = Way(clock, *HOSTS)
    with people(way) as found:
        found.call(3, 10_000.0)
    assert found._thread is not None
    assert not found._thread.is_alive()
    assert len(way.asked) <= 3


@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_draws_the_moments(clock: ScaledClock, seed: int) -> None:
    def drawn() -> list[float]:
        chance = Callers(cast("Browser", Way(clock)), HOSTS, clock, History(), seed)._chance
        return [chance.random() for _ in range(3)]

    assert drawn() == drawn()
