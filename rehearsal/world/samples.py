"""The requests of a client, and how long nothing answered them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """One request. `at` is the simulated second of its end; `latency` is in the real seconds that the clock counted."""

    tier: str
    at: float
    ok: bool
    latency: float
    reason: str = ""
    """The reason of its failure."""

    def __str__(self) -> str:
        return f"{self.tier} at {self.at:.0f} s: {self.reason or 'answered'}"


def outage(samples: Sequence[Sample], since: float) -> float:
    """Simulated seconds from `since` to the first success after the last failure; infinity if none followed.

    Infinity without any sample too: an answer that was not asked for shows nothing.
    """
    if not samples:
        return math.inf
    failures = [index for index, sample in enumerate(samples) if not sample.ok]
    if not failures:
        return 0.0
    after = samples[failures[-1] + 1 :]
    return after[0].at - since if after else math.inf


def worked_until(samples: Sequence[Sample], since: float) -> float:
    """When the last request was answered before the first failure since a moment; the moment if it failed at once."""
    answered = itertools.takewhile(lambda sample: sample.ok, (entry for entry in samples if entry.at >= since))
    return max((sample.at for sample in answered), default=since)
