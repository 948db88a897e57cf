"""The state of a stack: its resources, kept in one file to which every step adds a line.

A site has some hundred resources. To write them all after each step took a third of the time of a deployment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
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

    Each line of the file has the pending operations and the resources that changed, None for one that was deleted. The
    first one has the whole state. A last line without an end was being written in a crash, and does not count.

    Raises:
        DeploymentError: if the file exists and is not a state.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed: set[str] = set()
        """The URNs whose resource is not in the file yet as it is now."""
        self._continues = False
        """Whether the file has the rest of the state, so that a line can be added."""
        self.resources: dict[str, Resource] = {}
        self.pending: dict[str, str] = {}
        if path.exists():
            self._load()

    def _load(self) -> None:
        try:
            whole, *lines = self._path.read_text().split("\n")[:-1]  # a ValueError if not even the first one has an end
            for line in map(json.loads, (whole, *lines)):
                self.pending = {**line["pending"]}
                for urn, entry in {**line["resources"]}.items():
                    self._keep(urn, None if entry is None else Resource(**entry))
        except (ValueError, KeyError, TypeError) as error:
            raise DeploymentError(f"{self._path} is no state of this engine: {error!r}") from error

    def begin(self, urn: str, operation: str) -> None:
        """Save that an operation is about to start."""
        self.pending[urn] = operation
        self.save()

    def end(self, urn: str, resource: Resource | None) -> None:
        """Save the result of an operation; None if the resource was deleted."""
        self.pending.pop(urn, None)
        self._keep(urn, resource)
        self.save()

    def touch(self, urn: str, resource: Resource) -> None:
        """Update the stored registration of a resource that did not change. It is saved with the next operation."""
        if self.resources.get(urn) != resource:
            self._keep(urn, resource)

    def save(self) -> None:
        """Add what changed to the file. The first time, replace the file by the whole state, atomically."""
        continues, self._continues = self._continues, False  # if this fails, the next time writes everything
        if continues:
            with self._path.open("a") as file:
                file.write(self._line(self._changed))
        else:
            scratch = self._path.with_suffix(".new")
            scratch.write_text(self._line(self.resources))
            scratch.replace(self._path)
        self._changed.clear()
        self._continues = True

    def _keep(self, urn: str, resource: Resource | None) -> None:
        self._changed.add(urn)
        if resource is None:
            self.resources.pop(urn, None)
        else:
            self.resources[urn] = resource

    def _line(self, urns: Iterable[str]) -> str:
        resources = {urn: vars(self.resources[urn]) if urn in self.resources else None for urn in urns}
        return f"{json.dumps({'pending': self.pending, 'resources': resources})}\n"
