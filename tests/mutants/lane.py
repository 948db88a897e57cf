"""A copy of the project in which one mutant after another is applied to both sites: `python -m tests.mutants.lane`.

It runs in the copy, so that the program and the pods are those of the copy. Reads names of mutants, one per line, and
writes one line of JSON for each.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from components.kube.jobs import FENCE
from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.program import PROGRAM_ROOT
from recovery.naming import NAMESPACE
from rehearsal.environment import Environment
from rehearsal.links import examine
from rehearsal.report import Check
from rehearsal.scenarios import actions
from stacks.problems import ConfigError
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant

PATIENCE_SECONDS = 25.0
"""Simulated seconds in which everything must work again after a change that harms nothing."""
AGAIN_SECONDS = 5.0
"""Simulated seconds after which everything is looked at once more."""
REFUSALS = (ConfigError, DeploymentError)


class Quiet:
    """Reports nothing."""

    def phase(self, text: str) -> None:
        """A phase begins."""

    def step(self, step: Step) -> None:
        """A step of an engine."""

    def say(self, text: str) -> None:
        """An event."""


class UnrepairedError(Exception):
    """The sites do not work after the change was taken back."""


def play(names: Iterable[str]) -> Iterator[dict[str, str]]:
    """The result of each mutant. When the sites cannot be repaired after one, they are built again."""
    left = [*names]
    while left:
        yield from _until_unrepaired(left)


def _until_unrepaired(left: list[str]) -> Iterator[dict[str, str]]:
    """Build both sites, and play the mutants of a list until one breaks them for good. Takes those out of the list."""
    with (
        tempfile.TemporaryDirectory(prefix="lifeline-") as folder,
        Environment(Path(folder), engine="in-process") as environment,
    ):
        actions.build_both(environment, Quiet())
        if wrong := _wrong(environment):
            raise UnrepairedError(f"the unchanged program: {wrong[0]}")
        while left:
            mutant = MUTANTS[left.pop(0)]
            result = _played(environment, mutant)
            yield {"mutant": mutant.name, **result}
            if wrong := _repaired(environment):
                sys.stderr.write(f"{mutant.name}: both sites are built again: {wrong}\n")
                return


def _played(environment: Environment, mutant: Mutant) -> dict[str, str]:
    file = PROGRAM_ROOT / mutant.file
    before, after = file.read_text(), mutant.text(PROGRAM_ROOT)
    file.write_text(after)
    try:
        return _result(environment)
    finally:
        file.write_text(before)


def _repaired(environment: Environment) -> str:
    """Deploy the unchanged program. Returns what is still wrong."""
    try:
        _apply(environment)
    except REFUSALS as error:
        return _first_line(error)
    return "; ".join(map(str, _wrong(environment)))


def _result(environment: Environment) -> dict[str, str]:
    try:
        _apply(environment)
    except REFUSALS as error:
        return {"verdict": "refused", "reason": _first_line(error)}
    if wrong := _wrong(environment):
        return {"verdict": "broken", "reason": f"{wrong[0].name}: {wrong[0].detail}"}
    return {"verdict": "kept", "reason": ""}


def _apply(environment: Environment) -> None:
    """Deploy both sites, let their fences begin again, and publish the zone."""
    for site in environment.account.sites.values():
        environment.account.up(site)
        (environment.pods_of(site).folder / f"{FENCE}.log").write_text("")
        site.cluster.restart(NAMESPACE, FENCE)
    environment.read_zone()


def _wrong(environment: Environment) -> list[Check]:
    """The checks that fail, after the time that everything may need. None may fail a while later either."""

    def failing() -> list[Check]:
        return [check for check in examine(environment) if not check.passed]

    actions.until(environment, lambda: not failing(), PATIENCE_SECONDS)
    environment.clock.sleep(AGAIN_SECONDS)
    return failing()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    for line in play(word.strip() for word in sys.stdin):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
