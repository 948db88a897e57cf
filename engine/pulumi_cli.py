"""`up` of the real Pulumi engine, with the stand-in providers attached.

State is kept in a folder, secrets are encrypted with a passphrase, and the engine downloads no plugin: it refuses a
resource whose provider is not attached.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation
from pulumi.automation.events import EngineEvent, OpType

from engine import wire
from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.registration import STACK_TYPE, type_of
from engine.root import PROGRAM_ROOT
from engine.state import Resource
from engine.up import UpResult
from recovery.naming import state_key

_DEFAULT_PROVIDER = "::default_"
_OPERATIONS = {
    OpType.CREATE: "create",
    OpType.UPDATE: "update",
    OpType.REPLACE: "replace",
    OpType.DELETE: "delete",
    OpType.IMPORT: "import",
}


COMMANDS = ("pulumi", "pulumi-language-python")
"""The engine, and the language host that it starts the program with."""
BUILT = PROGRAM_ROOT / ".engine"
"""The folder that `make engine` builds into; both commands are in its folder `bin`."""


def available() -> bool:
    """Whether the real engine can be run: its commands are on PATH, or `make engine` has built it."""
    return _on_path() or all((BUILT / "bin" / name).is_file() for name in COMMANDS)


def command() -> automation.PulumiCommand:
    """The real engine: the one on PATH, or else the one that `make engine` has built."""
    return automation.PulumiCommand(root=None if _on_path() else str(BUILT))


def environment(folder: Path) -> dict[str, str]:
    """The variables under which the engine keeps its state in a folder, and downloads nothing."""
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    return {
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_HOME": str(folder / "home"),
    }


def _on_path() -> bool:
    return all(shutil.which(name) for name in COMMANDS)


class PulumiEngine:
    """The real engine over a folder of its own.

    Args:
        folder: an empty folder for project file, state and plugins.
        ports: the stand-in providers' ports by package.
    """

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self.folder = folder
        self._command = command()
        debugged = ",".join(f"{name}:{port}" for name, port in ports.items())
        self.environment = {**environment(folder), "PULUMI_DEBUG_PROVIDERS": debugged}
        self._write_project()

    def up(
        self, stack: str, config: Mapping[str, Any], *, on_step: Callable[[Step], None] = lambda step: None
    ) -> UpResult:
        """Apply the program.

        Raises:
            DeploymentError: with the engine's output.
        """
        return deployed(self._stack(stack, config), on_step=on_step, parallel=16)

    def preview(self, stack: str, config: Mapping[str, Any], *, policy_packs: Sequence[Path] = ()) -> dict[str, int]:
        """The number of planned operations of each kind.

        Args:
            stack: the stack's name.
            config: values by full key.
            policy_packs: folders of policy packs that the plan must pass.

        Raises:
            DeploymentError: with the engine's output, if the program fails or a policy refuses.
        """
        packs = [str(folder) for folder in policy_packs] or None
        try:
            summary = self._stack(stack, config).preview(color="never", policy_packs=packs).change_summary
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None
        return {str(getattr(op, "value", op)): number for op, number in summary.items()}

    def judged(self, stack: str, config: Mapping[str, Any], *, policy_pack: Path) -> set[tuple[str, str, str]]:
        """The findings of a policy pack on a preview: the policy, the resource's URN and the message.

        Raises:
            DeploymentError: with the engine's output, if the program or the pack fails.
        """
        findings: set[tuple[str, str, str]] = set()

        def on_event(event: EngineEvent) -> None:
            if (violation := event.policy_event) is not None:
                findings.add((violation.policy_name, violation.resource_urn or "", violation.message.strip()))

        target = self._stack(stack, config)
        try:
            target.preview(color="never", policy_packs=[str(policy_pack)], on_event=on_event)
        except automation.CommandError as error:
            if not findings:
                raise DeploymentError(str(error)) from None
        return findings

    def analyzed(self, export: Path, *, policy_pack: Path) -> set[tuple[str, str, str]]:
        """The findings of a policy pack on an exported state, without a backend: as `judged`.

        Raises:
            DeploymentError: with the engine's output, if the pack fails.
        """
        lines: list[str] = []
        words = ["policy", "analyze", "--file", str(export), "--policy-pack", str(policy_pack), "--json"]
        try:
            self._command.run(words, str(self.folder), self.environment, on_output=lines.append)
        except automation.CommandError as error:
            if not any("policyEvent" in line for line in lines):
                raise DeploymentError(str(error)) from None
        events = [json.loads(line)["policyEvent"] for line in lines if '"policyEvent"' in line]
        return {(event["policyName"], event.get("resourceUrn", ""), event["message"].strip()) for event in events}

    def destroy(self, stack: str, config: Mapping[str, Any]) -> None:
        """Delete everything of a stack.

        Raises:
            DeploymentError: with the engine's output, if anything is protected or refuses.
        """
        try:
            self._stack(stack, config).destroy(color="never", parallel=16)
        except automation.CommandError as error:
            raise DeploymentError(str(error)) from None

    def checkpoint(self, stack: str) -> str:
        """The state of a stack as the backend stores it."""
        return (self.folder / "state" / state_key(stack)).read_text()

    def resources(self, stack: str) -> dict[str, Resource]:
        """The resources in the state of a stack that exists, by URN."""
        target = automation.select_stack(stack, work_dir=str(self.folder), opts=self._options())
        deployment = target.export_stack().deployment or {}
        entries = deployment.get("resources", [])
        return {entry["urn"]: _resource(entry) for entry in entries}

    def _options(self) -> automation.LocalWorkspaceOptions:
        return automation.LocalWorkspaceOptions(env_vars=self.environment, pulumi_command=self._command)

    def write(self, stack: str, config: Mapping[str, Any]) -> None:
        """Write the stack file."""
        text = yaml.safe_dump({"config": dict(config)}, sort_keys=False)
        settings = self.folder / f"Pulumi.{stack}.yaml"
        salt = yaml.safe_load(settings.read_text()).get("encryptionsalt") if settings.exists() else None
        settings.write_text(text if salt is None else f"encryptionsalt: {salt}\n{text}")

    def _stack(self, stack: str, config: Mapping[str, Any]) -> automation.Stack:
        self.write(stack, config)
        return automation.create_or_select_stack(stack, work_dir=str(self.folder), opts=self._options())

    def _write_project(self) -> None:
        project = yaml.safe_load((PROGRAM_ROOT / "Pulumi.yaml").read_text())
        project["main"] = str(PROGRAM_ROOT)
        project["runtime"]["options"] = {"virtualenv": sys.prefix}
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project, sort_keys=False))


def deployed(target: automation.Stack, *, on_step: Callable[[Step], None], **more: Any) -> UpResult:
    """Run `pulumi up` for a stack.

    Args:
        target: the stack.
        on_step: called after each step.
        more: arguments of `automation.Stack.up`.

    Raises:
        DeploymentError: with the engine's output.
    """
    steps: list[Step] = []

    def on_event(event: EngineEvent) -> None:
        if (step := step_of(event)) is not None:
            steps.append(step)
            on_step(step)

    try:
        result = target.up(on_event=on_event, color="never", **more)
    except automation.CommandError as error:
        raise DeploymentError(str(error)) from None
    return UpResult(tuple(steps), {key: value.value for key, value in result.outputs.items()})


def _resource(entry: Mapping[str, Any]) -> Resource:
    """One entry of an exported state. The values of secrets stay encrypted."""
    inputs, outputs = entry.get("inputs", {}), entry.get("outputs", {})
    secrets = {key for values in (inputs, outputs) for key, value in values.items() if wire.holds_secret(value)}
    return Resource(
        type=entry["type"],
        name=entry["urn"].rsplit("::", 1)[-1],
        parent=entry.get("parent", ""),
        custom=entry["custom"],
        id=entry.get("id", ""),
        inputs=inputs,
        outputs=outputs,
        secrets=sorted(secrets),
        dependencies=entry.get("dependencies", []),
        provider=entry.get("provider", ""),
        protect=entry.get("protect", False),
        retain=entry.get("retainOnDelete", False),
        import_id=entry.get("importID", ""),
    )


def step_of(event: EngineEvent) -> Step | None:
    """The step that an event reports the end of; None for another event."""
    if event.res_outputs_event is None:
        return None
    metadata = event.res_outputs_event.metadata
    op = _OPERATIONS.get(metadata.op)
    if op is None or type_of(metadata.urn) == STACK_TYPE or _DEFAULT_PROVIDER in metadata.urn:
        return None
    if op == "delete" and metadata.old is not None and metadata.old.retain_on_delete:
        op = "forget"
    keys = tuple(sorted(metadata.diffs or ())) if op in ("update", "replace") else ()
    return Step(op, type_of(metadata.urn), metadata.urn.rsplit("::", 1)[-1], keys)
