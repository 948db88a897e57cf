"""What a deployment has made, kept in one file that is replaced as a whole after every step."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


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
    output_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    provider: str = ""
    protect: bool = False
    retain: bool = False


class State:
    """A stack's resources by URN, and the operations that were begun and not seen to end.

    An operation is written down before its call and struck out with its result, as the real engine does: after a crash
    between the two, the file says what is uncertain.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.resources: dict[str, Resource] = {}
        self.pending: dict[str, str] = {}
        if path.exists():
            content = json.loads(path.read_text())
            self.resources = {urn: Resource(**entry) for urn, entry in content["resources"].items()}
            self.pending = content["pending"]

    def begin(self, urn: str, operation: str) -> None:
        """Write down that an operation is about to be tried."""
        self.pending[urn] = operation
        self.save()

    def end(self, urn: str, resource: Resource | None) -> None:
        """Write down an operation's result; None stands for a deleted resource."""
        self.pending.pop(urn, None)
        if resource is None:
            self.resources.pop(urn, None)
        else:
            self.resources[urn] = resource
        self.save()

    def save(self) -> None:
        """Replace the file in one step."""
        content = {
            "resources": {urn: asdict(resource) for urn, resource in self.resources.items()},
            "pending": self.pending,
        }
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps(content))
        os.replace(scratch, self._path)
