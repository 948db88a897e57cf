"""The switch: it answers whether the site gets the web traffic, for the health checks that move it.

The answers follow from the crisis ledger alone: the newest ready mark names the site whose database takes writes. A
drain, a promotion and a database outage change neither answer. A read that fails keeps the last answer, because a
broken dependency must not move the traffic. Before the first read both answers are refused.

A third answer is for the backend: the site that leads at this moment, which it sends a write to that it cannot take.
"""

from __future__ import annotations

import http
import math
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from operations.environment import Reader
from operations.exit_codes import SUCCESS
from operations.job import stop_signal
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.log import say
from recovery.naming import LEADER_PATH, LEADS_PATH, SWITCH_HEALTH_PATH, YIELDS_PATH, leads_answer, yields_answer

Answer = tuple[http.HTTPStatus, str]

_LOOK_SECONDS = 1.0
"""How long a request waits for another one's read of the ledger before it gets the last answer."""


class Metrics:
    """The newest answer of the ledger, for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._leads = Gauge("lifeline_switch_leads", "1 if this site gets the web traffic, else 0", registry=registry)
        self._seen = Gauge(
            "lifeline_switch_seen_timestamp_seconds", "Time of the newest answer of the ledger", registry=registry
        )
        self._leads.set(math.nan)
        self._seen.set(math.nan)

    def show(self, *, leads: bool, now: float) -> None:
        """Set them. While the ledger does not answer they stay, and the age of the time shows it."""
        self._leads.set(int(leads))
        self._seen.set(now)


class Switch:
    """The answers of one site."""

    def __init__(self, site: str, ledger: JobLedger) -> None:
        self._site = site
        self._ledger = ledger
        self._leader: str | None = None
        self._failure: LedgerUnreadableError | None = None
        self._turn = threading.Condition()
        self._begun = self._ended = 0
        """Reads of the ledger."""

    def look(self) -> str | None:
        """Read the ledger. Returns the site of the newest ready mark; None if no database has been ready yet.

        Raises:
            LedgerUnreadableError: if the ledger does not answer. The answers stay as they are.
        """
        self._read(patience=None)
        if self._failure is not None:
            raise self._failure
        return self._leader

    def _read(self, patience: float | None) -> None:
        """Wait for a read that begins from now on. One is enough for all who wait, so their number delays no one.

        Args:
            patience: the longest time to wait for another one's read, in seconds; None for as long as it takes.
        """
        with self._turn:
            needed = self._begun + 1
            if not self._turn.wait_for(lambda: self._ended >= min(needed, self._begun), patience):
                return
            if self._ended >= needed:
                return
            self._begun = needed
        try:
            self._leader, self._failure = self._newest(), None
        except LedgerUnreadableError as error:
            self._failure = error
        finally:
            with self._turn:
                self._ended = needed
                self._turn.notify_all()

    def _newest(self) -> str | None:
        ready = self._ledger.newest_ready()
        leader = ready.database.site if ready is not None else self._leader
        if leader != self._leader:
            say("switch", site=self._site, leader=leader)
        return leader

    def _leads_now(self) -> Answer:
        """The site that leads, read at once: a write must not be refused because the last look is seconds old."""
        self._read(patience=_LOOK_SECONDS)
        if self._leader is None:
            return http.HTTPStatus.SERVICE_UNAVAILABLE, "not known yet"
        return http.HTTPStatus.OK, self._leader

    def answer(self, path: str) -> Answer:
        """The answer to a request. Those to health checkers read nothing, so they are as fast as the process."""
        if path == SWITCH_HEALTH_PATH:
            return http.HTTPStatus.OK, "switch"
        if path == LEADER_PATH:
            return self._leads_now()
        if path not in (LEADS_PATH, YIELDS_PATH):
            return http.HTTPStatus.NOT_FOUND, "unknown path"
        if self._leader is None:
            return http.HTTPStatus.SERVICE_UNAVAILABLE, "not known yet"
        leads = self._leader == self._site
        if leads is (path == LEADS_PATH):
            return http.HTTPStatus.OK, leads_answer(self._site) if leads else yields_answer(self._site)
        return http.HTTPStatus.NOT_FOUND, f"{self._leader} leads"


class SwitchServer:
    """The switch over HTTP, while the block lasts. Port 0 takes any free port."""

    def __init__(self, switch: Switch, port: int) -> None:
        self._server = _Server(switch, port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="switch", daemon=True)

    @property
    def port(self) -> int:
        """The port at which it answers."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, switch: Switch, port: int) -> None:
        self.switch = switch
        super().__init__(("", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 65
    """Seconds. A load balancer closes an idle connection after 60, and must be the first to do so.
    Source: Elastic Load Balancing User Guide, "Troubleshoot your Application Load Balancers", HTTP 502."""

    def do_GET(self) -> None:
        status, words = cast("_Server", self.server).switch.answer(self.path.partition("?")[0])
        body = f"{words}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Log nothing: health checkers send some requests every second."""


def main(environment: Mapping[str, str]) -> int:
    """Read the ledger until a signal arrives, and answer. Reads SITE, AWS_REGION, LEDGER_TABLE and SWITCH_SECONDS."""
    reader = Reader(environment)
    site, region, table = reader.text("SITE"), reader.text("AWS_REGION"), reader.text("LEDGER_TABLE")
    seconds, port = reader.number("SWITCH_SECONDS"), int(reader.number("PORT"))
    metrics_port = int(reader.number("METRICS_PORT"))
    reader.done()
    switch = Switch(site, JobLedger.connect(region, table))
    registry = CollectorRegistry()
    metrics, stop = Metrics(registry), stop_signal()
    server, thread = start_http_server(metrics_port, registry=registry)
    try:
        with SwitchServer(switch, port):
            while not stop.is_set():
                try:
                    metrics.show(leads=switch.look() == site, now=time.time())
                except LedgerUnreadableError as error:
                    say("look failed", problem=str(error))
                stop.wait(seconds)
    finally:
        server.shutdown()
        thread.join()
    return SUCCESS
