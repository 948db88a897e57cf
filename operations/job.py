"""The frame of a job: its rounds or its time limit, the errors that it may raise, and the exit code of each."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psycopg

from operations.exit_codes import FAILURE, REFUSED
from operations.log import say

AGAIN_SECONDS = 10.0
"""The time that a block has to clean up. A pod has 30 s after SIGTERM, which is the default of Kubernetes."""


class JobFailedError(RuntimeError):
    """The job could not do its work. Another attempt may succeed."""


class JobRefusedError(RuntimeError):
    """The job must not do its work. Another attempt would be refused too."""


class InterruptedJobError(KeyboardInterrupt):
    """The job's time is over, or the cluster asked it to stop.

    It arrives between any two instructions, also in the code of libraries. As a KeyboardInterrupt it is not mistaken
    for a failed request, which is retried, and psycopg and s3transfer cancel their work.
    """


def exit_code(name: str, work: Callable[[], int], *, seconds: float) -> int:
    """Do a job's work within a time, and return its exit code. An error is logged with its reason."""
    try:
        with limited(seconds):
            return work()
    except JobRefusedError as error:
        say(f"{name} refused", reason=str(error))
        return REFUSED
    except (JobFailedError, InterruptedJobError, OSError, psycopg.Error) as error:
        say(f"{name} failed", error=type(error).__name__, reason=str(error).strip())
        return FAILURE


def stop_signal() -> threading.Event:
    """An event that is set when the cluster asks the process to stop."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def until_stopped(look: Callable[[], None], *, seconds: float, alive: Path) -> None:
    """Do a round of work again and again, until a signal arrives. Touches a file after each, for the pod's probes."""
    stop = stop_signal()
    while not stop.is_set():
        look()
        alive.touch()
        stop.wait(seconds)


@dataclass
class _Interruption:
    """The interruption of the one `limited` block of this process."""

    reason: str | None = None
    delayed: bool = False

    def arrive(self) -> None:
        if self.reason is not None and not self.delayed:
            raise InterruptedJobError(self.reason)


_interruption = _Interruption()


@contextmanager
def limited(seconds: float) -> Generator[None]:
    """Stop a block after a time, and when the cluster ends the pod, so that it can clean up.

    The error is raised again while the block lasts, because a library may swallow it and a cleanup may hang.

    Raises:
        InterruptedJobError: in the block.
    """

    def over(number: int, _: FrameType | None) -> None:
        reason = f"more than {seconds:g} s" if number == signal.SIGALRM else "the pod ends"
        _interruption.reason = _interruption.reason or reason
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        _interruption.arrive()

    before = {number: signal.signal(number, over) for number in (signal.SIGALRM, signal.SIGTERM)}
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        _interruption.delayed = True  # until the handlers are the former ones again
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        _interruption.reason, _interruption.delayed = None, False


@contextmanager
def uninterrupted() -> Generator[None]:
    """Delay an interruption to the end of a short block, such as one that starts a program and keeps it to end it.

    Raises:
        InterruptedJobError: at the end of the block.
    """
    _interruption.delayed = True
    try:
        yield
    finally:
        _interruption.delayed = False
    _interruption.arrive()
