"""Time in the rehearsal: simulated seconds, which pass faster than real ones.

Everything that waits as AWS waits (health checks, times to live, intervals between requests) reads a `Clock`. What the
machine itself does (a commit, an HTTP request, a promotion) takes as long as it takes.
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
        """Wait for simulated seconds; none for zero or less."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the simulated seconds are over; whether it was set."""
        ...

    def real(self, seconds: float) -> float:
        """How many real seconds the simulated seconds last, for time limits of real calls."""
        ...


class ScaledClock:
    """Real time multiplied by `speed`."""

    def __init__(self, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"speed is {speed}, expected more than 0")
        self.speed = speed
        self._start = time.monotonic()

    def now(self) -> float:
        """Simulated seconds since the clock was made."""
        return (time.monotonic() - self._start) * self.speed

    def sleep(self, seconds: float) -> None:
        """Wait for simulated seconds."""
        time.sleep(max(0.0, self.real(seconds)))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the simulated seconds are over; whether it was set."""
        return event.wait(max(0.0, self.real(seconds)))

    def real(self, seconds: float) -> float:
        """How many real seconds the simulated seconds last."""
        return seconds / self.speed


class ManualClock:
    """A clock that only moves when it is told to or slept on: the same run gives the same times, however slow it is."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """The simulated seconds it was moved by so far."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.advance(max(0.0, seconds))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Move on at once, unless the event is set already; whether it was."""
        if not event.is_set():
            self.sleep(seconds)
        return event.is_set()

    def real(self, seconds: float) -> float:
        """One real second a simulated one."""
        return seconds
