"""Requests whose limit is simulated time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from rehearsal.world import patience
from rehearsal.world.clock import ManualClock
from rehearsal.world.loopback import LoopbackServer, Reply, Request


class Slow:
    """A server that answers when it is let go on."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.server = LoopbackServer("slow", self._answer)

    def _answer(self, _: Request) -> Reply:
        self.asked.set()
        assert self.go_on.wait(30)
        return Reply(200, {})


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    made.server.start()
    yield made
    made.go_on.set()
    made.server.close()


class Behind(ManualClock):
    """The clock of a machine that is behind: it counts nothing, or a step whenever it is asked.

    A simulated second is a millisecond.
    """

    def __init__(self, step: float = 0.0) -> None:
        super().__init__()
        self._step = step

    def now(self) -> float:
        self.advance(self._step)
        return super().now()

    def real(self, seconds: float) -> float:
        return seconds / 1000


@pytest.fixture(autouse=True)
def no_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SHORTEST_SECONDS", 0.001)


def test_an_answer_is_not_late_while_the_clock_stands_still(slow: Slow) -> None:
    threading.Timer(0.2, slow.go_on.set).start()  # 40 times the limit in real time
    with patience.exchange(slow.server.address, "GET", "/", clock=Behind(), seconds=5.0) as response:
        assert response.status == 200


@pytest.mark.parametrize("limit", ["clock", "end"])
def test_an_answer_is_late_when_the_clock_says_so_or_the_rehearsal_would_not_end(
    slow: Slow, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Behind(step=2.0 if limit == "clock" else 0.0)
    if limit == "end":
        monkeypatch.setattr(patience, "LONGEST_SECONDS", 0.1)
    asked = patience.exchange(slow.server.address, "GET", "/", clock=clock, seconds=5.0)
    with pytest.raises(TimeoutError, match="timed out"), asked:
        pass


def test_a_connection_that_breaks_is_not_waited_for(slow: Slow) -> None:
    def cut() -> None:
        assert slow.asked.wait(30)
        slow.server.cut()

    threading.Thread(target=cut).start()
    asked = patience.exchange(slow.server.address, "GET", "/", clock=ManualClock(), seconds=1000.0)
    with pytest.raises(ConnectionError), asked:
        pass
