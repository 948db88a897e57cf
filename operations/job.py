"""The frame of a job: its rounds or its time limit, the errors that it may raise, and the exit code of each."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psycopg

from operations.exit_codes import FAILURE, REFUSED
from operations.log import say


class JobFailedError(RuntimeError):
    """The job could not do its work. Another attempt may succeed."""


class JobRefusedError(RuntimeError):
    """The job must not do its work. Another attempt would be refused too."""


class InterruptedJobError(JobFailedError):
    """The job's time is over, or the cluster asked it to stop."""


def exit_code(name: str, work: Callable[[], int], *, seconds: float) -> int:
    """Do a job's work within a time, and return its exit code. An error is logged with its reason."""
    try:
        with limited(seconds):
            return work()
    except JobRefusedError as error:
        say(f"{name} refused", reason=str(error))
        return REFUSED
    except (JobFailedError, OSError, psycopg.Error) as error:
        say(f"{name} failed", error=type(error).__name__, reason=str(error).strip())
        return FAILURE


def until_stopped(look: Callable[[], None], *, seconds: float, alive: Path) -> None:
    """Do a round of work again and again, until a signal arrives. Touches a file after each, for the pod's probes."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        look()
        alive.touch()
        stop.wait(seconds)


@contextmanager
def limited(seconds: float) -> Generator[None]:
    """Stop a block after a time, and when the cluster ends the pod, so that it can clean up.

    Raises:
        InterruptedJobError: in the block.
    """

    def over(number: int, _: FrameType | None) -> None:
        reason = f"more than {seconds:g} s" if number == signal.SIGALRM else "the pod ends"
        raise InterruptedJobError(reason)

    before = {number: signal.signal(number, over) for number in (signal.SIGALRM, signal.SIGTERM)}
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
