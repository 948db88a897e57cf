"""The time, as the jobs see it: that of the machine, unless a simulation has set another clock for its process."""

from __future__ import annotations

import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A monotonic time, the time of day, and waiting. In seconds."""

    def monotonic(self) -> float:
        """A time that no correction moves."""
        ...

    def time(self) -> float:
        """The time since 1970, in UTC."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        ...


_MACHINE: Clock = time
CLOCK: ContextVar[Clock] = ContextVar("clock", default=_MACHINE)
"""The clock in use. Only a simulation sets it (`rehearsal.simulation`)."""


def monotonic() -> float:
    """A time that no correction moves, in seconds."""
    return CLOCK.get().monotonic()


def sleep(seconds: float) -> None:
    """Wait, in seconds."""
    CLOCK.get().sleep(seconds)


def now(precision: str = "seconds") -> str:
    """The time in UTC, ISO 8601. The precision is as in `datetime.isoformat`."""
    return datetime.fromtimestamp(CLOCK.get().time(), UTC).isoformat(timespec=precision)
