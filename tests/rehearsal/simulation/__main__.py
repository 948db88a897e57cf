"""Plant each bug, and print the shortest history in which the simulation finds it."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time

from rich.console import Console

from rehearsal.simulation.search import first_broken, shortest
from rehearsal.simulation.world import History
from tests.rehearsal.simulation.bugs import BUGS, Bug

SEEDS = 3000
"""The most histories in which a bug is looked for."""


def found(bug: Bug) -> History | None:
    """The shortest history that shows a bug; None if no history does."""
    with bug.planted():
        history = first_broken(range(SEEDS))
        return None if history is None else shortest(history)


def _search(name: str) -> tuple[str, History | None, float]:
    began = time.monotonic()
    return name, found(next(bug for bug in BUGS if bug.name == name)), time.monotonic() - began


def main() -> int:
    """Look for all bugs, and return 1 if one is not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="part of the name of each bug that is planted", default="")
    arguments = parser.parse_args()
    names = [bug.name for bug in BUGS if arguments.only in bug.name]
    say, missed = Console(highlight=False, soft_wrap=True).print, 0
    with multiprocessing.get_context("fork").Pool() as pool:
        for number, (name, history, seconds) in enumerate(pool.imap(_search, names), start=1):
            say(f"{number:2} {name}: ", end="")
            if history is None:
                missed += 1
                say(f"NOT FOUND in {SEEDS} histories ({seconds:.0f} s)")
                continue
            say(f"{history.violations[0]} ({seconds:.0f} s)")
            say("\n".join(f"     {line}" for line in str(history.plan).splitlines()))
    say(f"{len(names) - missed} of {len(names)} planted bugs are found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
