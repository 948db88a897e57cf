"""Many clients with habits of their own: some follow DNS, some keep addresses for too long, and some never let go."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rehearsal.history import History
from rehearsal.world.client import BlackBoxClient, Habit
from rehearsal.world.samples import Sample

KEPT_SECONDS = 300
"""The time for which a resolver that ignores TTLs keeps a record."""
HABITS = (
    *(3 * [Habit(insists=True)]),
    *(3 * [Habit()]),
    *(2 * [Habit(keeps=KEPT_SECONDS)]),
    *(2 * [Habit(keeps=math.inf)]),
)
OFTEN_SECONDS, SELDOM_SECONDS = 3.0, 10.0
"""The interval of the client whose answers time the scenario, and that of all others. Simulated seconds."""

Make = Callable[[Habit, float, History, Callable[[], float]], BlackBoxClient]
"""Makes a client, given its habit, its interval, the history, and the wait before a tier's first request."""


class People:
    """Clients of every habit, with random phases and one history. Their first one asks often and follows DNS.

    The outages are those of all who follow DNS. The platform cannot lead the others, whose writes are judged as well.

    Args:
        make: makes a client.
        seed: draws the phases.
    """

    def __init__(self, make: Make, seed: int) -> None:
        chance = random.Random(seed)
        self.history = History()
        """Every write that was sent."""
        self.first = make(Habit(), OFTEN_SECONDS, self.history, lambda: 0.0)
        phases = [lambda: chance.uniform(0, SELDOM_SECONDS)] * len(HABITS)
        others = [make(habit, SELDOM_SECONDS, self.history, phase) for habit, phase in zip(HABITS, phases, strict=True)]
        self.clients = (self.first, *others)
        self.browser = self.first.browser

    @property
    def _followers(self) -> Iterable[BlackBoxClient]:
        return (client for client in self.clients if client.habit.follows)

    def samples(self, tier: str) -> tuple[Sample, ...]:
        """All requests of a tier until now by those who follow DNS, in order."""
        found = [sample for client in self._followers for sample in client.samples(tier)]
        return tuple(sorted(found, key=lambda sample: sample.at))

    def failures(self, tier: str, since: float, until: float = math.inf) -> tuple[Sample, ...]:
        """Their requests that failed between two moments, in simulated seconds."""
        return tuple(sample for sample in self.samples(tier) if since <= sample.at < until and not sample.ok)

    def outages(self, tier: str, since: float, until: float = math.inf) -> tuple[float, ...]:
        """The outage of each of them, in simulated seconds; infinite if a tier did not come back, or was not asked."""
        return tuple(client.outage(tier, since, until) for client in self._followers)

    def outage(self, tier: str, since: float, until: float = math.inf) -> float:
        """The longest of their outages."""
        return max(self.outages(tier, since, until))

    def worked_until(self, tier: str, since: float) -> float:
        """When a tier answered somebody last before their first failure since a moment."""
        return min(client.worked_until(tier, since) for client in self._followers)

    def left_behind(self, tier: str, since: float, until: float = math.inf) -> tuple[float, ...]:
        """The outages of those who keep addresses for too long."""
        others = [client for client in self.clients if not client.habit.follows]
        return tuple(client.outage(tier, since, until) for client in others)

    def start(self) -> None:
        """Let everybody start asking."""
        for client in self.clients:
            client.start()

    def stop(self) -> None:
        """Let everybody stop asking. When this returns, every thread has ended.

        Raises:
            RuntimeError: if a thread failed because of an error in the rehearsal itself.
        """
        for client in self.clients:
            client.browser.stopping.set()
        for client in self.clients:
            client.stop()

    @contextmanager
    def away(self) -> Generator[None]:
        """Let everybody wait while the block lasts, so that no request is on its way and takes the block's time."""
        self.stop()
        yield
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
