"""Every scenario, each in a process of its own, two at once. A clock stands still while the machine is behind."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from engine.root import PROGRAM_ROOT

AT_ONCE = 2
LONGEST_FIRST = (
    "rebuild-region",
    "database-loss",
    "failback",
    "both-regions-lost",
    "rebuild-elsewhere",
    "cluster-loss",
    "split-brain",
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


class Player:
    """Plays scenarios by the command line, and can be stopped.

    Args:
        command: the words before a scenario's name.
        options: the words after it.
    """

    def __init__(self, command: Sequence[str], options: Sequence[str] = ()) -> None:
        self._command, self._options = command, options
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def play(self, name: str) -> Played:
        """Play one scenario until it ends."""
        began = time.monotonic()
        with tempfile.TemporaryFile("w+") as output:
            with self._lock:
                if self._stopped:
                    return Played(name, 1, 0.0, "it was not begun\n")
                process = subprocess.Popen(
                    [*self._command, name, *self._options],
                    cwd=PROGRAM_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
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
    command = [str(Path(sys.executable).with_name("lifeline")), "rehearse"]
    player = Player(command, ["--engine", engine, "--seed", str(seed)])

    def stop(_signal: int, _frame: FrameType | None) -> None:
        player.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return play_all(player, names, Console(soft_wrap=True))


def play_all(player: Player, names: Sequence[str], console: Console) -> int:
    """Play scenarios with a player, and print what became of each."""
    broken = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for played in pool.map(player.play, in_order(names)):
            kept = played.code == 0
            broken += not kept
            if not kept:
                console.print(played.output, highlight=False, markup=False)
            console.print(f"{'kept  ' if kept else 'BROKEN'} {played.name}: {played.seconds:.0f} s", highlight=False)
    console.print(f"{len(names) - broken} of {len(names)} scenarios are kept", highlight=False)
    return 1 if broken else 0


def in_order(names: Sequence[str]) -> list[str]:
    """The scenarios that take the longest first."""
    return [*(name for name in LONGEST_FIRST if name in names), *(name for name in names if name not in LONGEST_FIRST)]
