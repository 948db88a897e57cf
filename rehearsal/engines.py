"""The engines that a rehearsal can use: the in-process one, and the real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from engine import up as in_process
from engine import wire
from engine.deployment import Step
from engine.pulumi_cli import PulumiEngine
from engine.state import Resource, State
from engine.up import UpResult
from engine.warm import Warm


class Engine(Protocol):
    """The engine of one stack."""

    def up(
        self, stack: str, config: Mapping[str, Any], *, on_step: Callable[[Step], None] = lambda step: None
    ) -> UpResult:
        """Apply the program."""
        ...

    def resources(self, stack: str) -> dict[str, Resource]:
        """The resources in a stack's state, by URN."""
        ...

    def checkpoint(self, stack: str) -> str:
        """A stack's state as a self-managed backend stores it."""
        ...


class InProcessEngine:
    """The in-process engine."""

    def __init__(self, folder: Path, ports: Mapping[str, int], programs: Warm) -> None:
        self._folder, self._ports, self._programs = folder, ports, programs
        folder.mkdir(parents=True, exist_ok=True)

    def up(
        self, stack: str, config: Mapping[str, Any], *, on_step: Callable[[Step], None] = lambda step: None
    ) -> UpResult:
        """Apply the program."""
        return in_process.up(
            stack,
            config,
            state_file=self._folder / f"{stack}.json",
            ports=self._ports,
            programs=self._programs,
            on_step=on_step,
        )

    def resources(self, stack: str) -> dict[str, Resource]:
        """The resources in a stack's state, by URN."""
        return State(self._folder / f"{stack}.json").resources

    def checkpoint(self, stack: str) -> str:
        """A stack's state in the real engine's format, as far as the export reads it."""
        resources = [
            {"urn": urn, "type": resource.type, "id": resource.id, "inputs": _encrypted(resource)}
            for urn, resource in self.resources(stack).items()
        ]
        return json.dumps({"version": 3, "checkpoint": {"stack": stack, "latest": {"resources": resources}}})


def _encrypted(resource: Resource) -> dict[str, Any]:
    """A resource's inputs with a placeholder for each value that the real engine encrypts."""
    cipher = {wire.SIGNATURE: wire.SECRET, "ciphertext": "v1:offline"}
    return {key: cipher if key in resource.secrets else value for key, value in resource.inputs.items()}


ENGINES: dict[str, Callable[[Path, Mapping[str, int], Warm], Engine]] = {
    "in-process": InProcessEngine,
    "pulumi": lambda folder, ports, _: PulumiEngine(folder, ports),
}
