"""HTTP requests whose time limit is simulated, so that a machine that is behind makes no answer late."""

from __future__ import annotations

import contextlib
import http.client
import select
import time
from collections.abc import Generator, Mapping

from rehearsal.world.clock import Clock

SHORTEST_SECONDS = 2.0
"""The minimum limit in real seconds that the clock counts: a fast clock makes no machine faster."""
LONGEST_SECONDS = 60.0
"""The limit in real seconds, whether the clock counts them or not, so that a rehearsal ends."""


@contextlib.contextmanager
def exchange(
    address: tuple[str, int],
    method: str,
    path: str,
    *,
    clock: Clock,
    seconds: float,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Generator[http.client.HTTPResponse]:
    """The answer to a request, while the block lasts.

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
    connection = http.client.HTTPConnection(*address, timeout=LONGEST_SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        _wait(connection, clock, max(seconds, SHORTEST_SECONDS / clock.real(1.0)))
        yield connection.getresponse()
    finally:
        connection.close()


def _wait(connection: http.client.HTTPConnection, clock: Clock, seconds: float) -> None:
    """Wait until something can be read, or the connection is broken."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    until, last = clock.now() + seconds, time.monotonic() + LONGEST_SECONDS
    while not poll.poll(1000 * max(0.0, clock.real(until - clock.now()))):
        if clock.now() >= until or time.monotonic() >= last:
            raise TimeoutError("timed out")
