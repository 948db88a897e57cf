"""Time in the rehearsal: simulated seconds, which pass faster than real ones.

Everything that waits as AWS waits (health checks, TTLs, intervals between requests) reads a `Clock`. Work of this
machine (a commit, an HTTP request, a promotion) takes its real time.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol


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
    """Real time multiplied by `speed`."""

    def __init__(self, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"speed is {speed}, expected more than 0")
        self.speed = speed
        self._start = time.monotonic()

    def now(self) -> float:
        """Simulated seconds since the clock was created."""
        return (time.monotonic() - self._start) * self.speed

    def sleep(self, seconds: float) -> None:
        """Sleep for simulated seconds."""
        time.sleep(max(0.0, self.real(seconds)))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the simulated seconds are over. Returns whether it was set."""
        return event.wait(max(0.0, self.real(seconds)))

    def real(self, seconds: float) -> float:
        """The real seconds for a number of simulated seconds."""
        return seconds / self.speed


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
