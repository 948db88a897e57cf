"""Bounded retries with jitter, and the time limit of a job."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import tenacity

ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 10.0

_Result = TypeVar("_Result")


class InterruptedJobError(RuntimeError):
    """The job's time is over, or the cluster asked it to stop."""


def patiently(call: Callable[[], _Result], *errors: type[Exception]) -> _Result:
    """The result of a call, which is repeated if it raises one of the errors.

    Raises:
        Exception: the error of the last attempt.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(errors),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_SECONDS),
        reraise=True,
    )
    return retrying(call)


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
