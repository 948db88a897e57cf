"""Play many histories of the protocol, or one of them again: `python -m rehearsal.simulation`."""

from __future__ import annotations

import argparse
import sys
import time

from rich.console import Console

from rehearsal.simulation.plan import planned
from rehearsal.simulation.search import FAULTS, Summary, explore, shortest
from rehearsal.simulation.world import History, play

MAKE = "python -m rehearsal.simulation --replay"
_EVERY_SECONDS = 20.0


def main() -> int:
    """Play histories, and return 1 if one breaks a law."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=20_000, help=f"with {FAULTS} faults or more each")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each history has the next one")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one history, and print all of it")
    parser.add_argument("--shortest", action="store_true", help="leave out of it what does not break the law")
    arguments = parser.parse_args()
    say = Console(highlight=False, soft_wrap=True, markup=False).print
    if arguments.replay is not None:
        history = play(planned(arguments.replay))
        if arguments.shortest and history.violations:
            history = shortest(history)
        _show(history, say)
        return 1 if history.violations else 0
    began = shown = time.monotonic()

    def report(summary: Summary) -> None:
        nonlocal shown
        if time.monotonic() - shown > _EVERY_SECONDS:
            shown = time.monotonic()
            say(f"{summary.histories} of {arguments.histories} histories, violations {len(summary.broken)}")

    summary = explore(arguments.seed, arguments.histories, report)
    for seed, violation in summary.broken[:5]:
        say(f"seed {seed}: {violation}\n  the shortest history: {MAKE} {seed} --shortest")
    say(
        f"{summary.histories} histories with {FAULTS} faults or more, of {summary.played}: {summary.faults} faults,"
        f" {summary.steps} job steps in {time.monotonic() - began:.0f} s. violations {len(summary.broken)}"
    )
    return 1 if summary.broken else 0


def _show(history: History, say: object) -> None:
    assert callable(say)
    say(str(history.plan))
    say("\n".join(history.trace))
    say("\n".join(map(str, history.violations)) or "no law is broken")


if __name__ == "__main__":
    sys.exit(main())
