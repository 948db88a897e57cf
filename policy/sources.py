"""Sites from a recording, from the file of `lifeline render`, and from an exported state.

A file that is cut off, empty or made by another program is refused: a rule that finds nothing to judge would pass it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from engine.deployment import Step
from engine.registration import PROVIDER_PREFIX, STACK_TYPE, Registration
from policy.model import UNKNOWN, Resource, Site, at
from recovery.naming import CONFIG_MAP

MOST_BYTES = 64 * 1024 * 1024
"""A site of a thousand workloads is a few megabytes."""
DEEPEST = 60
_T = TypeVar("_T")
_CIPHERTEXT = "1b47061264138c4ac30d75fd1eb44270"
"""Marks a secret in a state. Source: pulumi/pulumi, sdk/go/common/resource/sig, `Secret`."""


class SourceError(Exception):
    """An input that cannot be judged."""


class _Entry(BaseModel):
    """One resource in a rendered file."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    type: str = Field(min_length=3)
    name: str = Field(min_length=1)
    urn: str = Field(pattern=r"^urn:pulumi:[^:]+::[^:]+::.+::.+$")
    parent: str
    inputs: dict[str, Any]
    protect: bool
    retain: bool = False
    adopted: bool = False
    ignored: list[str] = Field(default_factory=list[str])
    dependencies: list[str]
    links: dict[str, list[str]]


def from_registrations(registrations: Iterable[Registration], *, secrets_key: str | None = None) -> Site:
    """A recorded site, with the key of its stack file if that is known."""
    resources = (
        Resource(
            type=entry.type,
            name=entry.name,
            urn=entry.urn,
            parent=entry.parent,
            inputs=entry.printable_inputs(),
            protect=entry.protect,
            retained=entry.retain_on_delete,
            adopted=bool(entry.import_id),
            ignored=entry.ignore_changes,
            links=entry.links,
        )
        for entry in registrations
        if entry.type != STACK_TYPE
    )
    return _checked(resources, secrets_key=secrets_key)


class _Step(BaseModel):
    """One step in a file of `lifeline diff --json`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    op: Literal["create", "import", "update", "replace", "delete", "forget"]
    type: str = Field(min_length=3)
    name: str = Field(min_length=1)
    keys: list[str]


def steps_from_file(path: Path) -> list[Step]:
    """The steps in a file of `lifeline diff --json`. It may have none.

    Raises:
        SourceError: if the file is no such file, or not all of one.
    """
    steps = _validated(list[_Step], _content(path), path)
    return [Step(step.op, step.type, step.name, tuple(step.keys)) for step in steps]


def from_file(path: Path) -> Site:
    """A site from the JSON of `lifeline render` or of `pulumi stack export`.

    Raises:
        SourceError: if the file is no such file, or not all of one.
    """
    content = _content(path)
    if isinstance(content, Mapping):
        return _checked(_exported(content, path), path, secrets_key=_secrets_key(content))
    return _checked(_rendered(content, path), path)


def _content(path: Path) -> Any:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise SourceError(f"{path} has {size} bytes, expected at most {MOST_BYTES}")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not complete JSON: {error}") from None


def _validated(shape: type[list[_T]], content: Any, path: Path) -> list[_T]:
    try:
        return pydantic.TypeAdapter(shape).validate_python(content)
    except pydantic.ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
        raise SourceError(f"{path}{place}: {detail['msg'].lower()}") from None


def _rendered(content: Any, path: Path) -> list[Resource]:
    return [
        Resource(
            type=entry.type,
            name=entry.name,
            urn=entry.urn,
            parent=entry.parent,
            inputs=entry.inputs,
            protect=entry.protect,
            retained=entry.retain,
            adopted=entry.adopted,
            ignored=tuple(entry.ignored),
            links={key: tuple(urns) for key, urns in entry.links.items()},
        )
        for entry in _validated(list[_Entry], content, path)
    ]


def _exported(content: Mapping[str, Any], path: Path) -> list[Resource]:
    try:
        entries = content["deployment"]["resources"]
        return [
            Resource(
                type=entry["type"],
                name=entry["urn"].rpartition("::")[2],
                urn=entry["urn"],
                parent=entry.get("parent", ""),
                inputs=_readable(entry.get("inputs", {})),
                protect=entry.get("protect", False),
                retained=entry.get("retainOnDelete", False),
                adopted=bool(entry.get("importID")),
                ignored=tuple(entry.get("ignoreChanges") or ()),
                links={key: tuple(urns or ()) for key, urns in (entry.get("propertyDependencies") or {}).items()},
            )
            for entry in entries
            if entry["type"] != STACK_TYPE and not entry["type"].startswith(PROVIDER_PREFIX)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{path} is not an exported stack: {error!r}") from None


def _secrets_key(content: Mapping[str, Any]) -> str | None:
    """The key in a state, which is absent under a passphrase. Source: pulumi/pulumi, `apitype.DeploymentV3`."""
    url = at(content, "deployment", "secrets_providers", "state", "url")
    return url if isinstance(url, str) else None


def _readable(value: Any) -> Any:
    """A value of a state, in which a secret is one word. Providers' own keys, which begin with two underscores, go."""
    if isinstance(value, Mapping):
        if _CIPHERTEXT in value.values():
            return "[secret]"
        return {key: _readable(entry) for key, entry in value.items() if not str(key).startswith("__")}
    return [_readable(entry) for entry in value] if isinstance(value, list) else value


def _checked(resources: Iterable[Resource], path: Path | None = None, *, secrets_key: str | None = None) -> Site:
    """A site that is whole: it has its settings, one stack, and every resource that another one names."""
    name = str(path) if path else "the site"
    site = Site(resources=tuple(resources), secrets_key=secrets_key)
    if not site.resources:
        raise SourceError(f"{name} has no resources")
    stacks = {resource.urn.split("::")[0] for resource in site.resources}
    if len(stacks) > 1:
        raise SourceError(f"{name} has resources of {len(stacks)} stacks, expected 1")
    if len(site.by_urn) != len(site.resources):
        raise SourceError(f"{name} has a resource twice")
    named = {urn for entry in site.resources for urns in entry.links.values() for urn in urns}
    named |= {entry.parent for entry in site.resources if entry.parent}
    missing = sorted(urn for urn in named - site.by_urn.keys() if f"::{STACK_TYPE}::" not in urn and not _provider(urn))
    if missing:
        raise SourceError(f"{name} is cut off: it lacks {missing[0]}, which another resource names")
    if site.region in (None, UNKNOWN):
        raise SourceError(f"{name} has no ConfigMap {CONFIG_MAP}, expected a whole site")
    for resource in site.resources:
        if _depth(resource.inputs) > DEEPEST:
            raise SourceError(f"{resource.name} of {name} is nested deeper than {DEEPEST} levels")
    return site


def _provider(urn: str) -> bool:
    return PROVIDER_PREFIX in urn


def _depth(value: Any) -> int:
    """The levels of a value, counted without recursion: a hostile file is deep."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        current, level = waiting.pop()
        deepest = max(deepest, level)
        children = current.values() if isinstance(current, Mapping) else current if isinstance(current, list) else ()
        waiting += [(child, level + 1) for child in children]
    return deepest
