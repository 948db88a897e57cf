"""The state of a stack: its resources, kept in one file that is replaced as a whole after every step."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.monitor import DeploymentError


@dataclass(kw_only=True)
class Resource:
    """One resource as the last step left it."""

    type: str
    name: str
    parent: str
    custom: bool
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    secrets: list[str] = field(default_factory=list[str])
    dependencies: list[str] = field(default_factory=list[str])
    provider: str = ""
    protect: bool = False
    retain: bool = False
    import_id: str = ""
    """The id by which the resource was adopted, which may differ from its own."""


class State:
    """A stack's resources by URN, and the operations that began and did not finish.

    As in the real engine, an operation is pending from before its call until its result is saved. After a crash between
    the two, the file names the operations whose result is unknown.

    Raises:
        DeploymentError: if the file exists and is not a state.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: dict[str, str] = {}
        self.resources: dict[str, Resource] = {}
        self.pending: dict[str, str] = {}
        if path.exists():
            self._load()

    def _load(self) -> None:
        try:
            content = json.loads(self._path.read_text())
            self.pending = {**content["pending"]}
            resources = {urn: Resource(**entry) for urn, entry in {**content["resources"]}.items()}
        except (ValueError, KeyError, TypeError) as error:
            raise DeploymentError(f"{self._path} is no state of this engine: {error!r}") from error
        for urn, resource in resources.items():
            self._keep(urn, resource)

    def begin(self, urn: str, operation: str) -> None:
        """Save that an operation is about to start."""
        self.pending[urn] = operation
        self.save()

    def end(self, urn: str, resource: Resource | None) -> None:
        """Save the result of an operation; None if the resource was deleted."""
        self.pending.pop(urn, None)
        if resource is None:
            self.resources.pop(urn, None)
            self._texts.pop(urn, None)
        else:
            self._keep(urn, resource)
        self.save()

    def touch(self, urn: str, resource: Resource) -> None:
        """Update the stored registration of a resource that did not change. It is saved with the next operation."""
        if self.resources.get(urn) != resource:
            self._keep(urn, resource)

    def save(self) -> None:
        """Replace the file atomically."""
        entries = ",\n".join(self._texts.values())
        scratch = self._path.with_suffix(".new")
        scratch.write_text(f'{{"pending": {json.dumps(self.pending)},\n"resources": {{{entries}}}}}')
        scratch.replace(self._path)

    def _keep(self, urn: str, resource: Resource) -> None:
        self.resources[urn] = resource
        self._texts[urn] = f"{json.dumps(urn)}: {json.dumps(vars(resource))}"
