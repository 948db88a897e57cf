"""A copy of the project in which one mutant after another is applied to both sites: `python -m tests.mutants.lane`.

It runs in the copy, so that the program and the pods are those of the copy. Reads names of mutants, one per line, and
writes one line of JSON for each.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.kube.jobs import FENCE
from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.program import PROGRAM_ROOT
from recovery.naming import NAMESPACE
from rehearsal.environment import Environment
from rehearsal.links import examine
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
FENCE_SECONDS = 6.0
"""Real seconds in which the pods of a fence must have looked once: they begin sooner, unless something is missing."""
_POLL_SECONDS = 0.1
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
    """kept, broken, refused by a provider, or invalid: refused before anything was changed."""
    reason: str = ""

    def may_be_of(self, earlier: Result) -> bool:
        """Whether an earlier change may be the cause, since it was not repaired before."""
        if self.verdict == "invalid" or not (self.reason and earlier.reason):
            return False
        return "refused" in (self.verdict, earlier.verdict) or self.reason == earlier.reason


def play(names: Iterable[str]) -> Iterator[dict[str, str]]:
    """The result of each mutant. When the sites cannot be repaired after one, they are built again."""
    left = [*names]
    while left:
        with (
            tempfile.TemporaryDirectory(prefix="lifeline-") as folder,
            Environment(Path(folder), engine="in-process", speed=SPEED) as environment,
        ):
            actions.build_both(environment, Quiet())
            lane = Lane(environment)
            if wrong := lane.wrong(HARMLESS_SECONDS):
                raise UnrepairedError(f"the unchanged program: {wrong}")
            while left:
                try:
                    result = lane.play(MUTANTS[left[0]])
                except UnrepairedError as error:
                    sys.stderr.write(f"before {left[0]}, both sites are built again: {error}\n")
                    break
                yield {"mutant": left.pop(0), "verdict": result.verdict, "reason": result.reason}


class Lane:
    """Both sites, in which one mutant takes the place of another."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._changed: set[str] = set()
        """The sites at which a mutant is deployed."""
        self._last = Result("kept")

    def play(self, mutant: Mutant) -> Result:
        """Deploy a mutant in the place of the last one. If that may be the cause of a failure, repair it and try again.

        Raises:
            UnrepairedError: if it cannot be repaired.
        """
        result = self._deployed(mutant)
        if result.may_be_of(self._last) or (self._last.reason and result.reason and not mutant.outage):
            self._repair(self._changed)
            result = self._deployed(mutant)
        if result.verdict != "invalid":
            self._last = result
        return result

    def wrong(self, seconds: float) -> str:
        """The first check that fails after the simulated seconds that everything may need, or a while later."""

        def failing() -> str:
            checks = (f"{check.name}: {check.detail}" for check in examine(self._environment) if not check.passed)
            return next(checks, "")

        actions.until(self._environment, lambda: not failing(), seconds)
        self._environment.clock.sleep(AGAIN_SECONDS)
        return failing()

    def _deployed(self, mutant: Mutant) -> Result:
        self._repair(self._changed - {mutant.site})
        with self._written(mutant):
            return self._result({mutant.site}, PATIENCE_SECONDS if mutant.outage else HARMLESS_SECONDS)

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
            self._last = self._result(sites, HARMLESS_SECONDS)
            if self._last.reason:
                raise UnrepairedError(self._last.reason)
            self._changed -= {*sites}

    def _result(self, sites: Collection[str], patience: float) -> Result:
        """Deploy the program as it is at some sites."""
        try:
            self._apply(sites)
        except INVALID as error:
            return Result("invalid", _last_line(error))
        except DeploymentError as error:
            self._changed |= {*sites}
            return Result("refused", _last_line(error))
        self._changed |= {*sites}
        wrong = self.wrong(patience)
        return Result("broken" if wrong else "kept", wrong)

    def _apply(self, names: Collection[str]) -> None:
        """Deploy, publish the zone, and let pods begin again: open connections outlive a way that closes."""
        environment = self._environment
        sites = [environment.account.sites[name] for name in sorted(names)]
        for site in sites:
            environment.account.up(site)
        environment.read_zone()
        for site in sites:
            (environment.pods_of(site).folder / f"{FENCE}.log").write_text("")
            for deployment in (FENCE, SWITCH, BACKEND):
                site.cluster.restart(NAMESPACE, deployment)
        last = time.monotonic() + FENCE_SECONDS
        while time.monotonic() < last and not all(newest(environment, site) for site in sites):
            time.sleep(_POLL_SECONDS)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    for line in play(word.strip() for word in sys.stdin):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
