"""Black-box clients: they ask each tier at an interval and keep every answer."""

from __future__ import annotations

import itertools
import math
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from procedures.web import FAILURES, RefusedError
from recovery import objectives
from rehearsal.history import History, Kind
from rehearsal.history import reason as words_of
from rehearsal.world.browser import Browser
from rehearsal.world.clock import Clock
from rehearsal.world.samples import Sample, outage, worked_until

CHANGES = 2
"""How often a user is changed after it was added."""
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Habit:
    """A client's way with names and with writes that are not answered."""

    keeps: float = 0.0
    """The shortest time for which it keeps an address, whatever its TTL. Simulated seconds; infinite if it is pinned
    to the first one."""
    insists: bool = False
    """Whether it sends a write again, as docs/clients.md says."""

    @property
    def follows(self) -> bool:
        """Whether it asks DNS as often as the TTL demands, so that the platform can lead it elsewhere."""
        return self.keeps == 0


class BlackBoxClient:
    """Asks each tier in a thread of its own between `start` and `stop`. It knows only the domain.

    Args:
        domain: the platform's domain.
        browser: its way there.
        clock: simulated time.
        interval: simulated seconds between two requests of a tier.
        habit: its habit, which the browser's resolver has too.
        history: of other clients, to record the writes in; a new one by default.
        phase: returns the simulated seconds that a tier's first request waits.
    """

    def __init__(
        self,
        domain: str,
        browser: Browser,
        clock: Clock,
        *,
        interval: float = 5.0,
        habit: Habit = Habit(),
        history: History | None = None,
        phase: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._domain = domain
        self.browser = browser
        self._clock = clock
        self._interval = interval
        self.habit = habit
        self._phase = phase
        self._run_id = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._changing: tuple[str, int] | None = None
        """The user that the core tier's probe changes next, and to which version."""
        self._noted: deque[str] = deque()
        """The events that the data tier's probe saves in the person's history next."""
        self._samples: dict[str, list[Sample]] = {tier.name: [] for tier in objectives.TIERS}
        self.history = History() if history is None else history
        """Every write that was sent."""
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
        began, reason = self._clock.now(), ""
        try:
            self._probes[tier]()
        except FAILURES as error:
            reason = words_of(error)
        ended = self._clock.now()
        sample = Sample(tier, ended, not reason, self._clock.real(ended - began), reason)
        with self._lock:
            self._samples[tier].append(sample)
        return sample

    def start(self) -> None:
        """Start asking, also after a stop."""
        self.browser.stopping.clear()
        for tier in self._probes:
            words = (tier, self._phase())
            thread = threading.Thread(target=self._run, args=words, name=f"client-{tier}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop asking. When this returns, every thread has ended.

        Raises:
            RuntimeError: if a thread failed because of an error in the rehearsal itself.
        """
        self.browser.stopping.set()
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

    def _run(self, tier: str, phase: float) -> None:
        try:
            self._clock.wait(self.browser.stopping, phase)
            while not self.browser.stopping.is_set():
                began = self._clock.now()
                self.ask(tier)
                self._clock.wait(self.browser.stopping, began + self._interval - self._clock.now())
        except Exception as error:  # noqa: BLE001 - told by `stop`, in the thread that asks
            self._failure = error

    def _ask_for_help(self) -> None:
        event = self._new_id("event")
        body = {"id": event, "message": "I am having thoughts of self-harm", "test": False}

        def noted(answer: Answer) -> None:
            if answer.get("crisis_detected") is not True or answer.get("event_id") != event:
                raise RefusedError(f"the crisis was not noted: {answer}")

        self._save(Kind.EVENT, event, 1, f"api.{self._domain}", "/api/crisis/detect", body, noted)
        self._noted.append(event)

    def _ask_for_hotline(self) -> None:
        body = {"emergency": True, "test": True}
        answer = self.browser.send(f"api.{self._domain}", "POST", "/api/crisis/hotline", body)
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
        self.browser.send(self._domain, "GET", "/")
        answer = self.browser.send(self._domain, "GET", "/health/complete")
        # A standby is healthy, but only a site that takes writes serves people in full.
        if answer.get("role") != "active":
            raise RefusedError(f"the site that answers is not active: {answer}")

    def _write_and_read_back(self) -> None:
        """Save a user, read it, and save what the ledger has noted in the person's history."""
        user = self._new_id("user")
        self._save_user(user)
        self.browser.send(self._domain, "GET", f"/api/users?id={user}")
        # Those noted meanwhile wait for the next time: on slow cores they would keep this request from its end.
        for _ in range(len(self._noted)):
            event = self._noted.popleft()
            self._save(Kind.EVENT_ROW, event, 1, self._domain, "/api/events", {"id": event, "mode": "ml"})

    def _save_user(self, user: str, version: int = 1) -> None:
        self._save(Kind.USER, user, version, self._domain, "/api/users", {"id": user, "version": version})

    def _save(
        self,
        kind: Kind,
        key: str,
        version: int,
        host: str,
        path: str,
        body: Answer,
        check: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        """Send a write, and again if this client follows the contract. Each attempt is recorded."""

        def attempt() -> Answer:
            with self.history.recording(self._clock.now, kind, key, version) as places:
                answer = self.browser.send(host, "POST", path, body)
                check(answer)
                places.append(str(answer.get("database", "")))
                return answer

        _ = self.browser.insisted(attempt) if self.habit.insists else attempt()

    def _new_id(self, kind: str) -> str:
        return f"{kind}-{self._run_id}-{next(self._numbers):06d}"
