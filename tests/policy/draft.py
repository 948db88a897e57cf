"""A site that a test may change, and the changes."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from typing import Any

from policy.model import Resource, Site
from policy.sources import from_registrations
from stacks.stackfile import StackFile
from tests.harness import PRIMARY_LEADS, ROOT, deploy

Change = Callable[["Draft"], None]
GONE = object()
PEER = {"primary": "secondary", "secondary": "primary"}
TODAY = date(2026, 11, 26)


class Draft:
    """The resources of a site as editable data, by name; by `Type:name` where two have one name."""

    def __init__(self, site: Site) -> None:
        self.resources: dict[str, dict[str, Any]] = {}
        names = Counter(entry.name for entry in site.resources)
        for entry in site.resources:
            key = entry.name if names[entry.name] == 1 else f"{entry.type.rpartition(':')[2]}:{entry.name}"
            self.resources[key] = {
                "type": entry.type,
                "name": entry.name,
                "urn": entry.urn,
                "parent": entry.parent,
                "inputs": entry.inputs,
                "protect": entry.protect,
                "links": entry.links,
            }
        self.secrets_key = site.secrets_key
        assert len(self.resources) == len(site.resources), "every key is one resource's"

    def edit(self, name: str) -> dict[str, Any]:
        """A resource that is copied before it is changed: recordings are shared."""
        self.resources[name] = copy.deepcopy(self.resources[name])
        return self.resources[name]

    def named(self, pattern: str) -> list[str]:
        """The names that a pattern ending in `*` stands for."""
        if not pattern.endswith("*"):
            return [pattern]
        return [name for name in self.resources if name.startswith(pattern[:-1])]

    def site(self) -> Site:
        resources = tuple(Resource(**entry) for entry in self.resources.values())
        return Site(resources=resources, secrets_key=self.secrets_key)


def clean(stack: str, timeline: Iterable[str] = PRIMARY_LEADS) -> Site:
    return _clean(stack, tuple(timeline))


@cache
def _clean(stack: str, timeline: tuple[str, ...]) -> Site:
    secrets_key = StackFile(ROOT / f"Pulumi.{stack}.yaml").secrets_key
    return from_registrations(deploy(stack, timeline), secrets_key=secrets_key)


def put(pattern: str, value: Any, *path: str | int) -> Change:
    """Set an input, or remove it with GONE."""

    def change(draft: Draft) -> None:
        names = draft.named(pattern)
        assert names, pattern
        for name in names:
            place: Any = draft.edit(name)["inputs"]
            for step in path[:-1]:
                place = place[step]
            if value is GONE:
                del place[path[-1]]
            else:
                assert not isinstance(place, dict) or place.get(path[-1]) != value, f"{name} has this value already"
                place[path[-1]] = value

    return change


def unprotect(name: str) -> Change:
    def change(draft: Draft) -> None:
        assert draft.resources[name]["protect"], name
        draft.edit(name)["protect"] = False

    return change


def drop(*patterns: str) -> Change:
    """Remove resources, and the links to them."""

    def change(draft: Draft) -> None:
        names = [name for pattern in patterns for name in draft.named(pattern)]
        assert names, patterns
        gone = {draft.resources.pop(name)["urn"] for name in names}
        for name, entry in list(draft.resources.items()):
            if any(gone & set(urns) for urns in entry["links"].values()):
                links = draft.edit(name)["links"]
                draft.resources[name]["links"] = {
                    key: tuple(urn for urn in urns if urn not in gone) for key, urns in links.items()
                }

    return change


def relink(name: str, key: str, *targets: str) -> Change:
    """Let an input use other resources, or none."""

    def change(draft: Draft) -> None:
        entry = draft.edit(name)
        urns = tuple(draft.resources[target]["urn"] for target in targets)
        assert entry["links"].get(key) != urns, name
        entry["links"] = {**entry["links"], key: urns}

    return change


def copied(name: str, new: str) -> Change:
    """Declare a resource twice, under two names."""

    def change(draft: Draft) -> None:
        entry = copy.deepcopy(draft.resources[name])
        draft.resources[new] = entry | {"name": new, "urn": entry["urn"] + "-again"}

    return change


def document(name: str, key: str, edit: Callable[[Any], None]) -> Change:
    """Change the JSON in an input."""

    def change(draft: Draft) -> None:
        inputs = draft.edit(name)["inputs"]
        content = json.loads(inputs[key])
        edit(content)
        assert json.dumps(content) != json.dumps(json.loads(inputs[key])), name
        inputs[key] = json.dumps(content)

    return change


def both(*changes: Change) -> Change:
    def change(draft: Draft) -> None:
        for one in changes:
            one(draft)

    return change


def changed(stack: str, change: Change, timeline: Iterable[str] = PRIMARY_LEADS) -> Site:
    draft = Draft(clean(stack, timeline))
    change(draft)
    return draft.site()
