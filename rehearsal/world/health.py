"""Route 53's health checkers: real checks at simulated intervals, and the status that follows from them.

Sources: Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy" (the 18 %, the
consecutive results, a new check is healthy until there is enough data, its inversion unhealthy, and the limits of four
seconds for a connection and two for the status after it); API reference,
HealthCheckConfig (Disabled is always healthy before the inversion; HealthThreshold 0 is always healthy).
"""

from __future__ import annotations

import heapq
import http.client
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rehearsal.world.clock import Clock
from rehearsal.world.patience import exchange
from rehearsal.world.zone import CALCULATED, HealthCheck

Probe = Callable[[HealthCheck], bool]
"""One check of an endpoint. Returns whether it passed, without the inversion; never raises."""

AGENT = "Amazon-Route53-Health-Check-Service (ref 00000000-0000-0000-0000-000000000000; report http://amzn.to/1vsZADi)"
"""The user agent of the checkers. Source: Route 53 Developer Guide, "Router and firewall rules for Route 53 health
checks"."""
ANSWER_SECONDS = 6.0
"""Simulated seconds: four for the connection, and two for the answer."""
CHECKERS = 8
"""The number of locations that check each endpoint. Route 53 uses about a dozen; eight give the same times."""
HEALTHY_SHARE = 0.18
"""The share of checkers above which an endpoint is healthy."""


@dataclass
class Checker:
    """One location's status of one endpoint."""

    healthy: bool = True
    against: int = 0
    """The number of consecutive results that contradict the status."""

    def hear(self, *, passed: bool, threshold: int) -> None:
        """Add a result. `threshold` contradicting results in a row change the status."""
        self.against = 0 if passed == self.healthy else self.against + 1
        if self.against >= threshold:
            self.healthy, self.against = passed, 0


@dataclass(frozen=True)
class Transition:
    """A change of a health check's status, inversion included, at a simulated second."""

    at: float
    check: str
    healthy: bool


def status(checks: Mapping[str, HealthCheck], id_: str, answers: Probe) -> bool:
    """Whether Route 53 considers a health check healthy.

    Args:
        checks: all health checks, by id.
        id_: the one.
        answers: returns whether the endpoint of a check answers as it should.
    """
    check = checks[id_]
    if check.disabled:
        healthy = True
    elif check.type == CALCULATED:
        healthy = sum(status(checks, child, answers) for child in check.children) >= check.child_threshold
    else:
        healthy = answers(check)
    return healthy != check.inverted


class HealthChecks:
    """All health checks of an account, evaluated in one thread between `start` and `stop`, or by `run_due`.

    A checker that is late on a busy machine skips checks and does not send them in a burst.
    """

    def __init__(
        self, checks: Mapping[str, HealthCheck], probe: Probe, clock: Clock, *, checkers: int = CHECKERS
    ) -> None:
        self._probe = probe
        self._clock = clock
        self._size = checkers
        self._lock = threading.Lock()
        self._checks: dict[str, HealthCheck] = {}
        self._opinions: dict[str, list[Checker]] = {}
        self._due: list[tuple[float, str, int]] = []
        self._seen: dict[str, bool] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self.transitions: list[Transition] = []
        self.replace(checks)

    def replace(self, checks: Mapping[str, HealthCheck]) -> None:
        """Use a newly loaded set of checks. Unchanged checks keep their status."""
        with self._lock:
            now = self._clock.now()
            kept = {id_ for id_, check in checks.items() if self._checks.get(id_) == check}
            self._due = [entry for entry in self._due if entry[1] in kept]
            for id_ in checks.keys() - kept:
                self._opinions[id_] = [Checker() for _ in range(self._size)]
                self._schedule(checks[id_], now)
            heapq.heapify(self._due)
            self._checks = dict(checks)
            self._seen = {id_: self._status(id_) for id_ in checks}

    def status(self, id_: str) -> bool:
        """Whether Route 53 considers a health check healthy now.

        Raises:
            KeyError: if the check does not exist.
            RuntimeError: if the checkers failed because of an error in the rehearsal itself.
        """
        self._refuse_dead()
        with self._lock:
            return self._status(id_)

    def next_due(self) -> float:
        """The simulated second of the next check; infinity if there is none."""
        with self._lock:
            return self._due[0][0] if self._due else math.inf

    def run_due(self) -> None:
        """Send every check that is due, in order."""
        while not self._stopping.is_set() and (entry := self._take()) is not None:
            check, index = entry
            passed = self._probe(check)
            with self._lock:
                if self._checks.get(check.id) == check:
                    self._opinions[check.id][index].hear(passed=passed, threshold=check.threshold)
                    self._note_transitions()

    def start(self) -> None:
        """Start checking, in a thread."""
        self._thread = threading.Thread(target=self._run, name="health-checks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. May be called again.

        Raises:
            RuntimeError: if the checkers failed because of an error in the rehearsal itself.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._refuse_dead()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            # Sleep for a second at most: a check that is loaded later may be due earlier.
            while not self._clock.wait(self._stopping, min(1.0, self.next_due() - self._clock.now())):
                self.run_due()
        except Exception as error:  # noqa: BLE001 - told by `status` and `stop`, in the thread that asks
            self._failure = error

    def _refuse_dead(self) -> None:
        if self._failure is not None:
            raise RuntimeError("the health checkers died") from self._failure

    def _schedule(self, check: HealthCheck, now: float) -> None:
        if check.type == CALCULATED or check.disabled:
            return
        for index in range(self._size):
            self._due.append((now + check.interval * index / self._size, check.id, index))

    def _take(self) -> tuple[HealthCheck, int] | None:
        with self._lock:
            now = self._clock.now()
            if not self._due or self._due[0][0] > now:
                return None
            due, id_, index = heapq.heappop(self._due)
            check = self._checks[id_]
            missed = max(0, math.floor((now - due) / check.interval))
            heapq.heappush(self._due, (due + check.interval * (missed + 1), id_, index))
            return check, index

    def _status(self, id_: str) -> bool:
        return status(self._checks, id_, self._answers)

    def _answers(self, check: HealthCheck) -> bool:
        opinions = self._opinions[check.id]
        return sum(checker.healthy for checker in opinions) > HEALTHY_SHARE * len(opinions)

    def _note_transitions(self) -> None:
        for id_ in self._checks:
            healthy = self._status(id_)
            if healthy != self._seen[id_]:
                self._seen[id_] = healthy
                self.transitions.append(Transition(self._clock.now(), id_, healthy))


def ask(address: tuple[str, int], path: str, clock: Clock) -> tuple[int, str]:
    """Ask as a health checker does: the status of the answer, and the part of its text in which Route 53 searches.

    Raises:
        OSError: if the connection fails, or the answer does not come in time.
    """
    try:
        answer = exchange(address, "GET", path, clock=clock, seconds=ANSWER_SECONDS, headers={"User-Agent": AGENT})
        return answer.status, answer.body[:5120].decode()  # Route 53 searches no further
    except http.client.HTTPException:
        return 599, ""
