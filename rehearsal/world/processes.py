"""Processes of this machine in which the commands of pods run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from engine.warm import WarmProcess

GRACE_SECONDS = 10.0
"""Real seconds for a process to end by itself."""


def environment() -> dict[str, str]:
    """The part of this machine's environment that a process needs. It contains no credentials of the user."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, "AWS_SECRET_ACCESS_KEY": "rehearsal", "PYTHONUNBUFFERED": "1"}


def end(how: signal.Signals, *ending: WarmProcess) -> None:
    """End processes at once by a signal, and by force when the time for that is over."""
    for process in ending:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
    for process in ending:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
