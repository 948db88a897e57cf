"""HTTP requests whose time limit is simulated, so that a machine that is behind makes no answer late."""

from __future__ import annotations

import http.client
import select
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from rehearsal.world.clock import Clock
from rehearsal.world.loopback import server_at

SHORTEST_SECONDS = 2.0
"""The minimum limit in real seconds that the clock counts: a fast clock makes no machine faster."""
LONGEST_SECONDS = 60.0
"""The limit in real seconds, whether the clock counts them or not, so that a rehearsal ends."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """By their names in small letters."""


def exchange(
    address: tuple[str, int],
    method: str,
    path: str,
    *,
    clock: Clock,
    seconds: float,
    body: str = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request, and wait for its answer. One to a server of this process needs no connection.

    Args:
        address: host and port on this machine.
        method: of the request.
        path: the path and the query.
        clock: simulated time.
        seconds: the simulated seconds until the answer must begin, but at least SHORTEST_SECONDS of counted time.
        body: of the request.
        headers: of the request.

    Raises:
        TimeoutError: if it does not begin in time.
        OSError: if the connection fails.
        http.client.HTTPException: if it is not HTTP.
    """
    limit = max(seconds, SHORTEST_SECONDS / clock.real(1.0))
    if server := server_at(address):
        pending = server.ask(method, path, headers or {}, body.encode())
        _wait(lambda real: _has_ended(pending, real), clock, limit)
        reply = pending.result()
        return Answer(reply.status, reply.payload, {name.lower(): value for name, value in reply.headers.items()})
    connection = http.client.HTTPConnection(*address, timeout=LONGEST_SECONDS)
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)  # it can be read, or is broken
        _wait(lambda real: bool(poll.poll(1000 * real)), clock, limit)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
    finally:
        connection.close()


def _has_ended(pending: Future[Any], real: float) -> bool:
    try:
        pending.exception(real)
    except TimeoutError:
        return False
    return True


def _wait(has_come: Callable[[float], bool], clock: Clock, seconds: float) -> None:
    """Wait until something has come, given the real seconds for which to wait for it at most."""
    until, last = clock.now() + seconds, time.monotonic() + LONGEST_SECONDS
    while not has_come(max(0.0, clock.real(until - clock.now()))):
        if clock.now() >= until or time.monotonic() >= last:
            raise TimeoutError("timed out")
