"""The steps from one state of a site to another, from their inputs alone."""

from __future__ import annotations

from collections.abc import Iterator

from engine.deployment import Step
from engine.replacement import (
    UnknownTypeError,
    changed_keys,
    forced_paths,
    keep_ignored,
    replacing_fields,
    replacing_inputs,
)
from policy.model import Resource, Site


class ChangeError(Exception):
    """Two states that cannot be compared."""


def steps_of(before: Site, after: Site) -> list[Step]:
    """The steps that an engine would take. Both states must be rendered, or both exported.

    Raises:
        ChangeError: if they are two sites, or a changed resource is of an unknown type.
    """
    if before.name != after.name:
        raise ChangeError(f"the state before is of {before.name}, the one after of {after.name}")
    steps = [step for entry in after.resources for step in _step(before.by_urn.get(entry.urn), entry)]
    gone = [entry for entry in before.resources if entry.urn not in after.by_urn]
    return steps + [Step("forget" if entry.retained else "delete", entry.type, entry.name) for entry in gone]


def _step(old: Resource | None, new: Resource) -> Iterator[Step]:
    if old is None:
        yield Step("import" if new.adopted else "create", new.type, new.name)
        return
    inputs = keep_ignored(dict(old.inputs), dict(new.inputs), new.ignored)
    changed = changed_keys(dict(old.inputs), inputs)
    if changed:
        forced = forced_paths(dict(old.inputs), inputs, _replacing(new.type))
        yield Step("replace" if forced else "update", new.type, new.name, tuple(changed))


def _replacing(type_: str) -> frozenset[str]:
    package, module, kind = type_.split(":", 2)
    if package == "kubernetes":
        # The program lets the provider change a ConfigMap in place.
        return replacing_fields(module.removeprefix("core/"), kind, mutable_config=True)
    if package not in ("aws", "random"):
        return frozenset()  # a provider, or a component, whose children are compared besides
    try:
        return replacing_inputs(type_)
    except UnknownTypeError:
        raise ChangeError(f"engine/rules says nothing about {type_}: a replacement would be missed") from None
