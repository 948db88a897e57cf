"""The order in which resources are created: whatever a resource needs comes before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from typing import Protocol


class Node(Protocol):
    """A resource as far as its order is concerned: all three name URNs."""

    @property
    def parent(self) -> str:
        """The parent's URN; empty for the stack."""
        ...

    @property
    def provider(self) -> str:
        """The provider's URN and id, joined by `::`; empty for a default provider."""
        ...

    @property
    def dependencies(self) -> Iterable[str]:
        """The URNs of the resources that it depends on."""
        ...


def dependencies_first(nodes: Mapping[str, Node]) -> list[str]:
    """The URNs of all nodes, each after its parent, its provider and its dependencies; otherwise by URN."""
    graph = {urn: [needed for needed in _needs(nodes[urn]) if needed in nodes] for urn in sorted(nodes)}
    return list(TopologicalSorter(graph).static_order())


def _needs(node: Node) -> tuple[str, ...]:
    return (node.parent, node.provider.rsplit("::", 1)[0], *node.dependencies)
