"""Windows of a flip: how long two databases took writes, and how far back acknowledged rows are lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rehearsal.report import Check

TWO_WRITERS_SECONDS = 20
"""The longest for which a superseded leader may take writes beside the new one. In simulated seconds.

A promotion waits so long after the claim, and a fence that runs needs less: `tests/operations/test_fence_bound.py`.
"""


@dataclass(frozen=True)
class Window:
    """Acknowledged rows of the same fate, and the simulated seconds from the first to the last."""

    rows: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.rows} over {self.seconds:.1f} s"

    @classmethod
    def of(cls, moments: Iterable[float]) -> Window:
        """The window of the moments at which rows were acknowledged."""
        known = sorted(moments)
        return cls(len(known), known[-1] - known[0]) if known else cls()


def two_writers(acknowledged: Iterable[tuple[float, str]]) -> Window:
    """The rows that a database acknowledged after a later one had begun to.

    Args:
        acknowledged: of each row, the moment and the database that committed it.
    """
    rows = sorted(acknowledged)
    began: dict[str, float] = {}
    for at, database in rows:
        began.setdefault(database, at)
    return Window.of(at for at, database in rows if any(began[database] < later < at for later in began.values()))


def window_checks(both: Window, missing: Iterable[float], user_data_rpo_seconds: int) -> tuple[Check, ...]:
    """Both windows of a flip, against their bounds.

    Args:
        both: the rows that two databases took beside each other.
        missing: when each lost row was acknowledged.
        user_data_rpo_seconds: the limit for the second window.
    """
    lost = Window.of(missing)
    return (
        Check(
            f"two databases took writes at once: {both}, limit {TWO_WRITERS_SECONDS} s",
            passed=both.seconds <= TWO_WRITERS_SECONDS,
        ),
        Check(
            f"acknowledged rows are lost: {lost}, limit {user_data_rpo_seconds} s",
            passed=lost.seconds < user_data_rpo_seconds,
        ),
    )
