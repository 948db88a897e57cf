"""The steps between two recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from engine.deployment import Step
from engine.order import dependencies_first
from engine.registration import Registration
from engine.replacement import changed_keys, forced_paths, keep_ignored, rules_for


def steps_between(before: Sequence[Registration], after: Sequence[Registration]) -> list[Step]:
    """Every step, in an order in which an engine could take it: dependencies first, deletes last."""
    replaces = rules_for(after)
    old = {entry.urn: entry for entry in before}
    new = {entry.urn: entry for entry in after}
    steps = [step for entry in in_order(after) for step in _step(old.get(entry.urn), entry, replaces)]
    gone = [entry for entry in reversed(in_order(before)) if entry.urn not in new]
    return steps + [Step("forget" if entry.retain_on_delete else "delete", entry.type, entry.name) for entry in gone]


def in_order(registrations: Sequence[Registration]) -> list[Registration]:
    """The registrations in an order in which an engine could create them."""
    by_urn = {entry.urn: entry for entry in registrations}
    return [by_urn[urn] for urn in dependencies_first(by_urn)]


def _step(old: Registration | None, new: Registration, replaces: Callable[[str], frozenset[str]]) -> Iterator[Step]:
    if old is None:
        yield Step("import" if new.import_id else "create", new.type, new.name)
        return
    if not new.custom:
        return
    inputs = keep_ignored(old.inputs, new.inputs, new.ignore_changes)
    changed = tuple(changed_keys(old.inputs, inputs))
    if changed:
        forced = forced_paths(old.inputs, inputs, replaces(new.type) | set(new.replace_on_changes))
        yield Step("replace" if forced else "update", new.type, new.name, changed)
