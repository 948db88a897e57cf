"""Bounded retries with jitter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tenacity

ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 10.0

_Result = TypeVar("_Result")


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
