"""One `up` of one site, as a part of a procedure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from procedures.access import Report, Stack
from procedures.failover import site_of

if TYPE_CHECKING:
    from engine.up import UpResult


@dataclass(frozen=True)
class Deployed:
    """One `up` of one site."""

    site: str
    result: UpResult


def deploy(stack: Stack, report: Report) -> Deployed:
    """Run `up`.

    Raises:
        ConfigError: if the file has mistakes.
        DeploymentError: if the engine or a provider refuses.
    """
    site, result = site_of(stack.file), stack.up(report.step)
    report.say(f"{site}: {len(result.steps)} steps")
    return Deployed(site, result)
