"""A copy of the project in which one mutant after another is applied to both sites: `python -m tests.mutants.lane`.

It runs in the copy, so that the program and the pods are those of the copy. Reads names of mutants, one per line, and
writes one line of JSON for each. Harmless ones are deployed some at once: if those together break nothing, none does.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.kube.jobs import FENCE
from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.root import PROGRAM_ROOT
from recovery.naming import NAMESPACE
from rehearsal.environment import Environment
from rehearsal.links import examine
from rehearsal.offline import SiteWorld
from rehearsal.scenarios import actions
from rehearsal.scenarios.standings import newest
from rehearsal.world.platform import BACKEND, SWITCH
from stacks.problems import ConfigError
from stacks.stackfile import StackFile, StackFileError
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant

SPEED = 10.0
"""Simulated seconds per real second. No outage is measured here."""
PATIENCE_SECONDS = 20.0
"""Simulated seconds after which a failure counts: everything that begins again has begun by then."""
HARMLESS_SECONDS = 120.0
"""The same after a change that is to harm nothing, and of the unchanged program: a busy machine must break neither."""
AGAIN_SECONDS = 5.0
"""Simulated seconds after which everything is looked at once more."""
LOOKS = (1.0, 2.0, 4.0, 8.0)
"""Simulated seconds between the looks until everything works; the last ones repeat. A look costs processor time."""
AT_ONCE = 6
"""The harmless mutants that are deployed at once."""
FENCE_SECONDS = 6.0
"""Real seconds in which the pods of a fence must have looked once: they begin sooner, unless something is missing."""
REPLACED_SECONDS = 60.0
"""Real seconds in which pods that begin again must have taken the place of those before, whatever the mutant does."""
_POLL_SECONDS = 0.1
OF_JOBS = frozenset(
    {
        "claim",
        "ConfigMap",
        "database",
        "identity",
        "job",
        "ledger",
        "network policy",
        "promotion",
        "secret",
        "way to AWS",
    }
)
"""The links that jobs use."""
UNSUPPORTED = "the stand-in cannot"
"""The words of a refusal that is not AWS's: the mutant was not played."""
REFUSED = ("refused", "unplayed")
"""The verdicts after which a change is made in part."""
INVALID = (ConfigError, StackFileError)
"""Errors after which nothing was changed."""


class Quiet:
    """Reports nothing."""

    def phase(self, text: str) -> None:
        """A phase begins."""

    def step(self, step: Step) -> None:
        """A step of an engine."""

    def say(self, text: str) -> None:
        """An event."""


class UnrepairedError(Exception):
    """The sites do not work with the unchanged program."""


@dataclass(frozen=True)
class Result:
    """The verdict on one change."""

    verdict: str
    """kept, broken, refused by a provider, invalid (refused before anything was changed), or unplayed."""
    reason: str = ""
    failing: frozenset[str] = frozenset()
    """Every check that fails, without numbers."""

    def may_be_of(self, earlier: Result, *, is_refused: bool) -> bool:
        """Whether an earlier change may be the cause, since it was not repaired before.

        A change that is not taken back fails in the same way: everything that begins again has begun by now. A provider
        may refuse to take an earlier change back, or refuse again a resource that it refused before.

        Args:
            earlier: the result of the earlier change.
            is_refused: whether AWS refuses this change.
        """
        if self.verdict == "invalid" or not (self.reason and earlier.reason):
            return False
        was_refused = earlier.verdict in REFUSED
        if self.verdict in REFUSED:
            return not is_refused or self.reason.partition("): ")[0] == earlier.reason.partition("): ")[0]
        return was_refused or self.failing <= earlier.failing


def jobs_of(mutants: Iterable[Mutant]) -> set[str]:
    """The jobs whose pods begin again to notice mutants, and once more to forget them."""
    jobs: set[str] = set()
    for mutant in mutants:
        if mutant.file.startswith("operations/"):
            jobs |= {FENCE, SWITCH}
        elif mutant.link in OF_JOBS:
            jobs.add(FENCE)
    return jobs


def together(mutants: Iterable[Mutant]) -> list[tuple[Mutant, ...]]:
    """The harmless mutants of each site in groups, then each harmful one alone.

    Those of a site follow each other, and those that a provider refuses come last: each spares a repair.
    """
    ordered = sorted(mutants, key=lambda mutant: (bool(mutant.outage), mutant.refused, mutant.site))
    groups: list[tuple[Mutant, ...]] = []
    for (is_harmful, _, _), same in itertools.groupby(ordered, lambda m: (bool(m.outage), m.refused, m.site)):
        found, size = [*same], 1 if is_harmful else AT_ONCE
        groups += [tuple(found[at : at + size]) for at in range(0, len(found), size)]
    return groups


def play(names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The result of each mutant. When the sites cannot be repaired after one, they are built again.

    Raises:
        UnrepairedError: if the sites do not work with the unchanged program, or cannot be repaired after they were
            built for the same mutants.
    """
    left, built_for = together(MUTANTS[name] for name in names), 0
    while left:
        if len(left) == built_for:
            raise UnrepairedError(f"both sites were built for {left[0][0].name}")
        built_for = len(left)
        with (
            tempfile.TemporaryDirectory(prefix="lifeline-") as folder,
            Environment(Path(folder), engine="in-process", speed=SPEED) as environment,
        ):
            actions.build_both(environment, Quiet())
            lane = Lane(environment)
            if wrong := lane.wrong(HARMLESS_SECONDS):
                raise UnrepairedError(f"the unchanged program: {wrong[0]}")
            while left:
                began = time.monotonic()
                try:
                    results = lane.play(left[0])
                except UnrepairedError as error:
                    sys.stderr.write(f"before {left[0][0].name}, both sites are built again: {error}\n")
                    break
                each = (time.monotonic() - began) / len(left.pop(0))
                for name, result in results.items():
                    yield {
                        "mutant": name,
                        "verdict": result.verdict,
                        "reason": result.reason,
                        "seconds": round(each, 1),
                    }


class Lane:
    """Both sites, in which one mutant takes the place of another."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._changed: set[str] = set()
        """The sites at which a mutant is deployed."""
        self._last = Result("kept")
        self._concerned: set[str] = set()
        """The jobs whose pods run with the last mutant."""

    def play(self, mutants: Sequence[Mutant]) -> dict[str, Result]:
        """Deploy mutants in the place of the last ones: one, or harmless ones, which are tried singly if they harm.

        Raises:
            UnrepairedError: if a failure may be of an earlier mutant, which cannot be repaired.
        """
        result = self._tried(mutants)
        if len(mutants) > 1 and result.reason:
            return {mutant.name: self._tried((mutant,)) for mutant in mutants}
        return {mutant.name: result for mutant in mutants}

    def _tried(self, mutants: Sequence[Mutant]) -> Result:
        """The result of a deployment; if the last mutant may be the cause of a failure, after a repair."""
        result, is_harmless = self._deployed(mutants), not mutants[0].outage
        may_be = result.may_be_of(self._last, is_refused=mutants[0].refused)
        if may_be or (self._last.reason and result.reason and is_harmless):
            self._repair(self._changed)
            result = self._deployed(mutants)
        if result.verdict != "invalid":
            self._last, self._concerned = result, jobs_of(mutants)
        return result

    def wrong(self, seconds: float) -> tuple[str, ...]:
        """The checks that fail after the simulated seconds that everything may need, or a while later."""

        def failing() -> Iterator[str]:
            return (f"{check.name}: {check.detail}" for check in examine(self._environment) if not check.passed)

        clock, looks = self._environment.clock, itertools.chain(LOOKS, itertools.repeat(LOOKS[-1]))
        last = clock.now() + seconds
        while True:
            while any(failing()) and clock.now() < last:
                clock.sleep(min(next(looks), last - clock.now()))
            clock.sleep(AGAIN_SECONDS)
            if not (found := tuple(failing())) or clock.now() > last:
                return found

    def _deployed(self, mutants: Sequence[Mutant]) -> Result:
        site = mutants[0].site
        self._repair(self._changed - {site})
        with contextlib.ExitStack() as written:
            for mutant in mutants:
                written.enter_context(self._written(mutant))
            patience = PATIENCE_SECONDS if mutants[0].outage else HARMLESS_SECONDS
            return self._result({site}, patience, self._concerned | jobs_of(mutants))

    @contextlib.contextmanager
    def _written(self, mutant: Mutant) -> Generator[None]:
        """Let a file be the mutant's while the block lasts. A stack file is the site's own copy."""
        site = self._environment.account.sites[mutant.site]
        is_stack_file = mutant.file == site.file.path.name
        file = site.file.path if is_stack_file else PROGRAM_ROOT / mutant.file
        before = file.read_text()
        file.write_text(mutant.changed(before))
        if is_stack_file:
            site.file = StackFile(file)
        try:
            yield
        finally:
            file.write_text(before)
            if is_stack_file:
                site.file = StackFile(file)

    def _repair(self, sites: Collection[str]) -> None:
        """Deploy the unchanged program at some sites.

        Raises:
            UnrepairedError: if that is refused, or the sites do not work with it.
        """
        if sites:
            self._last, self._concerned = self._result(sites, HARMLESS_SECONDS, (FENCE, SWITCH)), set()
            if self._last.reason:
                raise UnrepairedError(self._last.reason)
            self._changed -= {*sites}

    def _result(self, sites: Collection[str], patience: float, jobs: Collection[str]) -> Result:
        """Deploy the program as it is at some sites, where some jobs begin again."""
        try:
            self._apply(sites, jobs)
        except INVALID as error:
            return Result("invalid", _last_line(error))
        except DeploymentError as error:
            self._changed |= {*sites}
            reason = _last_line(error)
            return Result("unplayed" if UNSUPPORTED in reason else "refused", reason)
        self._changed |= {*sites}
        wrong = self.wrong(patience)
        return Result("broken", wrong[0], frozenset(map(without_numbers, wrong))) if wrong else Result("kept")

    def _apply(self, names: Collection[str], jobs: Collection[str]) -> None:
        """Deploy, publish the zone, and let pods begin again: open connections outlive a way that closes.

        Raises:
            UnrepairedError: if the pods before still run. They would answer as if nothing had been changed.
        """
        environment = self._environment
        sites = [environment.account.sites[name] for name in sorted(names)]
        for site in sites:
            environment.account.up(site)
        environment.read_zone()
        before = {address for site in sites for address in self._addresses(site, jobs)}
        for site in sites:
            if FENCE in jobs:
                (environment.pods_of(site).folder / f"{FENCE}.log").write_text("")
            for deployment in (*jobs, BACKEND):
                site.cluster.restart(NAMESPACE, deployment)
        if not _holds(
            lambda: all(before.isdisjoint(self._addresses(site, jobs)) for site in sites), seconds=REPLACED_SECONDS
        ):
            raise UnrepairedError(f"pods were not replaced in {REPLACED_SECONDS:.0f} s")
        _holds(lambda: all(self._has_begun(site, jobs) for site in sites), seconds=FENCE_SECONDS)

    def _addresses(self, site: SiteWorld, jobs: Collection[str]) -> set[tuple[str, int]]:
        """Host and port of every pod of those that begin again."""
        pods = self._environment.pods_of(site)
        return {address for deployment in (*jobs, BACKEND) for address in pods.addresses(deployment)}

    def _has_begun(self, site: SiteWorld, jobs: Collection[str]) -> bool:
        """Whether the fence has looked, and the switch has pods if it was to begin again."""
        has_pods = SWITCH not in jobs or bool(self._environment.pods_of(site).addresses(SWITCH))
        return has_pods and bool(newest(self._environment, site))


def _holds(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Whether a condition holds within so many real seconds."""
    last = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < last:
        time.sleep(_POLL_SECONDS)
    return found


def without_numbers(text: str) -> str:
    """A text without the parts that differ each time, such as times and made-up names."""
    return re.sub(r"[0-9a-f]*\d[0-9a-f]*", "0", text)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    for line in play(word.strip() for word in sys.stdin):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
