"""A moment at which a piece of work must have ended, whatever it waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from operations import clock


class TooLateError(ConnectionError):
    """The moment has passed. A part of the work may have been done."""


@dataclass(frozen=True)
class Deadline:
    """A moment of the monotonic clock, which no correction of the time moves. In seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """So many seconds from now."""
        return cls(clock.monotonic() + seconds)

    def left(self) -> float:
        """The seconds that are left.

        Raises:
            TooLateError: if there are none.
        """
        left = self.at - clock.monotonic()
        if left <= 0:
            raise TooLateError("it took too long")
        return left
