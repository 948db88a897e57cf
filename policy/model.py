"""Resources and sites as plain data, and access to their inputs.

The same rules judge a recording of the program, a rendered file, an exported state and the engine's own resources. So
they read only what all of these have.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from recovery.naming import CONFIG_MAP

Built = TypeVar("Built")
STACK_TYPE = "pulumi:pulumi:Stack"


class Unknown:
    """A value that exists only after a deployment. A preview does not know it, so no rule judges it."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


def at(value: Any, *path: str | int) -> Any:
    """The value at a path of keys and indexes: None if there is none, UNKNOWN if a preview cannot know it."""
    for step in path:
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(step, int):
            value = value[step] if isinstance(value, Sequence) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource, with the inputs that the program gave it."""

    type: str
    name: str
    urn: str
    parent: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    protect: bool = False
    retained: bool = False
    """Whether Pulumi forgets the resource, and does not delete it, when the program no longer declares it."""
    adopted: bool = False
    """Whether it was imported instead of created."""
    ignored: tuple[str, ...] = ()
    """The inputs whose changes Pulumi ignores."""
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The URNs of the resources whose outputs an input uses, by input."""

    def get(self, *path: str | int) -> Any:
        """The input at a path, as in `at`."""
        return at(self.inputs, *path)

    def items(self, *path: str | int) -> list[Any]:
        """The list at a path: empty if there is none or a preview cannot know it, and of one if Pulumi flattened it."""
        value = self.get(*path)
        if value is None or value is UNKNOWN:
            return []
        return list(value) if isinstance(value, list | tuple) else [value]

    def document(self, key: str) -> Any:
        """The JSON in an input: None if there is none, UNKNOWN if a preview cannot know it."""
        text = self.get(key)
        return json.loads(text) if isinstance(text, str) else text


def table_arn(table: Any, *, region: Any, account: str) -> Any:
    """The ARN of a table that pods know by its ARN, or by its name in their own region."""
    if UNKNOWN in (table, region):
        return UNKNOWN
    return table if _is_arn(table) else f"arn:aws:dynamodb:{region}:{account}:table/{table}"


def _is_arn(table: Any) -> bool:
    return isinstance(table, str) and table.startswith("arn:")


@dataclass(frozen=True, kw_only=True)
class Site:
    """All resources of one stack."""

    resources: tuple[Resource, ...]
    secrets_key: str | None = None
    """The address of the key that encrypts the secrets of the state; None if the source does not say."""

    @cached_property
    def by_urn(self) -> dict[str, Resource]:
        """The resources by URN."""
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        groups: dict[str, list[Resource]] = {}
        for resource in self.resources:
            groups.setdefault(resource.type, []).append(resource)
        return groups

    @property
    def name(self) -> str:
        """The stack's name, which is the site's."""
        return self.resources[0].urn.split("::")[0].rpartition(":")[2]

    @property
    def region(self) -> Any:
        """The site's own region."""
        return self.setting("AWS_REGION")

    @cached_property
    def facts(self) -> Resource | None:
        """The ConfigMap with the facts of the site."""
        maps = self.of("kubernetes:core/v1:ConfigMap")
        return next((entry for entry in maps if entry.get("metadata", "name") == CONFIG_MAP), None)

    @property
    def place(self) -> Resource:
        """The resource that is shown with a fault of the site as a whole."""
        return self.facts or self.resources[0]

    @property
    def ledger_region(self) -> Any:
        """The region of the ledger's copy that the site uses."""
        table = self.setting("LEDGER_TABLE")
        return self.region if not _is_arn(table) else table.split(":")[3]

    def setting(self, key: str) -> Any:
        """A fact of the site, as its pods read it."""
        return None if self.facts is None else self.facts.get("data", key)

    def once(self, build: Callable[[Site], Built]) -> Built:
        """The result of a function of the site, computed once: an index, so that a rule takes linear time."""
        if build not in self._built:
            self._built[build] = build(self)
        return self._built[build]

    @cached_property
    def _built(self) -> dict[Callable[[Site], Any], Any]:
        return {}

    @cached_property
    def _users(self) -> dict[tuple[str, str, str], list[Resource]]:
        users: dict[tuple[str, str, str], list[Resource]] = {}
        for resource in self.resources:
            for key, urns in resource.links.items():
                for urn in urns:
                    users.setdefault((resource.type, key, urn), []).append(resource)
        return users

    def users(self, target: Resource, type_: str, key: str) -> list[Resource]:
        """The resources of a type that use a resource's outputs in an input."""
        return self._users.get((type_, key, target.urn), [])

    def of(self, *types: str) -> list[Resource]:
        """The resources of some types."""
        return [resource for type_ in types for resource in self._by_type.get(type_, ())]

    def linked(self, resource: Resource, key: str, type_: str) -> Iterator[Resource]:
        """The resources of a type whose outputs an input of a resource uses."""
        for urn in resource.links.get(key, ()):
            target = self.by_urn.get(urn)
            if target is not None and target.type == type_:
                yield target
