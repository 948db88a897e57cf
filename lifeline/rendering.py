"""Sites and steps as text, from recordings of the program."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from engine.diff import in_order
from engine.program import checked_config, recorded
from engine.registration import STACK_TYPE, Registration
from stacks.config import parse
from stacks.emergency import PATH, EmergencyConfig


def rendered(root: Path, stack: str, timeline: Sequence[str] | None, form: str) -> str:
    """A site in one of the forms json, yaml, table and k8s."""
    config = checked_config(root, stack, timeline)
    site = recorded(root, stack, config)
    entries = [entry for entry in in_order(site) if entry.type != STACK_TYPE]
    if form == "json":
        return json.dumps([as_data(entry) for entry in entries], indent=2)
    if form == "yaml":
        return yaml.safe_dump([as_data(entry) for entry in entries], sort_keys=False)
    if form == "k8s":
        objects = [kubernetes_object(entry) for entry in entries if is_kubernetes_object(entry)]
        return yaml.safe_dump_all(objects, sort_keys=False)
    return "\n".join((_table(entries), *_modes(parse(config, stack=stack).emergency)))


def as_data(entry: Registration) -> dict[str, Any]:
    """One registration as JSON and YAML show it, without its secrets."""
    return {
        "type": entry.type,
        "name": entry.name,
        "urn": entry.urn,
        "parent": entry.parent,
        "inputs": entry.printable_inputs(),
        "protect": entry.protect,
        "retain": entry.retain_on_delete,
        "adopted": bool(entry.import_id),
        "ignored": list(entry.ignore_changes),
        "dependencies": list(entry.dependencies),
        "links": {key: list(urns) for key, urns in sorted(entry.links.items())},
    }


def is_kubernetes_object(entry: Registration) -> bool:
    """Whether a registration is an object of the Kubernetes API. A Helm release is not: Helm renders its chart."""
    return entry.type.startswith("kubernetes:") and "kind" in entry.inputs


def kubernetes_object(entry: Registration) -> dict[str, Any]:
    """A registration as the manifest that `kubectl` would take."""
    first = ("apiVersion", "kind", "metadata")
    return {key: entry.inputs[key] for key in first} | {
        key: value for key, value in entry.printable_inputs().items() if key not in first
    }


def _table(entries: Sequence[Registration]) -> str:
    table = Table("type", "name", "protected", "parent", box=None, header_style="bold")
    for entry in entries:
        table.add_row(entry.type, entry.name, "yes" if entry.protect else "", entry.parent.rsplit("::", 1)[-1])
    custom = sum(entry.custom for entry in entries)
    return f"{_printed(table)}\n{custom} resources in {len(entries) - custom} components"


def _modes(emergency: EmergencyConfig) -> Iterator[str]:
    """A line for each degraded mode."""
    for key, value in emergency.active.items():
        yield f"degraded: {PATH}.{key} is {json.dumps(value)} (docs/runbooks/emergency.md)"


def _printed(table: Table) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(table)
    return console.file.getvalue().rstrip()  # type: ignore[attr-defined]
