"""A nemesis: it hits a running platform with faults at moments that a seed draws, and heals each of them again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rehearsal.world.clock import Clock

Fault = Callable[[], AbstractContextManager[None]]
"""Makes a fault, which lasts as long as the block."""


@dataclass(frozen=True)
class Blow:
    """One fault, and when it hits. In simulated seconds from the beginning."""

    fault: str
    begins: float
    lasts: float

    def __str__(self) -> str:
        return f"{self.fault}: {self.begins:.0f}-{self.begins + self.lasts:.0f} s"


def blows(faults: Mapping[str, Fault], seed: int, *, within: float, shortest: float, longest: float) -> list[Blow]:
    """Every fault once, at a drawn moment and for a drawn time, in the order of their beginnings.

    Args:
        faults: the faults, by name.
        seed: draws the moments. The same seed draws the same ones.
        within: the simulated seconds in which all of them begin and end.
        shortest: the shortest time for which one lasts. Simulated seconds.
        longest: the longest one.
    """
    chance = random.Random(seed)
    drawn: list[Blow] = []
    for fault in sorted(faults):
        lasts = chance.uniform(shortest, longest)
        drawn.append(Blow(fault, chance.uniform(0, within - lasts), lasts))
    return sorted(drawn, key=lambda blow: blow.begins)


class Nemesis:
    """Strikes blows in threads of their own, from the beginning of the block on. At its end all faults are healed.

    Args:
        faults: the faults, by name.
        blows: when they hit.
        clock: simulated time.
        say: tells when a fault begins and ends.
    """

    def __init__(
        self, faults: Mapping[str, Fault], blows: list[Blow], clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._faults, self._blows, self._clock, self._say = faults, blows, clock, say
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._strike, args=(blow,), daemon=True) for blow in blows]
        self._failures: list[Exception] = []
        self.struck: list[str] = []
        """The faults that began and ended at their times."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._failures and error is None:
            raise RuntimeError("a fault could not be made") from self._failures[0]

    def wait(self) -> None:
        """Wait until every fault has ended by itself."""
        for thread in self._threads:
            thread.join()

    def _strike(self, blow: Blow) -> None:
        try:
            if self._clock.wait(self._stopping, blow.begins):
                return
            with self._faults[blow.fault]():
                self._say(f"{blow.fault} for {blow.lasts:.0f} s")
                if not self._clock.wait(self._stopping, blow.lasts):
                    self.struck.append(blow.fault)
        except Exception as error:  # noqa: BLE001 - told at the end of the block
            self._failures.append(error)
