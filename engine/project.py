"""A stack of this project, deployed by the real engine over the backend of its own state."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pulumi import automation
from pulumi.automation.events import EngineEvent

from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.pulumi_cli import available, command, deployed, step_of
from engine.up import UpResult

BACKEND = "PULUMI_BACKEND_URL"


class MissingError(Exception):
    """There is no engine, or no such stack in its backend."""


class LockedError(Exception):
    """Another run has locked the state of the stack.

    Args:
        user: who started it.
        machine: its host name.
        process: its number there.
        since: the time, ISO 8601.
    """

    def __init__(self, user: str, machine: str, process: int, since: str) -> None:
        super().__init__(f"{user} on {machine} runs pulumi since {since} (process {process})")
        self.machine, self.process = machine, process


_LOCK = re.compile(r"created by (?P<user>\S+)@(?P<machine>\S+) \(pid (?P<process>[0-9]+)\) at (?P<since>\S+)")
"""Source: pulumi/pulumi, `pkg/backend/diy/lock.go`, `checkForLock`."""


def backend_of(own: str) -> str:
    """The backend that PULUMI_BACKEND_URL names, unless it is the bucket of another stack.

    Each stack has its own, and with the other's, the engine would offer to make the stack once more.

    Args:
        own: the address of the stack's own bucket.
    """
    named = os.environ.get(BACKEND, "")
    is_others = named.startswith("s3://") and urlsplit(named).netloc != urlsplit(own).netloc
    return named if named and not is_others else own


class ProjectStack:
    """One stack.

    Args:
        root: the folder with `Pulumi.yaml`.
        name: of the stack.
        backend: the address of the backend, if PULUMI_BACKEND_URL names no usable one (`backend_of`).
        log: the file to which everything that the engine prints is added.
    """

    def __init__(self, root: Path, name: str, *, backend: str, log: Path) -> None:
        self._root, self._name, self._log = root, name, log
        self.backend = backend_of(backend)

    def up(self, on_step: Callable[[Step], None]) -> UpResult:
        """Run `pulumi up --skip-preview`.

        Raises:
            MissingError: if there is no engine, or no such stack.
            LockedError: if another run has the stack, or one that was killed had it.
            DeploymentError: with the engine's output, if the program, the engine or a provider refuses.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a", buffering=1) as log:
            try:
                return deployed(self._selected(), on_step=on_step, on_output=lambda line: print(line, file=log))
            except DeploymentError as error:
                if (lock := _LOCK.search(str(error))) is None:
                    raise
                raise LockedError(lock["user"], lock["machine"], int(lock["process"]), lock["since"]) from None

    def preview(self) -> list[Step]:
        """The steps that `pulumi up` would take, from what is deployed to the stack file. It changes nothing.

        Raises:
            MissingError: as for `up`.
            DeploymentError: with the engine's output, if the program fails.
        """
        steps: list[Step] = []

        def on_event(event: EngineEvent) -> None:
            if (step := step_of(event)) is not None:
                steps.append(step)

        try:
            self._selected().preview(on_event=on_event, color="never")
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None
        return steps

    def cancel(self) -> None:
        """Remove the lock that a run which was killed has left.

        Raises:
            MissingError: as for `up`.
            DeploymentError: with the engine's output.
        """
        try:
            self._selected().cancel()
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None

    def refresh(self, urns: Sequence[str]) -> None:
        """Read some resources into the state.

        Raises:
            MissingError: as for `up`.
            DeploymentError: with the engine's output.
        """
        try:
            self._selected().refresh(target=list(urns), color="never")
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None

    def _selected(self) -> automation.Stack:
        if not available():
            raise MissingError("there is no pulumi on PATH")
        variables = {BACKEND: self.backend, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        options = automation.LocalWorkspaceOptions(env_vars=variables, pulumi_command=command())
        try:
            return automation.select_stack(self._name, work_dir=str(self._root), opts=options)
        except automation.StackNotFoundError:
            raise MissingError(f"{self.backend} has no stack {self._name}") from None
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None
