"""Many histories at once, and the shortest plan that still breaks a law."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from rehearsal.simulation.plan import Plan, planned
from rehearsal.simulation.world import History, Violation, play

FAULTS = 3
"""A history with fewer faults does not count."""
_CHUNK = 20


@dataclass
class Summary:
    """The histories that were played."""

    histories: int = 0
    """Those with FAULTS faults or more."""
    played: int = 0
    steps: int = 0
    """The calls and waits of processes."""
    faults: int = 0
    broken: list[tuple[int, Violation]] = field(default_factory=list[tuple[int, Violation]])
    """The seeds of histories that break a law, each with its first violation."""

    def add(self, seed: int, history: History) -> None:
        self.played += 1
        self.histories += history.hits >= FAULTS
        self.steps += history.steps
        self.faults += history.hits
        if history.violations:
            self.broken.append((seed, history.violations[0]))


def explore(first: int, histories: int, report: Callable[[Summary], None] = lambda _: None) -> Summary:
    """Play the histories of the seeds from `first` on, until enough of them had enough faults.

    Args:
        first: the first seed.
        histories: the number of histories that count.
        report: called after each chunk of histories.
    """
    summary = Summary()
    with multiprocessing.get_context("fork").Pool() as pool:
        for seed, history in pool.imap(_play, _counting(first), chunksize=_CHUNK):
            summary.add(seed, history)
            if summary.played % _CHUNK == 0:
                report(summary)
            if summary.histories >= histories:
                pool.terminate()
                break
    return summary


def _counting(first: int) -> Iterator[int]:
    return iter(range(first, first + 1_000_000))


def _play(seed: int) -> tuple[int, History]:
    history = play(planned(seed))
    return seed, replace(history, trace=())


def first_broken(seeds: Iterable[int]) -> History | None:
    """The first history that breaks a law; None if none does."""
    return next((history for seed in seeds if (history := play(planned(seed))).violations), None)


def shortest(history: History) -> History:
    """The shortest history that breaks the same law: no part of its plan can be left out."""
    law = history.violations[0].law
    while (shorter := _shorter(history, law)) is not None:
        history = shorter
    return history


def _shorter(history: History, law: str) -> History | None:
    for plan in _simpler(history.plan):
        tried = play(plan)
        if any(violation.law == law for violation in tried.violations):
            return tried
    return None


def _simpler(plan: Plan) -> Iterator[Plan]:
    """Plans with fewer parts, the smallest first; and the same with an operator who tries once."""
    parts = plan.parts
    size = len(parts) // 2
    while size:
        for start in range(0, len(parts), size):
            yield plan.only((*parts[:start], *parts[start + size :]))
        size //= 2
    for act in plan.acts:
        if act.tries > 1:
            yield plan.only([replace(part, tries=1) if part is act else part for part in parts])
    if plan.strict:
        yield replace(plan, strict=False)
