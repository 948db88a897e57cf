"""Which inputs changed, and which changes force a replacement: the rules that `lifeline diff` and the stand-ins share.

The rules are data, in `engine/rules`. Each entry names the provider's source that it was taken from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from engine.registration import PROVIDER_PREFIX, Registration


class UnknownTypeError(Exception):
    """A resource type without replacement rules or without a stand-in."""

    def __init__(self, type_: str) -> None:
        super().__init__(f"{type_}: no stand-in knows this resource type")
        self.type = type_


@cache
def rules(package: str) -> dict[str, dict[str, Any]]:
    """The rules of one package: by type (aws, random), or by `apiVersion/kind` (kubernetes)."""
    return json.loads(resources.files("engine").joinpath("rules", f"{package}.json").read_text())


def replacing_inputs(type_: str) -> frozenset[str]:
    """The inputs of a resource of AWS or of the random provider whose change forces a replacement.

    Raises:
        UnknownTypeError: if the type has no rules.
    """
    package = type_.split(":", 1)[0]
    entry = rules(package).get(type_)
    if entry is None:
        raise UnknownTypeError(type_)
    always = {"region"} if package == "aws" else set[str]()
    return frozenset(entry["keys"]) | always


def replacing_fields(api_version: str, kind: str, *, mutable_config: bool) -> frozenset[str]:
    """The fields of a Kubernetes object, as dotted paths, whose change forces a replacement.

    Args:
        api_version: the object's apiVersion.
        kind: the object's kind.
        mutable_config: the provider's `enableConfigMapMutable`: with it, a changed ConfigMap is updated in place.
    """
    table = rules("kubernetes")
    entry = table.get(f"{api_version}/{kind}", {})
    updates_in_place = entry.get("unless") == "enableConfigMapMutable" and mutable_config
    own: list[str] = [] if updates_in_place else entry.get("replaces", [])
    common: list[str] = [] if api_version == "helm.sh/v3" else table["*"]["replaces"]
    return frozenset([*common, *own])


def rules_for(registrations: Sequence[Registration]) -> Callable[[str], frozenset[str]]:
    """A function that gives the replacing inputs of a type, under the provider settings among the registrations."""
    mutable_config = any(
        entry.inputs.get("enableConfigMapMutable") in (True, "true")
        for entry in registrations
        if entry.type == f"{PROVIDER_PREFIX}kubernetes"
    )

    def replaces(type_: str) -> frozenset[str]:
        package, module, kind = type_.split(":", 2)
        if package in ("aws", "random"):
            return replacing_inputs(type_)
        if package == "kubernetes":
            return replacing_fields(module.removeprefix("core/"), kind, mutable_config=mutable_config)
        if package == "pulumi":
            return frozenset()
        raise UnknownTypeError(type_)

    return replaces


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], ignore: Iterable[str] = ()) -> list[str]:
    """The top-level inputs that differ outside the ignored paths."""
    kept = keep_ignored(old, new, ignore)
    return sorted(key for key in old.keys() | kept.keys() if old.get(key) != kept.get(key))


def keep_ignored(old: Mapping[str, Any], new: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """The new inputs, with the old values at the paths that the program ignores.

    A path is a name, or names with dots: only a part of an input may be ignored. An input that only one side has is
    ignored as a whole, too. Source: pulumi/pulumi, `pkg/resource/deploy/step_generator.go`, `processIgnoreChanges`.
    """
    kept = dict(new)
    for path in paths:
        name, _, rest = path.partition(".")
        before, after = old.get(name), kept.get(name)
        if rest and isinstance(before, dict) and isinstance(after, dict):
            kept[name] = keep_ignored(before, after, (rest,))
        elif not rest and name in old:
            kept[name] = before
        elif not rest:
            kept.pop(name, None)
    return kept


def forced_paths(old: Mapping[str, Any], new: Mapping[str, Any], replacing: frozenset[str]) -> list[str]:
    """The inputs, as dotted paths, that differ and whose change forces a replacement."""
    return sorted(path for path in replacing if _value_at(old, path) != _value_at(new, path))


def _value_at(values: Any, path: str) -> Any:
    for part in path.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
