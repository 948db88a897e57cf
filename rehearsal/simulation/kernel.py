"""A world in which only one thing happens at a time, in an order that a seed decides.

A process is a greenlet: it runs until it waits for something, and the kernel then takes the next event. Time is a
number that jumps from one event to the next. So a history of minutes takes milliseconds, and the same seed gives the
same history.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from greenlet import GreenletExit, getcurrent, greenlet

from operations.clock import CLOCK

EPOCH_SECONDS = 1_800_000_000.0
"""The time of day at which each history begins, in seconds since 1970."""


class KilledError(GreenletExit):
    """The process was killed. Nothing that it does while it unwinds has an effect."""


class StuckError(Exception):
    """A history does not end: more events than any history needs."""


class Kernel:
    """The events and the processes of one history.

    Args:
        seed: decides everything that is left open.
        limit: the most events.
    """

    def __init__(self, seed: int, limit: int = 400_000) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.steps = 0
        """The calls and waits of processes."""
        self.trace: list[str] = []
        """The events that were told, a line each."""
        self.processes: list[Process] = []
        self._limit = limit
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self.hub = getcurrent()

    def say(self, text: str) -> None:
        """Add a line to the history."""
        self.trace.append(f"{self.now:9.3f} {text}")

    def after(self, seconds: float, happen: Callable[[], object]) -> None:
        """Let something happen later."""
        heapq.heappush(self._events, (self.now + seconds, next(self._order), happen))

    def between(self, seconds: tuple[float, float], happen: Callable[[], object]) -> None:
        """Let something happen after a time within two limits."""
        self.after(self.random.uniform(*seconds), happen)

    def run(self, until: float) -> None:
        """Let everything happen until a time. Simulated seconds.

        Raises:
            StuckError: if there are too many events.
        """
        while self._events and self._events[0][0] <= until:
            self.now, order, happen = heapq.heappop(self._events)
            if order > self._limit:
                raise StuckError(f"more than {self._limit} events until {self.now:.1f} s")
            happen()
        self.now = until

    def end(self) -> None:
        """End all processes, and forget all events that are left."""
        for process in self.processes:
            process.kill()
        self.run(self.now)
        self._events.clear()


def current() -> Process:
    """The process whose code runs."""
    process = CLOCK.get()
    assert isinstance(process, Process), "no simulated process runs"
    return process


@dataclass(eq=False)
class Process:
    """One process of a pod, or of an operator's machine. It is also the clock that its code sees."""

    kernel: Kernel
    kind: str
    """Its job."""
    site: str
    work: Callable[[], object]
    pace: float = 1.0
    """The speed of its clock."""
    ended: Callable[[Process], None] = lambda _: None
    """Called when it has ended, killed or not."""
    result: object = None
    alive: bool = True
    killed: bool = False
    paused: float = 0.0
    """Until when it stands still, as a process of a machine without processors does. Simulated seconds."""
    at_death: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    """Called when it is killed: the operating system closes its connections."""
    _greenlet: greenlet | None = None
    _waits: int = 0

    def start(self) -> Process:
        """Begin, as the next event."""
        self.kernel.processes.append(self)
        self._greenlet = greenlet(self._run, self.kernel.hub)
        self.kernel.after(0.0, lambda: self._go(self._waits))
        return self

    def _run(self) -> None:
        CLOCK.set(self)
        try:
            self.result = self.work()
        except KilledError:
            pass
        finally:
            self.alive = False
        self.ended(self)

    def _go(self, number: int) -> None:
        """Go on, if it still waits for this."""
        if not self.alive or number != self._waits:
            return
        if self.kernel.now < self.paused:
            self.kernel.after(self.paused - self.kernel.now, lambda: self._go(number))
            return
        self._waits += 1
        assert self._greenlet is not None
        self._greenlet.switch()

    def suspend(self) -> Callable[[], None]:
        """The event that lets the process go on from its next `rest`. Later ones of the same rest have no effect."""
        number = self._waits
        return lambda: self._go(number)

    def rest(self) -> None:
        """Wait for the event."""
        if self.killed:
            raise KilledError
        self.kernel.steps += 1
        self.kernel.hub.switch()
        if self.killed:
            raise KilledError

    def die(self, *, silently: bool = False) -> NoReturn:
        """End it now; called by itself. If it dies silently, the other side of its connections learns nothing."""
        self.killed = True
        if not silently:
            for close in self.at_death:
                close()
        raise KilledError

    def kill(self) -> None:
        """End it at once, wherever it is. No `finally` of it reaches anything."""
        if not self.alive or self.killed:
            return
        self.killed = True
        for close in self.at_death:
            close()
        self._waits += 1
        if self._greenlet is None or not self._greenlet:
            self.alive = False
            self.ended(self)
        else:
            self.kernel.after(0.0, self._unwind)

    def _unwind(self) -> None:
        assert self._greenlet is not None
        self._greenlet.switch()

    # The clock of its code.

    def monotonic(self) -> float:
        return self.kernel.now * self.pace

    def time(self) -> float:
        return EPOCH_SECONDS + self.kernel.now

    def sleep(self, seconds: float) -> None:
        self.kernel.after(max(seconds, 0.0) / self.pace, self.suspend())
        self.rest()
