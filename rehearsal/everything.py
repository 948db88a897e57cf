"""Every scenario, each in a process of its own, three at once. A clock stands still while the machine is behind.

Two lanes fill two cores with scenarios that mostly work. Those whose clock is slower mostly wait: they have a lane of
their own, and use what the others leave. When it has played them all, it helps the other two.

All modules are imported once for all of them: those of the rehearsal, and those of the program and of the pods.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType
from typing import Protocol

from rich.console import Console

from engine.warm import Warm
from rehearsal.programs import LENT, warm_programs
from rehearsal.speed import SPEED, speed_of

WORKING_AT_ONCE, WAITING_AT_ONCE = 2, 1
LONGEST_FIRST = (
    "database-loss",
    "failback",
    "rebuild-region",
    "rebuild-elsewhere",
    "split-brain",
    "nemesis",
    "cluster-loss",
    "both-regions-lost",
)
"""The others follow in their order. With these last, one process would wait for the other at the end."""


@dataclass(frozen=True)
class Played:
    """A scenario that ended."""

    name: str
    code: int
    """0 if every promise was kept."""
    seconds: float
    """Real time."""
    output: str


class Process(Protocol):
    """A process that plays a scenario."""

    def wait(self) -> int:
        """Wait until it ends, and return its exit code."""
        ...

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, unless it has ended."""
        ...


class Player:
    """Plays scenarios, and can be stopped.

    Args:
        start: begins a scenario, given its name and the file descriptor for what it prints.
    """

    def __init__(self, start: Callable[[str, int], Process]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._running: set[Process] = set()
        self._stopped = False

    def play(self, name: str) -> Played:
        """Play one scenario until it ends."""
        began = time.monotonic()
        with tempfile.TemporaryFile("w+") as output:
            with self._lock:
                if self._stopped:
                    return Played(name, 1, 0.0, "it was not begun\n")
                process = self._start(name, output.fileno())
                self._running.add(process)
            code = process.wait()
            with self._lock:
                self._running.discard(process)
            output.seek(0)
            return Played(name, code, time.monotonic() - began, output.read())

    def stop(self) -> None:
        """Stop the scenarios that are being played, and begin no other. They stop their servers by themselves."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)


def run(names: Sequence[str], *, engine: str, seed: int) -> int:
    """Play scenarios, print a line for each that is kept, and everything about the others.

    Args:
        names: the scenarios.
        engine: as for one scenario.
        seed: as for one scenario.

    Returns:
        0 if every promise of every scenario was kept.
    """
    modules = ("lifeline.app", "rehearsal.runner", "rehearsal.world.cloud:prepare")
    with warm_programs() as programs, Warm(*modules, passes=[programs.lend()]) as scenarios:
        env = {**os.environ, LENT: str(programs.lend())}

        def start(name: str, output: int) -> Process:
            words = ("-m", "lifeline", "rehearse", name, "--engine", engine, "--seed", str(seed))
            return scenarios.start(*words, env=env, stdout=output, stderr=output)

        player = Player(start)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            player.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        return play_all(player, names, Console(soft_wrap=True))


def play_all(player: Player, names: Sequence[str], console: Console) -> int:
    """Play scenarios with a player, and print what became of each."""
    began, broken = time.monotonic(), 0
    ordered = in_order(names)
    waits = deque(name for name in ordered if mostly_waits(name))
    works = deque(name for name in ordered if not mostly_waits(name))
    ended: SimpleQueue[Future[Played]] = SimpleQueue()

    def lane(*queues: deque[str]) -> None:
        for queue in queues:
            with contextlib.suppress(IndexError):
                while True:
                    future, name = Future[Played](), queue.popleft()
                    try:
                        future.set_result(player.play(name))
                    except Exception as error:  # noqa: BLE001 - it is raised where the outcome is printed
                        future.set_exception(error)
                    ended.put(future)

    with ThreadPoolExecutor(WORKING_AT_ONCE + WAITING_AT_ONCE) as lanes:
        lanes.submit(lane, waits, works)
        for _ in range(WORKING_AT_ONCE):
            lanes.submit(lane, works)
        for _ in names:
            played = ended.get().result()
            kept = played.code == 0
            broken += not kept
            if not kept:
                console.print(played.output, highlight=False, markup=False)
            console.print(f"{'kept  ' if kept else 'BROKEN'} {played.name}: {played.seconds:.0f} s", highlight=False)
    minutes = (time.monotonic() - began) / 60
    console.print(
        f"{len(names) - broken} of {len(names)} scenarios are kept, in {minutes:.1f} minutes", highlight=False
    )
    return 1 if broken else 0


def mostly_waits(name: str) -> bool:
    """Whether a scenario has a slow clock, so that its waits take longer than its work."""
    return speed_of(name) < SPEED


def in_order(names: Sequence[str]) -> list[str]:
    """The scenarios that take the longest first."""
    return [*(name for name in LONGEST_FIRST if name in names), *(name for name in names if name not in LONGEST_FIRST)]
