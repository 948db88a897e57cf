"""What a stand-in needs from the world, and what it offers to the provider protocol.

A `Backend` is plain Python; `rehearsal.providers.server` puts it behind Pulumi's gRPC service.
"""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

Plain = dict[str, Any]
"""Property values after unwrapping: what JSON can hold."""


class Unsupported(Exception):  # noqa: N818 - reads as what is the case
    """A change that the stand-in does not make, or that AWS refuses."""


class Backend(Protocol):
    """One provider, without the wire."""

    def configure(self, settings: Plain) -> None:
        """Take the provider's own settings, before any other call."""
        ...

    def check(self, type_: str, inputs: Plain) -> list[tuple[str, str]]:
        """(property, reason) for each input that is refused. Raises UnknownTypeError."""
        ...

    def replaces(self, type_: str) -> frozenset[str]:
        """The inputs, as dotted paths, whose change replaces the resource. Raises UnknownTypeError."""
        ...

    def create(self, type_: str, urn: str, inputs: Plain) -> tuple[str, Plain]:
        """Make the resource; its id and outputs."""
        ...

    def update(self, type_: str, urn: str, id_: str, old_inputs: Plain, inputs: Plain, outputs: Plain) -> Plain:
        """Change the resource in place; its new outputs."""
        ...

    def delete(self, type_: str, urn: str, id_: str, outputs: Plain) -> None:
        """Remove the resource; one that is gone already is no error."""
        ...

    def read(self, type_: str, urn: str, id_: str, outputs: Plain) -> Plain | None:
        """The resource as it is now, or None if it is gone."""
        ...


class Effects(Protocol):
    """Told of each change after it succeeded: the world starts a server for a database, promotes it, and so on."""

    def created(self, type_: str, region: str, id_: str, inputs: Plain, outputs: Plain) -> None: ...

    def updated(self, type_: str, region: str, id_: str, old_inputs: Plain, inputs: Plain, outputs: Plain) -> None: ...

    def deleted(self, type_: str, region: str, id_: str, outputs: Plain) -> None: ...


class NoEffects:
    """A world in which nothing follows."""

    def created(self, type_: str, region: str, id_: str, inputs: Plain, outputs: Plain) -> None: ...

    def updated(self, type_: str, region: str, id_: str, old_inputs: Plain, inputs: Plain, outputs: Plain) -> None: ...

    def deleted(self, type_: str, region: str, id_: str, outputs: Plain) -> None: ...


class FaultSwitch(Protocol):
    """Decides whether a call of a service in a region is answered; raises if it is not."""

    def check(self, service: str, region: str, operation: str = "") -> None: ...


class NoFaults:
    """A world in which everything answers."""

    def check(self, service: str, region: str, operation: str = "") -> None: ...


def digest(text: str, length: int) -> str:
    """The first hexadecimal digits of a SHA-256: stable where AWS would draw at random."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def auto_name(urn: str, prefix: str | None = None) -> str:
    """The physical name of a resource that was given none: logical name (or prefix) and seven digits of its URN."""
    stem = f"{urn.rsplit('::', 1)[-1]}-" if prefix is None else prefix
    return stem + digest(urn, 7)
