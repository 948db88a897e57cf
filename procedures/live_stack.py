"""The stack of a site, deployed by the real engine from an operator's machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.deployment import Step
from engine.project import LockedError, MissingError, ProjectStack
from engine.up import UpResult
from procedures.access import ProcedureError
from procedures.failover import config_of, site_of
from procedures.lock import has_ended
from recovery.naming import state_bucket
from stacks.config import SiteConfig
from stacks.stackfile import StackFile

_LOCKED = "wait for its end. If that run has ended for certain: pulumi cancel --stack {}"
LOGS = ".lifeline"
"""The folder for what the engine prints."""


def backend(config: SiteConfig) -> str:
    """The address of the bucket of the state of a site."""
    return f"s3://{state_bucket(config.site, account=config.account)}?region={config.region}"


class LiveStack:
    """The stack of a site, deployed by the real engine.

    Args:
        root: the folder with `Pulumi.yaml`.
        name: of the stack.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.file = StackFile(root / f"Pulumi.{name}.yaml")
        self.log = root / LOGS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}.log"
        self._root = root

    @property
    def engine(self) -> ProjectStack:
        """The engine, over the backend in the site's own region.

        Raises:
            ConfigError: if the file has mistakes.
        """
        return ProjectStack(self._root, site_of(self.file), backend=backend(config_of(self)), log=self.log)

    def preview(self) -> list[Step]:
        """The steps from what is deployed to the file. It changes nothing.

        Raises:
            ConfigError: if the file has mistakes.
            DeploymentError: with the engine's output.
            ProcedureError: if there is no engine, or no such stack.
        """
        with _explained():
            return self.engine.preview()

    def up(self, on_step: Callable[[Step], None]) -> UpResult:
        """Run `pulumi up`. The lock of a run that was killed on this machine is removed.

        Raises:
            ConfigError: if the file has mistakes.
            DeploymentError: with the engine's output.
            ProcedureError: if there is no engine, or no such stack, or another run has it.
        """
        engine = self.engine
        with _explained():
            try:
                return engine.up(on_step)
            except LockedError as locked:
                if not has_ended(locked.machine, locked.process):
                    raise ProcedureError(str(locked), _LOCKED.format(site_of(self.file))) from locked
                engine.cancel()
                return engine.up(on_step)

    def cancel(self) -> None:
        """Remove the lock that a killed run of Pulumi has left.

        Raises:
            ConfigError: if the file has mistakes.
            DeploymentError: with the engine's output.
            ProcedureError: if there is no engine, or no such stack.
        """
        with _explained():
            self.engine.cancel()

    def refresh(self, urns: Sequence[str]) -> None:
        """Read these resources, and no other, from AWS into the state.

        Raises:
            ConfigError, DeploymentError, ProcedureError: as for `cancel`.
        """
        with _explained():
            self.engine.refresh(urns)


@contextlib.contextmanager
def _explained() -> Generator[None]:
    """Say what to do if there is no engine, or no such stack."""
    try:
        yield
    except MissingError as error:
        hint = "docs/runbooks/first-deployment.md installs it, and makes the bucket of the state"
        raise ProcedureError(str(error), hint) from error
