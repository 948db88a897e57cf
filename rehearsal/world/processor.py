"""How much of a processor's time the rehearsal loses to other programs of this machine, for the clock."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

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
