"""`up` of the real Pulumi engine, with the stand-in providers attached, where the `pulumi` command is on PATH.

State goes to a folder, secrets to a passphrase, and no plugin is fetched: what the engine cannot attach to, it refuses.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType

from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.program import PROGRAM_ROOT
from engine.registration import STACK_TYPE, type_of
from engine.up import UpResult

_DEFAULT_PROVIDER = "::default_"
_OPERATIONS = {
    OpType.CREATE: "create",
    OpType.UPDATE: "update",
    OpType.REPLACE: "replace",
    OpType.DELETE: "delete",
}


def available() -> bool:
    """Whether the real engine and its Python language host are on PATH."""
    return shutil.which("pulumi") is not None and shutil.which("pulumi-language-python") is not None


class PulumiEngine:
    """The real engine over a folder of its own.

    Args:
        folder: an empty folder for project file, state and plugins.
        ports: the stand-in providers' ports by package.
    """

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._folder = folder
        state = folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        self._environment = {
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{name}:{port}" for name, port in ports.items()),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_HOME": str(folder / "home"),
        }
        self._write_project()

    def up(
        self, stack: str, config: Mapping[str, Any], *, on_step: Callable[[Step], None] = lambda step: None
    ) -> UpResult:
        """Apply the program.

        Raises:
            DeploymentError: with the engine's output.
        """
        steps: list[Step] = []

        def on_event(event: EngineEvent) -> None:
            step = _step_of(event)
            if step is not None:
                steps.append(step)
                on_step(step)

        found = self._stack(stack, config)
        try:
            result = found.up(on_event=on_event, color="never", parallel=16)
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None
        return UpResult(tuple(steps), {key: value.value for key, value in result.outputs.items()})

    def preview(self, stack: str, config: Mapping[str, Any]) -> dict[str, int]:
        """Count of planned operations.

        Raises:
            DeploymentError: with the engine's output.
        """
        try:
            summary = self._stack(stack, config).preview(color="never").change_summary
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None
        return {str(getattr(op, "value", op)): number for op, number in summary.items()}

    def destroy(self, stack: str, config: Mapping[str, Any]) -> None:
        """Delete everything of a stack.

        Raises:
            DeploymentError: with the engine's output, if anything is protected or refuses.
        """
        try:
            self._stack(stack, config).destroy(color="never", parallel=16)
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None

    def _stack(self, stack: str, config: Mapping[str, Any]) -> automation.Stack:
        text = yaml.safe_dump({"config": dict(config)}, sort_keys=False)
        settings = self._folder / f"Pulumi.{stack}.yaml"
        salt = yaml.safe_load(settings.read_text()).get("encryptionsalt") if settings.exists() else None
        settings.write_text(text if salt is None else f"encryptionsalt: {salt}\n{text}")
        options = automation.LocalWorkspaceOptions(env_vars=self._environment)
        return automation.create_or_select_stack(stack, work_dir=str(self._folder), opts=options)

    def _write_project(self) -> None:
        project = yaml.safe_load((PROGRAM_ROOT / "Pulumi.yaml").read_text())
        project["main"] = str(PROGRAM_ROOT)
        project["runtime"]["options"] = {"virtualenv": sys.prefix}
        (self._folder / "Pulumi.yaml").write_text(yaml.safe_dump(project, sort_keys=False))


def _step_of(event: EngineEvent) -> Step | None:
    if event.res_outputs_event is None:
        return None
    found = event.res_outputs_event.metadata
    op = _OPERATIONS.get(found.op)
    if op is None or type_of(found.urn) == STACK_TYPE or _DEFAULT_PROVIDER in found.urn:
        return None
    keys = tuple(sorted(found.diffs or ())) if op in ("update", "replace") else ()
    return Step(op, type_of(found.urn), found.urn.rsplit("::", 1)[-1], keys)
