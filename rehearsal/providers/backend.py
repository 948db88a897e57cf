"""The interface between a stand-in and the provider protocol, and between a stand-in and the offline world.

A `Backend` is plain Python. `rehearsal.providers.server` serves it over Pulumi's gRPC protocol.
"""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

Plain = dict[str, Any]
"""Plain property values, as JSON has them."""


class UnsupportedError(Exception):
    """A change that the stand-in does not implement, or that AWS refuses."""


class Backend(Protocol):
    """One provider, independent of the wire protocol."""

    def configured(self, settings: Plain) -> Backend:
        """The same provider with its own settings."""
        ...

    def check(self, type_: str, inputs: Plain) -> list[tuple[str, str]]:
        """(property, reason) for each input that is refused. Raises UnknownTypeError."""
        ...

    def replaces(self, type_: str) -> frozenset[str]:
        """The inputs, as dotted paths, whose change replaces the resource. Raises UnknownTypeError."""
        ...

    def create(self, type_: str, urn: str, inputs: Plain) -> tuple[str, Plain]:
        """Create the resource; its id and outputs."""
        ...

    def update(self, type_: str, urn: str, id_: str, old_inputs: Plain, inputs: Plain, outputs: Plain) -> Plain:
        """Update the resource in place; its new outputs."""
        ...

    def delete(self, type_: str, urn: str, id_: str, outputs: Plain) -> None:
        """Delete the resource. A missing resource is no error."""
        ...

    def read(self, type_: str, urn: str, id_: str, outputs: Plain) -> Plain | None:
        """The current resource, or None if it does not exist."""
        ...

    def find(self, type_: str, urn: str, id_: str) -> tuple[Plain, Plain] | None:
        """The inputs and outputs of a resource that no state has, by its id, or None if it does not exist."""
        ...


class NoImports:
    """A provider that adopts no existing resource."""

    def find(self, type_: str, urn: str, id_: str) -> tuple[Plain, Plain] | None:
        """Refuse. Raises UnsupportedError."""
        raise UnsupportedError(f"{type_}: the stand-in cannot import {id_}")


class Effects(Protocol):
    """Called after each successful change.

    The world reacts: it starts a server for a database, promotes it, and so on.
    """

    def created(self, type_: str, region: str, id_: str, inputs: Plain, outputs: Plain) -> None: ...

    def updated(self, type_: str, region: str, id_: str, old_inputs: Plain, inputs: Plain, outputs: Plain) -> None: ...

    def deleted(self, type_: str, region: str, id_: str, outputs: Plain) -> None: ...


class NoEffects:
    """A world that does not react."""

    def created(self, type_: str, region: str, id_: str, inputs: Plain, outputs: Plain) -> None: ...

    def updated(self, type_: str, region: str, id_: str, old_inputs: Plain, inputs: Plain, outputs: Plain) -> None: ...

    def deleted(self, type_: str, region: str, id_: str, outputs: Plain) -> None: ...


class Faults(Protocol):
    """Decides whether a call of a service in a region is answered, and raises an error if it is not."""

    def check(self, service: str, region: str, operation: str = "") -> None: ...


class NoFaults:
    """A world without faults."""

    def check(self, service: str, region: str, operation: str = "") -> None: ...


def digest(text: str, length: int) -> str:
    """The first hexadecimal digits of a SHA-256: deterministic where AWS generates random text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def auto_name(urn: str, prefix: str | None = None) -> str:
    """The physical name of an unnamed resource: its logical name (or prefix) and seven digits of its URN."""
    stem = f"{urn.rsplit('::', 1)[-1]}-" if prefix is None else prefix
    return stem + digest(urn, 7)
