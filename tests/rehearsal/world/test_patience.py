"""Requests whose limit is simulated time."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator

import pytest

from rehearsal.world import loopback, patience
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


def told(request: Request) -> Reply:
    """An answer that says everything about the request."""
    if request.path == "/open":
        return Reply(101, {"never": "sent"}, {"Connection": "Upgrade"})
    return Reply(418 // (request.path != "/broken"), dataclasses.asdict(request), {"Retry-After": "5"})


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    made = LoopbackServer("telling", told)
    made.start()
    yield made
    made.close()


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


@pytest.fixture(params=["with a connection", "without"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own process needs no connection to it, and others do."""
    if request.param == "with a connection":
        monkeypatch.setattr(patience, "server_at", lambda _: None)


@pytest.fixture(autouse=True)
def no_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SHORTEST_SECONDS", 0.001)


def test_an_answer_is_not_late_while_the_clock_stands_still(slow: Slow) -> None:
    threading.Timer(0.2, slow.go_on.set).start()  # 40 times the limit in real time
    assert patience.exchange(slow.server.address, "GET", "/", clock=Behind(), seconds=5.0).status == 200


@pytest.mark.parametrize("limit", ["clock", "end"])
def test_an_answer_is_late_when_the_clock_says_so_or_the_rehearsal_would_not_end(
    slow: Slow, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Behind(step=2.0 if limit == "clock" else 0.0)
    if limit == "end":
        monkeypatch.setattr(patience, "LONGEST_SECONDS", 0.1)
    with pytest.raises(TimeoutError, match="timed out"):
        patience.exchange(slow.server.address, "GET", "/", clock=clock, seconds=5.0)


def test_a_connection_that_breaks_is_not_waited_for(slow: Slow) -> None:
    def cut() -> None:
        assert slow.asked.wait(30)
        slow.server.cut()

    threading.Thread(target=cut).start()
    with pytest.raises(ConnectionError):
        patience.exchange(slow.server.address, "GET", "/", clock=ManualClock(), seconds=1000.0)


def test_a_server_that_disappeared_breaks_every_connection_until_it_returns(slow: Slow) -> None:
    slow.go_on.set()
    slow.server.cut()
    with pytest.raises(ConnectionError):
        patience.exchange(slow.server.address, "GET", "/", clock=ManualClock(), seconds=1000.0)
    slow.server.restore()
    assert patience.exchange(slow.server.address, "GET", "/", clock=ManualClock(), seconds=1000.0).status == 200


def test_a_server_that_is_closed_refuses(slow: Slow) -> None:
    assert loopback.server_at(slow.server.address) is slow.server
    slow.server.close()
    assert loopback.server_at(slow.server.address) is None
    with pytest.raises(ConnectionRefusedError):
        patience.exchange(slow.server.address, "GET", "/", clock=ManualClock(), seconds=1000.0)


def test_a_request_and_its_answer_are_the_same_with_a_connection_and_without(server: LoopbackServer) -> None:
    headers = {
        "Host": "api.example.com",
        "Authorization": "Bearer of-the-alarm",
        "User-Agent": "a checker",
        "Sec-WebSocket-Key": "drawn",
    }
    target, body = "/api/users?id=ada&version=2", '{"id": "ada", "tags": [1, null]}'
    sent = patience.exchange(
        server.address, "POST", target, clock=ManualClock(), seconds=1000.0, body=body, headers=headers
    )
    assert (sent.status, sent.headers["retry-after"]) == (418, "5")
    assert json.loads(sent.body) == {
        "method": "POST",
        "path": "/api/users",
        "query": {"id": "ada", "version": "2"},
        "body": {"id": "ada", "tags": [1, None]},
        "bearer": "of-the-alarm",
        "agent": "a checker",
        "host": "api.example.com",
        "socket_key": "drawn",
    }


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/", "{", 400, "not a JSON object"),
        ("/", "[]", 400, "an object was expected"),
        ("/broken", "", 500, "ZeroDivisionError"),
        ("/open", "", 101, ""),
    ],
)
def test_errors_are_told_and_an_opening_has_no_body(
    server: LoopbackServer, path: str, body: str, status: int, words: str
) -> None:
    sent = patience.exchange(server.address, "GET", path, clock=ManualClock(), seconds=1000.0, body=body)
    assert sent.status == status
    assert words in sent.body.decode()
    assert bool(sent.body) == bool(words)
