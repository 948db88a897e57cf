"""The resources of the account as the program has declared them, for the ways that requests take through them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """One resource of AWS."""

    type: str
    id: str
    inputs: Plain
    outputs: Plain
    region: str = ""

    @property
    def name(self) -> str:
        """The name that its owner gave it in a tag; its id without one."""
        return str(self.inputs.get("tags", {}).get("Name", self.id))


class _Kind:
    """The resources of one type. It never changes, so a reader needs no lock, for which many threads would queue."""

    def __init__(self, entries: Mapping[tuple[str, str], Resource]) -> None:
        self.entries = entries
        self._found: dict[tuple[tuple[str, Any], ...], tuple[Resource, ...]] = {}

    def find(self, inputs: Plain) -> tuple[Resource, ...]:
        """Those that have some inputs. Each request asks for the same ones."""
        asked = tuple(inputs.items())
        if asked not in self._found:
            self._found[asked] = tuple(
                entry for entry in self.entries.values() if all(entry.inputs.get(key) == value for key, value in asked)
            )
        return self._found[asked]


class Declared:
    """Every resource that exists, as the account's effects report them. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, _Kind] = {}
        self.changes = 0
        """The number of changes so far, for a caller that keeps what it has found until the next one."""

    def changed(self, type_: str, id_: str, inputs: Plain, outputs: Plain, region: str = "") -> None:
        """Note a resource that was created or updated. Two regions may have resources with the same id."""
        with self._lock:
            self.changes += 1
            changed = Resource(type_, id_, inputs, outputs, region)
            self._kinds[type_] = _Kind({**self._entries(type_), (region, id_): changed})

    def deleted(self, type_: str, id_: str, region: str = "") -> None:
        """Forget a resource."""
        with self._lock:
            self.changes += 1
            left = {key: entry for key, entry in self._entries(type_).items() if key != (region, id_)}
            self._kinds[type_] = _Kind(left)

    def of(self, type_: str, **inputs: Any) -> tuple[Resource, ...]:
        """The resources of a type that have some inputs."""
        kind = self._kinds.get(type_)
        return kind.find(inputs) if kind else ()

    def get(self, type_: str, id_: str) -> Resource | None:
        """The resource of a type with an id that only one region has."""
        return next((entry for (_, own), entry in self._entries(type_).items() if own == id_), None)

    def _entries(self, type_: str) -> Mapping[tuple[str, str], Resource]:
        kind = self._kinds.get(type_)
        return kind.entries if kind else {}
