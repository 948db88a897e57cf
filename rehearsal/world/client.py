"""Black-box clients: they ask each tier at an interval and keep every answer."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import math
import threading
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import Any, Protocol, Self, cast
from urllib.parse import urlsplit

from recovery import objectives
from rehearsal.history import History, Kind, Write
from rehearsal.world.clock import Clock
from rehearsal.world.dns import ClientResolver, NoAnswerError
from rehearsal.world.patience import exchange
from rehearsal.world.samples import Sample, outage, worked_until

BACKOFF_SECONDS = (1, 2, 4)
"""Simulated seconds before a write is sent again."""
CHANGES = 2
"""How often a user is changed after it was added."""
LONGEST_WAY = 3
"""The redirections that a client follows. A browser follows about twenty."""


class Network(Protocol):
    """The network between a DNS answer and a socket."""

    def dial(self, target: str) -> tuple[str, int]:
        """The address of a load balancer on this machine.

        Raises:
            TimeoutError: if nothing answers there.
            ConnectionError: if the connection is refused at once.
        """
        ...


class RefusedError(Exception):
    """An answer other than the expected one."""


class BlackBoxClient:
    """Asks each tier in a thread of its own between `start` and `stop`. It knows only the domain.

    Args:
        domain: the platform's domain.
        network: the network to the load balancers.
        resolver: the client's own resolver, with its cache.
        clock: simulated time.
        interval: simulated seconds between two requests of a tier.
        timeout: simulated seconds for a request. See `rehearsal.world.patience`.
        history: of other clients, to record the writes in; a new one by default.
    """

    def __init__(
        self,
        domain: str,
        *,
        network: Network,
        resolver: ClientResolver,
        clock: Clock,
        interval: float = 5.0,
        timeout: float = 5.0,
        history: History | None = None,
    ) -> None:
        self._domain = domain
        self._network = network
        self._resolver = resolver
        self._clock = clock
        self._interval = interval
        self._timeout = timeout
        self._run_id = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._changing: tuple[str, int] | None = None
        """The user that the core tier's probe changes next, and to which version."""
        self._samples: dict[str, list[Sample]] = {tier.name: [] for tier in objectives.TIERS}
        self.history = History() if history is None else history
        """Every write that was sent."""
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failure: Exception | None = None
        self._probes: dict[str, Callable[[], None]] = {
            objectives.CRISIS.name: self._ask_for_help,
            objectives.HOTLINE.name: self._ask_for_hotline,
            objectives.CORE.name: self._write_user,
            objectives.FULL.name: self._look_at_everything,
            objectives.DATA.name: self._write_and_read_back,
        }

    def samples(self, tier: str) -> tuple[Sample, ...]:
        """All requests of a tier until now, in order."""
        with self._lock:
            return tuple(self._samples[tier])

    def outage(self, tier: str, since: float, until: float = math.inf) -> float:
        """Simulated seconds from `since` to the first success after which nothing failed before `until`.

        0 if nothing failed; infinity if the tier did not come back, or was not asked.
        """
        return outage([sample for sample in self.samples(tier) if since <= sample.at < until], since)

    def worked_until(self, tier: str, since: float) -> float:
        """When a tier answered last before its first failure since a moment; the moment if it failed at once."""
        return worked_until(self.samples(tier), since)

    def failures(self, tier: str, since: float, until: float = math.inf) -> tuple[Sample, ...]:
        """The requests of a tier that failed between two moments, in simulated seconds."""
        return tuple(sample for sample in self.samples(tier) if since <= sample.at < until and not sample.ok)

    def ask(self, tier: str) -> Sample:
        """Send one request now and store its sample."""
        began, reason = time.perf_counter(), ""
        try:
            self._probes[tier]()
        except (OSError, http.client.HTTPException, json.JSONDecodeError, NoAnswerError, RefusedError) as error:
            reason = _reason(error)
        sample = Sample(tier, self._clock.now(), not reason, time.perf_counter() - began, reason)
        with self._lock:
            self._samples[tier].append(sample)
        return sample

    def start(self) -> None:
        """Start asking."""
        for tier in self._probes:
            thread = threading.Thread(target=self._run, args=(tier,), name=f"client-{tier}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop asking. When this returns, every thread has ended.

        Raises:
            RuntimeError: if a thread failed because of an error in the rehearsal itself.
        """
        self._stopping.set()
        while self._threads:
            self._threads.pop().join()
        if self._failure is not None:
            raise RuntimeError("a client died") from self._failure

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, tier: str) -> None:
        try:
            while not self._stopping.is_set():
                began = self._clock.now()
                self.ask(tier)
                self._clock.wait(self._stopping, began + self._interval - self._clock.now())
        except Exception as error:  # noqa: BLE001 - told by `stop`, in the thread that asks
            self._failure = error

    def _ask_for_help(self) -> None:
        body = {"id": self._new_id("event"), "message": "I am having thoughts of self-harm", "test": False}
        with self._recorded(Kind.EVENT, str(body["id"])):
            answer = self.send(f"api.{self._domain}", "POST", "/api/crisis/detect", body)
            if answer.get("crisis_detected") is not True or answer.get("event_id") != body["id"]:
                raise RefusedError(f"the crisis was not noted: {answer}")

    def _ask_for_hotline(self) -> None:
        body = {"emergency": True, "test": True}
        answer = self.send(f"api.{self._domain}", "POST", "/api/crisis/hotline", body)
        if answer.get("connection_status") != "connected":
            raise RefusedError(f"the hotline is not connected: {answer}")

    def _write_user(self) -> None:
        """Add a user, change it a few times, and then add the next one; at once, if a change is refused."""
        user, version = self._changing or (self._new_id("user"), 1)
        self._changing = None
        self._save_user(user, version)
        if version <= CHANGES:
            self._changing = user, version + 1

    def _look_at_everything(self) -> None:
        self.send(self._domain, "GET", "/")
        answer = self.send(self._domain, "GET", "/health/complete")
        # A standby is healthy, but only a site that takes writes serves people in full.
        if answer.get("role") != "active":
            raise RefusedError(f"the site that answers is not active: {answer}")

    def _write_and_read_back(self) -> None:
        user = self._new_id("user")
        self._save_user(user)
        self.send(self._domain, "GET", f"/api/users?id={user}")

    def _save_user(self, user: str, version: int = 1) -> None:
        with self._recorded(Kind.USER, user, version) as places:
            answer = self.send(self._domain, "POST", "/api/users", {"id": user, "version": version})
            places.append(str(answer.get("database", "")))

    def _new_id(self, kind: str) -> str:
        return f"{kind}-{self._run_id}-{next(self._numbers):06d}"

    @contextlib.contextmanager
    def _recorded(self, kind: Kind, key: str, version: int = 1) -> Generator[list[str]]:
        """Record a write when its answer is known. It takes the name of the database that saved it."""
        began, places, refusal = self._clock.now(), list[str](), ""
        try:
            yield places
        except Exception as error:
            refusal = _reason(error)
            raise
        finally:
            ended, place = self._clock.now(), "".join(places)
            write = Write(kind=kind, key=key, version=version, began=began, ended=ended, refusal=refusal, place=place)
            self.history.add(write)

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

    def insist(self, host: str, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a write that has an id, and again while it is not answered, as docs/clients.md says."""
        for seconds in BACKOFF_SECONDS:
            with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError, RefusedError):
                return self.send(host, method, path, body)
            self._clock.wait(self._stopping, seconds)
        return self.send(host, method, path, body)

    def _ask(self, host: str, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, str, bytes]:
        payload = None if body is None else json.dumps(body)
        headers = {"Host": host, "Content-Type": "application/json"}
        sent = exchange(
            self._dial(host), method, path, clock=self._clock, seconds=self._timeout, body=payload, headers=headers
        )
        with sent as response:
            return response.status, response.getheader("Location", ""), response.read()

    def _dial(self, host: str) -> tuple[str, int]:
        target = self._resolver.resolve(host)
        try:
            return self._network.dial(target)
        except TimeoutError:
            self._clock.wait(self._stopping, self._timeout)
            raise


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
