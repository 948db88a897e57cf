"""Questions that are asked all at once. One that gets no answer keeps neither the others nor the process."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from procedures.checks import reason

LONGEST_REASON = 120
"""Characters of an error."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Unanswered:
    """A question could not be answered."""

    reason: str


def ask(tasks: Mapping[K, Callable[[], V]], seconds: float) -> dict[K, V | Unanswered]:
    """The answers, in the order of the questions.

    Args:
        tasks: each returns an answer. The error that one raises is the reason why it is unanswered.
        seconds: the real seconds until an answer counts as missing. Its thread is a daemon.
    """
    answers: queue.SimpleQueue[tuple[K, V | Unanswered]] = queue.SimpleQueue()

    def answer(key: K, task: Callable[[], V]) -> None:
        try:
            answers.put((key, task()))
        except Exception as error:  # noqa: BLE001 - the caller names every error, and is never one itself
            words = " ".join(reason(error).split())
            answers.put((key, Unanswered(words[:LONGEST_REASON])))

    for key, task in tasks.items():
        threading.Thread(target=answer, args=(key, task), name=f"asks {key}", daemon=True).start()
    found: dict[K, V | Unanswered] = {}
    until = time.monotonic() + seconds
    while len(found) < len(tasks) and (left := until - time.monotonic()) > 0:
        try:
            key, value = answers.get(timeout=left)
        except queue.Empty:
            break
        found[key] = value
    return {key: found.get(key, Unanswered(f"no answer in {seconds:.0f} s")) for key in tasks}
