"""Make the plan's own calls with `test: true`, at the public address of the crisis services, and export the answers.

A quiet night and a dead service look the same in people's traffic. These calls are always made, so a missing answer is
a fault. DNS leads them to the own site as long as that one is healthy. The canary also compares the two sites: only one
may serve as the active one, and DNS must lead to one that answers.

A call with `test: true` is answered as a person's call is, and creates no event.
"""

from __future__ import annotations

import http.client
import json
import math
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from operations.environment import Reader
from operations.exit_codes import SUCCESS
from operations.job import until_stopped
from operations.log import say
from recovery.naming import site_host

PATIENCE_SECONDS = 10.0
"""The longest time that a call waits for its answer."""
ANSWERS_PATH, SERVES_PATH = "/health", "/health/complete"
"""Route 53 decides by the first. The second has the site's role, and succeeds only if the site serves it."""
FULL_DETECTION = "hybrid"
"""The mode in which the detector uses its models."""


@dataclass(frozen=True)
class PlannedCall:
    """A call of the recovery plan, and the field that a success has."""

    name: str
    path: str
    body: Mapping[str, Any]
    field: str


CALLS: tuple[PlannedCall, ...] = (
    PlannedCall(
        "detect",
        "/api/crisis/detect",
        {"message": "I am thinking about hurting myself", "test": True},
        "crisis_detected",
    ),
    PlannedCall("escalate", "/api/crisis/escalate", {"severity": "high", "test": True}, "escalation_id"),
    PlannedCall("hotline", "/api/crisis/hotline", {"emergency": True, "test": True}, "connection_status"),
)


class CallError(Exception):
    """A call was not answered, or not with success."""


class Metrics:
    """The metrics of the canary. One that cannot be measured now is NaN."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"lifeline_canary_{name}", text, labels, registry=registry)

        self.success = gauge("success", "1 if the plan's call was answered with success, else 0", "call")
        self.seconds = gauge("duration_seconds", "Time until the answer to the plan's call, NaN without one", "call")
        self.degraded = gauge("degraded", "1 if detection uses keywords only, 0 if it uses its models")
        self.active_sites = gauge("active_sites", "Number of sites that serve users as the active one")
        self.dns_agrees = gauge("dns_agrees", "1 if DNS leads to a site that answers, or no site answers, else 0")
        self.degraded.set(math.nan)


@dataclass
class Canary:
    """The calls of one site.

    `reach` maps a host to the address that is called, and `resolve` to the addresses that DNS has for it.
    """

    domain: str
    site: str
    peer: str
    metrics: Metrics
    reach: Callable[[str], str] = "https://{}".format
    resolve: Callable[[str], frozenset[str]] = field(default_factory=lambda: resolved)
    clock: Callable[[], float] = time.monotonic

    def look(self) -> None:
        """Make all calls once, side by side. An error is logged and shows in the metrics."""
        sites = (self.site, self.peer)
        with ThreadPoolExecutor(max_workers=len(CALLS) + 2 * len(sites)) as pool:
            calls = [pool.submit(self._make, call) for call in CALLS]
            states = [pool.submit(self._get, site, SERVES_PATH) for site in sites]
            reached = {site: pool.submit(self._get, site, ANSWERS_PATH) for site in sites}
        for call in calls:
            call.result()
        self.metrics.active_sites.set(sum(state.result().get("role") == "active" for state in states))
        self.metrics.dns_agrees.set(
            int(self._dns_agrees({site for site, answer in reached.items() if answer.result()}))
        )

    def _make(self, call: PlannedCall) -> None:
        before = self.clock()
        try:
            answer = self._ask(f"api.{self.domain}", call.path, call.body, needs=call.field)
        except CallError as error:
            say("call failed", call=call.name, problem=str(error))
            self.metrics.success.labels(call.name).set(0)
            self.metrics.seconds.labels(call.name).set(math.nan)
            answer = {}
        else:
            self.metrics.success.labels(call.name).set(1)
            self.metrics.seconds.labels(call.name).set(self.clock() - before)
        if call is CALLS[0]:
            mode = answer.get("mode")
            self.metrics.degraded.set(math.nan if mode is None else int(mode != FULL_DETECTION))

    def _get(self, site: str, path: str) -> dict[str, Any]:
        """The answer of a site, or nothing."""
        try:
            return self._ask(site_host(site, self.domain), path, None)
        except CallError as error:
            say("no answer", of=site, path=path, problem=str(error))
            return {}

    def _dns_agrees(self, answering: set[str]) -> bool:
        chosen = self.resolve(self.domain)
        return not answering or any(chosen & self.resolve(site_host(site, self.domain)) for site in answering)

    def _ask(self, host: str, path: str, body: Mapping[str, Any] | None, *, needs: str = "") -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(  # noqa: S310 - the address begins with https
            f"{self.reach(host)}{path}", data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with urlopen(request, timeout=PATIENCE_SECONDS) as reply:  # noqa: S310
                answer = json.load(reply)
        except HTTPError as error:
            error.close()
            raise CallError(str(error)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CallError(str(error)) from None
        if not isinstance(answer, dict):
            raise CallError("the answer is no JSON object")
        if needs and not answer.get(needs):
            raise CallError(f"the answer has no {needs}")
        return answer


def resolved(host: str) -> frozenset[str]:
    """The IPv4 addresses of a host, none if DNS has none or does not answer."""
    try:
        return frozenset(str(entry[4][0]) for entry in socket.getaddrinfo(host, None, family=socket.AF_INET))
    except OSError:
        return frozenset()


def main(environment: Mapping[str, str]) -> int:
    """Call until the pod ends. Reads DOMAIN, SITE, PEER, CANARY_SECONDS, METRICS_PORT and ALIVE_FILE."""
    reader = Reader(environment)
    domain, site, peer = reader.text("DOMAIN"), reader.text("SITE"), reader.text("PEER")
    port, seconds = int(reader.number("METRICS_PORT")), reader.number("CANARY_SECONDS")
    alive = Path(reader.text("ALIVE_FILE"))
    reader.done()
    registry = CollectorRegistry()
    canary = Canary(domain, site, peer, Metrics(registry))
    server, thread = start_http_server(port, registry=registry)
    say("calling", site=site, port=port)
    try:
        until_stopped(canary.look, seconds=seconds, alive=alive)
    finally:
        server.shutdown()
        thread.join()
    return SUCCESS
