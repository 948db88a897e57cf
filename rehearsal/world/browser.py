"""A client's way to the platform: resolve a name, connect, ask, follow a redirection, and send a write again."""

from __future__ import annotations

import contextlib
import http
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from procedures.web import FAILURES, RefusedError, accept_of, new_key, opening
from rehearsal.world.clock import Clock
from rehearsal.world.dns import ClientResolver
from rehearsal.world.patience import exchange
from rehearsal.world.ways import Ask

BACKOFF_SECONDS = (1, 2, 4)
"""Simulated seconds before a write is sent again."""
LONGEST_WAY = 3
"""The redirections that a client follows. A browser follows about twenty."""


class Network(Protocol):
    """The network between a DNS answer and a socket."""

    def dial(self, target: str, ask: Ask) -> tuple[str, int]:
        """The address of a load balancer on this machine.

        Raises:
            TimeoutError: if nothing answers there.
            ConnectionError: if the connection is refused at once.
        """
        ...


class Browser:
    """Sends requests. Safe to share between threads.

    Args:
        network: the network to the load balancers.
        resolver: the client's own resolver, with its cache.
        clock: simulated time.
        timeout: simulated seconds for a request. See `rehearsal.world.patience`.
    """

    def __init__(self, network: Network, resolver: ClientResolver, clock: Clock, *, timeout: float = 5.0) -> None:
        self._network = network
        self._resolver = resolver
        self._clock = clock
        self._timeout = timeout
        self.stopping = threading.Event()
        """Set when its owner stops: it waits no longer."""

    def send(self, host: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Send a request as a browser does: resolve, connect, ask, and follow where a 307 leads.

        Any other answer than 2xx is an error.
        """
        status, location, text = self._ask(host, method, path, body)
        for _ in range(LONGEST_WAY):
            if status != http.HTTPStatus.TEMPORARY_REDIRECT:
                break
            way = urlsplit(location)
            status, location, text = self._ask(way.netloc, method, way._replace(scheme="", netloc="").geturl(), body)
        if not 200 <= status < 300:
            raise RefusedError(f"{status}: {text.decode(errors='replace')[:200]}")
        return cast("dict[str, Any]", json.loads(text))

    def page(self, host: str) -> tuple[int, str]:
        """The status and the text of the page of a host. An error has a page too."""
        status, _, text = self._ask(host, "GET", "/", None)
        return status, text.decode(errors="replace")

    def insist(self, host: str, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a write that has an id, and again while it is not answered, as docs/clients.md says."""
        return self.insisted(lambda: self.send(host, method, path, body))

    def insisted(self, attempt: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Make an attempt, and again while it fails, after longer and longer waits."""
        for seconds in BACKOFF_SECONDS:
            with contextlib.suppress(*FAILURES):
                return attempt()
            self._clock.wait(self.stopping, seconds)
        return attempt()

    def open_socket(self, host: str, path: str) -> None:
        """Open a WebSocket, and close it. It follows no redirection, as browsers do not.

        Raises:
            RefusedError: if the answer opens none.
        """
        key = new_key()
        headers = {"Host": host, **opening(key)}
        answer = exchange(self._dial(host), "GET", path, clock=self._clock, seconds=self._timeout, headers=headers)
        opens = answer.headers.get("sec-websocket-accept") == accept_of(key)
        if answer.status != http.HTTPStatus.SWITCHING_PROTOCOLS or not opens:
            raise RefusedError(f"{answer.status}: no WebSocket is opened")

    def _ask(self, host: str, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, str, bytes]:
        payload = "" if body is None else json.dumps(body)
        headers = {"Host": host, "Content-Type": "application/json"}
        answer = exchange(
            self._dial(host), method, path, clock=self._clock, seconds=self._timeout, body=payload, headers=headers
        )
        return answer.status, answer.headers.get("location", ""), answer.body

    def _dial(self, host: str) -> tuple[str, int]:
        target = self._resolver.resolve(host)
        try:
            return self._network.dial(target, Ask(host))
        except TimeoutError:
            self._clock.wait(self.stopping, self._timeout)
            raise
