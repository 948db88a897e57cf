"""A failover by the command line itself, where the real engine is at hand."""

from __future__ import annotations

import json

from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.pulumi_cli import PulumiEngine
from engine.up import UpResult
from procedures.access import Report
from rehearsal.environment import Environment
from rehearsal.gateways import TYPED
from rehearsal.offline import SiteWorld
from rehearsal.shell import shell
from stacks.config import parse
from stacks.stackfile import TIMELINE, StackFile

TRIES = 3
"""A call gives up after two real seconds, in which this machine may be behind. The command says: run it again."""


def fail_over(
    environment: Environment, report: Report, site: SiteWorld, engine: PulumiEngine
) -> tuple[UpResult, set[str]]:
    """Type `lifeline failover`. The site's stack file follows the edit. Returns also the regions that were asked.

    Raises:
        DeploymentError: with the words of the refusal.
    """
    environment.gateways.typed.clear()
    engine.write(site.name, site.file.config)
    machine = shell(engine, environment.gateways.of_operators.url, TYPED)
    words = ("failover", "--stack", site.name, "--yes", "--no-verify", "--json")
    report.say(f"lifeline {' '.join(words)}")
    code, out, err = machine.types(*words)
    for _ in range(TRIES - 1):
        if code == 0:
            break
        report.say(err)
        code, out, err = machine.types(*words)
    if code:
        raise DeploymentError(err)
    steps = tuple(Step(**step) for step in json.loads(out)["steps"])
    for step in steps:
        report.step(step)
    edited = StackFile(engine.folder / site.file.path.name)
    site.file.set(TIMELINE, edited.config[TIMELINE])
    site.file.save()
    site.config = parse(site.file.config, stack=site.name)
    environment.pods_of(site)  # those of a new cluster begin to run
    return UpResult(steps, {}), {*environment.gateways.typed}
