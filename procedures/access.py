"""The outside of a procedure: a stack that it deploys, and the account and the platform that it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # the engine's modules take a second to import, which a status must not wait for
    from datetime import datetime

    from engine.deployment import Step
    from engine.up import UpResult
    from procedures.web import Web
    from stacks.config import SiteConfig
    from stacks.stackfile import StackFile


class ProcedureError(Exception):
    """A procedure is refused, or could not finish. Nothing happened that running it again would not continue.

    Args:
        message: the reason.
        hint: the next thing to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}\n  hint: {hint}")
        self.hint = hint


@dataclass(frozen=True)
class Workload:
    """A Deployment of the platform."""

    name: str
    wanted: int
    ready: int


class Stack(Protocol):
    """The stack of a site."""

    @property
    def file(self) -> StackFile:
        """Its stack file."""
        ...

    def up(self, on_step: Callable[[Step], None]) -> UpResult:
        """Run `pulumi up` with the file as it is.

        Raises:
            ConfigError: if the file has mistakes.
            DeploymentError: if the engine or a provider refuses.
        """
        ...


class Access(Protocol):
    """The account and the platform."""

    @property
    def web(self) -> Web:
        """The platform, from the operator's machine."""
        ...

    def client(self, service: str, region: str) -> Any:
        """A client of boto3 that gives up within seconds."""
        ...

    def workloads(self, config: SiteConfig) -> tuple[Workload, ...]:
        """The Deployments of the platform in the cluster that serves a site.

        Raises:
            OSError: if the API server does not answer.
            ProcedureError: if it refuses.
        """
        ...

    def firing(self, config: SiteConfig) -> frozenset[str]:
        """The names of the alerts that fire in the monitoring of a site, as the other site's region knows them.

        Raises:
            OSError: if the store of the metrics does not answer.
            LookupError: if there is none.
        """
        ...

    def addresses(self, host: str) -> frozenset[str]:
        """Where a name leads; empty if it leads nowhere."""
        ...

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def wait(self, seconds: float) -> None:
        """Do nothing for so long."""
        ...


class Report(Protocol):
    """Shows what a procedure does."""

    def say(self, text: str) -> None:
        """Print one line."""
        ...

    def step(self, step: Step) -> None:
        """Show a step of the engine."""
        ...

    def done(self, name: str) -> None:
        """One of the procedure's own steps has ended. Killed here, the procedure resumes by running again."""
        ...
