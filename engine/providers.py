"""The providers of a deployment: one per package, and the explicit ones that the program declares."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from engine.monitor import DeploymentError, Registered
from engine.registration import PROVIDER_PREFIX, Registration
from engine.state import Resource


@dataclass(frozen=True)
class Difference:
    """A provider's comparison of old and new inputs."""

    changed: tuple[str, ...]
    replaces: tuple[str, ...]


class ProviderClient(Protocol):
    """The provider calls that the engine makes."""

    def configure(self, settings: dict[str, Any]) -> None:
        """Send the provider its settings."""
        ...

    def another(self) -> ProviderClient:
        """Another instance of the same provider, with settings of its own."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def check(self, urn: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """Validate inputs and return those that the provider accepts. Raises DeploymentError if it refuses them."""
        ...

    def diff(self, urn: str, resource: Resource, new: dict[str, Any], ignore: tuple[str, ...]) -> Difference:
        """The inputs that changed, and those of them that force a replacement."""
        ...

    def create(self, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Create a resource; its id and outputs."""
        ...

    def update(self, urn: str, resource: Resource, inputs: dict[str, Any]) -> dict[str, Any]:
        """Update a resource in place; its new outputs."""
        ...

    def delete(self, urn: str, resource: Resource) -> None:
        """Delete a resource."""
        ...

    def read(self, urn: str, id_: str) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """An existing resource by its id: its own id, its inputs and outputs; None if it does not exist."""
        ...

    def construct(self, registration: Registration, monitor: str) -> Registered:
        """Let the component's own provider build it. The provider registers the component's children."""
        ...


class Providers:
    """The clients of all providers.

    Args:
        by_package: the client of each package's default provider.
    """

    def __init__(self, by_package: Mapping[str, ProviderClient]) -> None:
        self._by_package = by_package
        self._lock = threading.Lock()
        self.declared: dict[str, ProviderClient] = {}
        """The explicit providers, by URN."""

    def declare(self, urn: str, type_: str, settings: dict[str, Any]) -> None:
        """Configure an explicit provider: another instance, with settings of its own."""
        client = self.of(type_.removeprefix(PROVIDER_PREFIX)).another()
        client.configure(settings)
        with self._lock:
            self.declared[urn] = client

    def of(self, type_: str, urn: str = "") -> ProviderClient:
        """The provider of a type: the explicit one with that URN, or the default one of the package.

        Raises:
            DeploymentError: if no stand-in serves the package.
        """
        package = type_.split(":", maxsplit=1)[0]
        if package not in self._by_package:
            raise DeploymentError(f"{type_}: no stand-in serves the package '{package}'")
        return self.declared[urn] if urn else self._by_package[package]

    def close(self) -> None:
        """Close the connections to explicit providers."""
        for client in self.declared.values():
            client.close()


def urn_of(reference: str) -> str:
    """The URN in a reference to a provider, which is `<urn>::<id>`; empty for a default provider."""
    return reference.rpartition("::")[0]
