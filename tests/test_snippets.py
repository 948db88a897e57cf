"""Every YAML snippet of every document, applied to a stack file as an operator does it, takes effect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from ruamel.yaml import YAML

from stacks.config import parse
from stacks.stackfile import StackFile
from tests import rebuilt
from tests.adopted import ADOPTED
from tests.harness import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^(?P<indent> *)```yaml\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Case:
    """The file that a snippet is for, and the changes that the page has asked for before."""

    stack: str
    """The committed file that it is a copy of."""
    before: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name: str = ""
    """The stack, if the copy has another name."""


LED = ["primary-1", "secondary-1"]
HOME = [*LED, "primary-2"]
CASES: dict[str, list[Case]] = {
    "README.md": [Case("secondary")],
    "docs/backups.md": [Case("primary")],
    "docs/runbooks/adopt.md": [
        Case("primary", {"timeline": LED, "globals": "release"}),
        Case("secondary", {"timeline": LED}),
        Case("secondary", {"timeline": LED, "globals": "adopt", "adopted": ADOPTED}),
    ],
    "docs/runbooks/both-regions-lost.md": [
        Case("primary", {"timeline": ["tertiary-1"]}, "tertiary"),
        Case("primary", rebuilt.CHANGES | {"timeline": rebuilt.EMPTY}, "tertiary"),
        Case("secondary", {"timeline": ["primary-1"]}, "quaternary"),
        Case(
            "primary",
            rebuilt.COMPLETE,
            "tertiary",
        ),
    ],
    "docs/runbooks/cluster-loss.md": [
        Case("primary"),
        Case("primary", {"cluster": {"generations": [1, 2], "serving": 2, "unreachable": [1], "since": 1}}),
    ],
    "docs/runbooks/delayed-replica.md": [Case("primary")],
    "docs/runbooks/emergency.md": [Case("primary")],
    "docs/runbooks/failback.md": [
        Case("primary"),
        Case("primary", {"timeline": LED}),
        Case("secondary", {"timeline": HOME}),
    ],
    "docs/runbooks/failover.md": [Case("secondary")],
    "docs/runbooks/first-deployment.md": [
        Case("primary"),
        Case("primary", {"cluster": {"publicAccessCidrs": ["203.0.113.7/32"]}}),
        Case("secondary"),
    ],
    "docs/runbooks/rebuild-elsewhere.md": [
        Case("secondary", {"timeline": LED}),
        Case("secondary", {"timeline": LED, "copies": {"release": True}}),
        Case("primary", {"timeline": ["tertiary-1"]}, "tertiary"),
    ],
    "docs/runbooks/rebuild-region.md": [
        Case("secondary", {"timeline": LED}),
        Case("primary", {"timeline": ["tertiary-1"]}, "tertiary"),
    ],
    "docs/runbooks/reconcile.md": [
        Case("primary", {"timeline": LED, "database": {"seeded": 2}}),
    ],
    "docs/runbooks/restore.md": [
        Case("primary"),
        Case("primary", {"switchover": {"drain": 1}}),
        Case("primary", {"switchover": {"drain": 1}}),
        Case("secondary", {"timeline": ["primary-1", "primary-2"]}),
    ],
    "docs/runbooks/retire.md": [
        Case("primary", {"timeline": LED, "database": {"seeded": 2}}),
        Case("primary", {"timeline": LED, "database": {"seeded": 2, "unprotected": [1]}}),
    ],
    "docs/runbooks/rotation.md": [Case("primary")],
    "docs/runbooks/upgrade.md": [Case("secondary") for _ in range(4)],
    "docs/runbooks/switchover.md": [Case("primary"), Case("secondary"), Case("primary", {"switchover": {"drain": 1}})],
}
"""The snippets of each document, in the order of the text."""


def snippets(document: Path) -> list[str]:
    """The snippets, without the indentation of the list that they are in."""
    return [
        re.sub(f"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        for match in _FENCE.finditer(document.read_text())
    ]


def merged(old: Any, new: Any) -> Any:
    """A section with the lines of a snippet changed or added."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return new


def test_every_document_with_a_snippet_is_listed() -> None:
    counts = {str(page.relative_to(ROOT)): len(snippets(page)) for page in DOCUMENTS if snippets(page)}
    assert counts == {name: len(cases) for name, cases in CASES.items()}


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, cases in CASES.items() for number in range(len(cases))]
)
def test_a_snippet_takes_effect(name: str, number: int, tmp_path: Path) -> None:
    case, snippet = CASES[name][number], snippets(ROOT / name)[number]
    lines = [line for line in snippet.splitlines() if line.strip() and not line.startswith("#")]
    assert all(line.startswith("  ") for line in lines), "not indented as the lines of the file are"
    file = StackFile(ROOT / f"Pulumi.{case.stack}.yaml")
    for key, value in case.before.items():
        file.set(f"lifeline:{key}", merged(file.config.get(f"lifeline:{key}"), value))
    stack = case.name or case.stack
    before = parse(file.config, stack=stack)
    new: dict[str, Any] = YAML(typ="safe").load(dedent("\n".join(lines)))
    for key, value in new.items():
        file.set(key, merged(file.config.get(key), value))
    file.save(tmp_path / f"Pulumi.{stack}.yaml")
    config = StackFile(tmp_path / f"Pulumi.{stack}.yaml").config
    after = parse(config, stack=stack)
    changed = {name for name in type(after).model_fields if getattr(after, name) != getattr(before, name)}
    fields = {f"lifeline:{field.alias}": name for name, field in type(after).model_fields.items()}
    fields["aws:region"] = "region"
    assert changed == {fields[key] for key in new}, "a key of the snippet has the value that it had before"


def test_a_snippet_at_the_margin_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("1. Do this:\n\n   ```yaml\n   lifeline:timeline: [primary-1]\n   ```\n")
    assert snippets(page) == ["lifeline:timeline: [primary-1]\n"]
