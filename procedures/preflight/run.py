"""The preflight of a failover: every point is looked at, all at once, and nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from engine.monitor import DeploymentError
from procedures.access import Access, ProcedureError
from procedures.asking import Unanswered, ask
from procedures.checks import reason
from procedures.preflight import region
from procedures.preflight import stack as stacked
from procedures.preflight.finding import Finding, Level, impassable, passed, warned
from procedures.preflight.machine import PLUGINS, PROGRAMS, Machine
from stacks.config import SiteConfig
from stacks.stackfile import StackFile

if TYPE_CHECKING:
    from engine.deployment import Step

PATIENCE_SECONDS = 10.0
"""Real seconds after which a point counts as one that could not be looked at."""
DIFF = "pending diff"
ESSENTIAL = ("login", "state", "secrets key", "claim", "database")
"""The points without which a failover stops. Another one that could not be looked at is a warning."""
OF_REGION: Mapping[str, Callable[[Access, SiteConfig], Finding]] = {
    "database": region.database,
    "replica age": region.age,
    "keys": region.keys,
    "secrets": region.secrets,
    "nodes": region.nodes,
    "launches": region.launches,
    "quota": region.quota,
    "images": region.images,
    "API server and pods": region.workloads,
    "crisis services": region.crisis,
    "certificate": region.certificate,
    "health checks": region.health_checks,
}
"""The points that the region and the platform answer, by name."""


class Previewed(Protocol):
    """A stack whose next `pulumi up` can be previewed."""

    @property
    def file(self) -> StackFile:
        """Its stack file."""
        ...

    def preview(self) -> list[Step]:
        """The steps from what is deployed to the file. It changes nothing.

        Raises:
            DeploymentError: with the engine's output.
            ProcedureError: if there is no engine, or no such stack.
        """
        ...


@dataclass(frozen=True)
class Preflight:
    """All points, by name."""

    findings: Mapping[str, Finding]
    seconds: float
    """How long it took."""

    def count(self, level: Level) -> int:
        """The number of points at a level."""
        return sum(finding.level is level for finding in self.findings.values())

    @property
    def is_clear(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.count(Level.FAIL)


def preflight(
    stack: Previewed, access: Access, machine: Machine, config: SiteConfig, *, seconds: float = PATIENCE_SECONDS
) -> Preflight:
    """Look for everything that would stop a failover to a site, from the site's own side.

    Args:
        stack: of the site.
        access: the account and the platform.
        machine: the operator's.
        config: the configuration of the site.
        seconds: the real seconds until an answer counts as missing. The preview takes its own time.
    """
    began = time.monotonic()
    tasks: dict[str, Callable[[], Finding]] = {
        "login": lambda: machine.login(access, config),
        "sign-in": lambda: machine.sign_in(config),
        **{name: lambda name=name: machine.program(name) for name in PROGRAMS},
        **{f"plugin {name}": lambda name=name: machine.plugin(name) for name in PLUGINS},
        "registry": lambda: machine.registry(config),
        "state": lambda: stacked.place(access, config),
        "secrets key": lambda: stacked.secrets_key(access, config, stack.file),
        "operator": lambda: stacked.operator(access, config),
        "lock of pulumi": lambda: stacked.engine_lock(access, config),
        "interrupted operations": lambda: stacked.interrupted(access, config),
        "source in the state": lambda: stacked.source(access, config),
        "claim": lambda: region.claim(access, config, machine.behind()),
        "degraded modes": lambda: region.emergency(config),
        **{name: lambda look=look: look(access, config) for name, look in OF_REGION.items()},
    }
    found = {name: found_of(name, answer) for name, answer in ask(tasks, seconds).items()}
    found[DIFF] = diff(stack, config)
    return Preflight(found, time.monotonic() - began)


def found_of(name: str, answer: Finding | Unanswered) -> Finding:
    """A point, also if it could not be looked at."""
    if not isinstance(answer, Unanswered):
        return answer
    text, fix = f"could not be looked at: {answer.reason}", "lifeline status shows whether the region answers"
    return impassable(text, fix) if name in ESSENTIAL else warned(text, fix)


def diff(stack: Previewed, config: SiteConfig) -> Finding:
    """Whether the stack file is deployed, so that a failover changes nothing else."""
    try:
        steps = stack.preview()
    except (DeploymentError, ProcedureError) as error:
        return impassable(reason(error).partition("\n")[0], f"lifeline diff --stack {config.site}")
    if not steps:
        return passed("nothing to do")
    kinds = sorted({step.op for step in steps})
    text = f"{len(steps)} steps ({', '.join(kinds)}) are not deployed"
    return Finding(Level.WARN, text, stacked.pulumi(config, "up", "--yes", "--skip-preview"), is_typed=True)
