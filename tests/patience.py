"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""Long: it is there so that what never comes fails, and measures nothing."""


def wait_until(holds: Callable[[], object]) -> None:
    """Return once something holds.

    Raises:
        TimeoutError: if it never does.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)
