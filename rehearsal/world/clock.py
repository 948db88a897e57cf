"""Time in the rehearsal: simulated seconds, which pass faster than real ones.

Everything that waits as AWS waits (health checks, TTLs, intervals between requests) reads a `Clock`. Work of this
machine (a commit, an HTTP request, a promotion) takes its real time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

LOOK_SECONDS, LATE_SECONDS = 0.02, 0.03
"""Real seconds between two looks at the time, and those after which the machine counts as behind. Threads of one
interpreter take turns of 5 ms: a request takes many, so it is much later than a look that is two turns late."""


class Clock(Protocol):
    """Simulated seconds since the start of the rehearsal."""

    def now(self) -> float:
        """Simulated seconds since the start."""
        ...

    def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds; not at all for zero or less."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the simulated seconds are over. Returns whether it was set."""
        ...

    def real(self, seconds: float) -> float:
        """The real seconds for a number of simulated seconds, for time limits of real calls."""
        ...


class ScaledClock:
    """Real time multiplied by `speed`, without the time for which this machine was behind.

    While it is open, a thread looks at the time again and again. If it is late, the machine had other work, and the
    rest of that time is not counted. Nor is the part for which the rehearsal's processes waited because other programs
    had the processors. So the rehearsal stands still while the machine is behind, and load changes no figure.

    A pod's own waits (the fence's interval, the longest wait before a promotion) take real time of that process. They
    are as long as declared on a machine without other load, and shorter in simulated time by what it leaves uncounted.

    Args:
        speed: simulated seconds per real second.
        monotonic: the real time.
        share: returns the part of the last real seconds in which the rehearsal's processes could go on, from 0 to 1.
    """

    def __init__(
        self,
        speed: float,
        monotonic: Callable[[], float] = time.monotonic,
        share: Callable[[], float] = lambda: 1.0,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"speed is {speed}, expected more than 0")
        self.speed = speed
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen = monotonic()
        self._counted = self.behind = 0.0
        """Real seconds that were counted, and that were not."""
        self._longest = math.inf
        self._measure = share
        self._share = 1.0
        """The share at the last look. The time since then is counted by it."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="clock", daemon=True)

    def __enter__(self) -> Self:
        self._longest = LATE_SECONDS
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._longest, self._share = math.inf, 1.0

    def now(self) -> float:
        """Simulated seconds since the clock was created."""
        with self._lock:
            return (self._counted + self._since(self._monotonic())) * self.speed

    def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds."""
        self.wait(threading.Event(), seconds)

    def skip(self, seconds: float) -> None:
        """Let simulated seconds be over at once, so that what was written before is old. Nothing happens in them."""
        with self._lock:
            self._counted += self.real(seconds)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the simulated seconds are over. Returns whether it was set."""
        until = self.now() + seconds
        while (left := self.real(until - self.now())) > 0:
            if event.wait(left):
                return True
        return event.is_set()

    def real(self, seconds: float) -> float:
        """The real seconds for a number of simulated seconds."""
        return seconds / self.speed

    def look(self) -> None:
        """Count the time since the last look, up to LATE_SECONDS, by the share of the processors that was left."""
        share = self._measure()
        with self._lock:
            seen = self._monotonic()
            counted = self._since(seen)
            self.behind += seen - self._seen - counted
            self._counted += counted
            self._seen, self._share = seen, share

    def _since(self, now: float) -> float:
        return min(now - self._seen, self._longest) * self._share

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()


class ManualClock:
    """A clock that moves only when it is told to or slept on, so a slow run has the same times as a fast one."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """The simulated seconds that it has moved."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance the time."""
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Advance the time at once."""
        self.advance(max(0.0, seconds))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Advance the time at once, unless the event is already set. Returns whether it was set."""
        if not event.is_set():
            self.sleep(seconds)
        return event.is_set()

    def real(self, seconds: float) -> float:
        """One real second per simulated second."""
        return seconds
