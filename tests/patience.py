"""Waiting for other threads and processes."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""Long, because it only limits waiting for an event that never happens. It measures nothing."""


def wait_until(holds: Callable[[], object]) -> None:
    """Return when a condition holds.

    Raises:
        TimeoutError: if it never does.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)
