"""Each rule's cases in words, from the mutations: `python -m tests.policy.cases` writes policy/cases.json.

A case is a value that keeps the rule, the value that breaks it, and the outage that would follow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from engine.deployment import Step
from policy.cases import FILE
from policy.model import Resource, Site
from tests.policy.draft import changed, clean
from tests.policy.mutations.catalogue import MUTATIONS
from tests.policy.mutations.changes import CHANGES
from tests.policy.mutations.steps import STEPS, failover

LONGEST = 70
Pair = tuple[str, str]


def cases() -> dict[str, list[dict[str, str]]]:
    """The cases by rule."""
    entries = [
        (entry.rule, entry.outage, _first(of_sites(clean(entry.stack), changed(entry.stack, entry.change))))
        for entry in MUTATIONS
    ]
    entries += [(entry.rule, entry.outage, of_steps(failover(), entry.change(failover()))) for entry in STEPS]
    for entry in CHANGES:
        site = changed(entry.stack, entry.change, entry.after)
        entries.append((entry.rule, entry.outage, _first(of_sites(clean(entry.stack, entry.after), site))))
    result: dict[str, list[dict[str, str]]] = {}
    for rule, outage, (keeps, breaks) in entries:
        result.setdefault(rule, []).append({"keeps": keeps, "breaks": breaks, "outage": outage})
    return dict(sorted(result.items()))


def _first(differences: Iterator[Pair]) -> Pair:
    return next(differences)


def of_sites(before: Site, after: Site) -> Iterator[Pair]:
    """The differences of two states of a site, in words."""
    if before.secrets_key != after.secrets_key:
        yield f"`secretsprovider: {before.secrets_key}`", f"`secretsprovider: {after.secrets_key}`"
    for old in before.resources:
        new = after.by_urn.get(old.urn)
        if new is None:
            yield f"`{old.name}` is declared", "it is not declared"
        else:
            yield from _of_resource(old, new)
    for new in after.resources:
        if new.urn not in before.by_urn:
            yield f"`{new.name.removesuffix('-2')}` is declared once", f"`{new.name}` is declared too"


def _of_resource(old: Resource, new: Resource) -> Iterator[Pair]:
    if old.protect != new.protect:
        yield f"`{old.name}`: `protect: {_shown(old.protect)}`", f"`protect: {_shown(new.protect)}`"
    # Most resources are untouched, and shared.
    inputs = iter(()) if old.inputs is new.inputs else _differences(dict(old.inputs), dict(new.inputs))
    for path, first, last in inputs:
        yield f"`{old.name}`: `{path}: {_shown(first)}`", f"`{path}: {_shown(last)}`"
    for key in sorted({*old.links, *new.links}):
        first, last = (_names(entry.links.get(key, ())) for entry in (old, new))
        if first != last:
            yield f"`{old.name}`: `{key}` of {first}", f"`{key}` of {last}"


def _names(urns: Sequence[str]) -> str:
    return " and ".join(f"`{urn.rpartition('::')[2]}`" for urn in urns) or "nothing"


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The places at which two values differ, inside the documents of policies too."""
    if isinstance(old, str) and isinstance(new, str) and old.startswith('{"') and new.startswith('{"'):
        old, new = json.loads(old), json.loads(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (first, last) in enumerate(zip(old, new, strict=True)):
            yield from _differences(first, last, f"{path}[{number}]")
    elif old != new:
        yield path, old, new


def _shown(value: Any) -> str:
    text = "not set" if value is None else json.dumps(value, default=str).strip('"')
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def of_steps(before: Sequence[Step], after: Sequence[Step]) -> Pair:
    """The difference of two lists of steps, in words."""
    added = [step for step in after if step not in before]
    gone = [step for step in before if step not in after]
    return (
        _step(gone[0]) if gone else "no such step",
        _step(added[0]) if added else "no such step",
    )


def _step(step: Step) -> str:
    return f"{step.op} `{step.name}`" + (f" because of `{', '.join(step.keys)}`" if step.keys else "")


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(cases(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
