"""The page of the recovery plan has every row, and each thing that it names exists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from components.targets import PATHS
from lifeline.group import COMMANDS
from operations.exporter import Metrics
from recovery import naming, objectives
from rehearsal.scenarios import SCENARIOS
from rehearsal.world.platform import SERVED
from stacks.emergency import EmergencyConfig
from tests.harness import ROOT

PAGE = ROOT / "docs" / "plan-coverage.md"
ROWS = {
    "Objectives": 9,
    "Scenario 1: the cluster is lost": 8,
    "Scenario 2: the database is lost": 8,
    "Scenario 3: crisis detection fails": 8,
    "Scenario 4: the region is lost": 5,
    "Alerts": 3,
    "Health endpoints": 3,
    "Backups": 6,
    "Tests": 2,
    "Contacts": 11,
    "After an incident": 11,
    "Checklist": 10,
    "Validation of the crisis services": 3,
}
"""The rows of the owner's plan by part: 87."""
STATES = ("served", "partly", "planned")
NOT_OURS = ("pg_isready", "DB_HOST", "pulumi up")
"""Words of the plan itself, and of Pulumi."""
ANSWERS = ("as written", "in part", "no")


@dataclass(frozen=True)
class Row:
    part: str
    plan: str
    state: str
    here: str


def rows() -> Iterator[Row]:
    part = ""
    for line in PAGE.read_text().partition("## The plan's commands")[0].splitlines():
        if line.startswith("## "):
            part = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| the plan |"):
            plan, state, here = (cell.strip() for cell in line.strip("| ").split(" | "))
            yield Row(part, plan, state, here)


def is_command(words: str) -> bool:
    """Whether it is a command of this project, with a scenario that exists."""
    program, _, rest = words.partition(" ")
    command, _, scenario = rest.partition(" ")
    return program == "lifeline" and command in COMMANDS and scenario in ("", "all", *SCENARIOS)


def is_emergency(words: str) -> bool:
    """Whether it is a line of `lifeline:emergency`, or one of its keys."""
    key, _, value = words.partition(": ")
    if not value:
        return key in {field.alias for field in EmergencyConfig.model_fields.values()}
    settings = YAML(typ="safe").load(words)
    return EmergencyConfig.model_validate(settings).model_dump(by_alias=True)[key] == settings[key]


def is_metric(words: str) -> bool:
    registry = CollectorRegistry()
    Metrics(registry)
    return words in {metric.name for metric in registry.collect()}


CONTACTS = YAML(typ="safe").load((ROOT / "stacks" / "contacts.yaml").read_text())["directory"]
ASKED = {path for paths in SERVED.values() for path in paths}
ROUTED = {path.rstrip("*") for _, paths in PATHS for path in paths}
KNOWN: tuple[Callable[[str], bool], ...] = (
    is_command,
    is_emergency,
    is_metric,
    lambda words: isinstance(getattr(objectives, words, None), objectives.Tier),
    lambda words: words in vars(naming).values(),
    lambda words: words in CONTACTS,
    lambda words: words in ASKED | ROUTED,
    lambda words: words in NOT_OURS,
)
NAMED = [(row, words) for row in rows() for words in re.findall(r"`([^`]+)`", f"{row.plan} {row.here}")]


def test_every_row_of_the_plan_is_there_once() -> None:
    found = [*rows()]
    assert {part: sum(row.part == part for row in found) for part in dict.fromkeys(row.part for row in found)} == ROWS
    assert len({(row.part, row.plan) for row in found}) == len(found)


@pytest.mark.parametrize("row", [*rows()], ids=lambda row: f"{row.part}: {row.plan}")
def test_a_row_has_a_state_and_says_what_is_missing(row: Row) -> None:
    assert row.state in STATES
    assert ("Missing: " in row.here) == (row.state == "partly")


@pytest.mark.parametrize(("row", "words"), NAMED, ids=[f"{row.plan}: {words}" for row, words in NAMED])
def test_each_thing_that_a_row_names_exists(row: Row, words: str) -> None:
    assert any(knows(words) for knows in KNOWN), f"nothing is named {words}"


def test_every_contact_of_the_directory_is_named() -> None:
    assert set(CONTACTS) <= {words for _, words in NAMED}


def test_every_command_of_the_plan_has_an_answer() -> None:
    section = PAGE.read_text().partition("## The plan's commands")[2]
    answers = [
        re.split(r" \| ?", line.removesuffix("|"))[1:] for line in section.splitlines() if line.startswith("| `")
    ]
    assert len(answers) > 30
    assert {works for works, _ in answers} == set(ANSWERS)
    assert [(works, instead) for works, instead in answers if works != "as written" and not instead.strip()] == []


def test_each_section_that_the_page_leads_to_exists() -> None:
    anchors = re.findall(r"\]\(([\w/.-]*)#([\w-]+)\)", PAGE.read_text())
    pages = {page: (PAGE.parent / (page or PAGE.name)).read_text().splitlines() for page, _ in anchors}
    headings = {page: {anchor_of(line) for line in lines if line.startswith("#")} for page, lines in pages.items()}
    assert [(page, anchor) for page, anchor in anchors if anchor not in headings[page]] == []


def anchor_of(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lstrip("# ")).lower().replace(" ", "-")
