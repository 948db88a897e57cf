"""How much of a processor's time the rehearsal loses to other programs of this machine, for the clock.

A process of its own measures it: `python -m rehearsal.world.processor PID SECONDS` prints the share at an interval. The
counters are in hundreds of files, and to read them took almost a third of the time of a process with as many threads.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.root import PROGRAM_ROOT

INTERVAL_SECONDS = 0.5
"""Real seconds between two measurements."""

_OWN_TIMES = slice(11, 15)
"""Of the words after a process's name in its `stat`: its time in user and kernel mode, then its ended children's."""
_BUSY_TIMES = (0, 1, 2, 5, 6, 7)
"""Of the first line of `stat`: user, nice, system, irq, softirq, and steal, which other virtual machines got."""


@dataclass(frozen=True)
class _Reading:
    """The counters at one moment: ticks, except for `waited`, which has nanoseconds by thread."""

    busy: int
    own: int
    waited: dict[str, int]


class Processor:
    """The processors of this machine, for a process and all its descendants.

    Linux counts for each thread how long it could have run but waited for a processor, and for each process how long
    it and its ended children ran. Source: Linux, Documentation/filesystems/proc.rst and scheduler/sched-stats.rst.

    Args:
        process: the process at the top.
        proc: where the kernel shows its counters. Elsewhere than on Linux, there are none and nothing is lost.
    """

    def __init__(self, process: int, proc: Path = Path("/proc")) -> None:
        self._process, self._proc = process, proc
        self._read = self._reading() if (proc / str(process) / "schedstat").exists() else None

    def share(self, seconds: float) -> float:
        """The part of the real seconds since the last call in which the processes could go on, from 0 to 1.

        They wait for each other as well, as they would on an idle machine. So of the time for which threads waited,
        only the part counts that other programs had of all the time that the processors worked.
        """
        if self._read is None:
            return 1.0
        before, self._read = self._read, self._reading()
        busy, own = self._read.busy - before.busy, max(0, self._read.own - before.own)
        waited = sum(now - before.waited.get(thread, 0) for thread, now in self._read.waited.items()) / 1e9
        others = max(0.0, 1 - own / busy) if busy > 0 else 0.0
        ran = own / os.sysconf("SC_CLK_TCK")
        return 1 - waited * others / max(ran + waited, seconds)

    def _reading(self) -> _Reading:
        words = (self._proc / "stat").read_text().split()[1:]
        own, waited, pending = 0, dict[str, int](), [str(self._process)]
        while pending:
            folder = self._proc / pending.pop()
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended
                own += sum(map(int, (folder / "stat").read_text().rpartition(")")[2].split()[_OWN_TIMES]))
                for thread in (folder / "task").iterdir():
                    waited[thread.name] = int((thread / "schedstat").read_text().split()[1])
                    pending += (thread / "children").read_text().split()
        return _Reading(sum(int(words[number]) for number in _BUSY_TIMES), own, waited)


class Share:
    """The newest share of this process and its descendants, measured from the start of the block to its end."""

    def __init__(self) -> None:
        self.now = 1.0
        """1 until the first measurement."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__, str(os.getpid()), str(INTERVAL_SECONDS)]
        self._process = subprocess.Popen(command, cwd=PROGRAM_ROOT, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._listen, name="share", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._thread.join()
        with self._process:
            pass

    def _listen(self) -> None:
        assert self._process.stdout is not None, "it was started with a pipe"
        for line in self._process.stdout:
            self.now = float(line)


def main(process: int, seconds: float) -> None:
    """Print the share of a process at an interval, until no one reads it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the rehearsal ends first, and then this
    processor, seen = Processor(process), time.monotonic()
    with contextlib.suppress(BrokenPipeError):
        while True:
            time.sleep(seconds)
            before, seen = seen, time.monotonic()
            print(processor.share(seen - before), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
