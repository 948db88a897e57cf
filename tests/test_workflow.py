"""The workflow of GitHub: pinned actions, no long-lived key, few permissions, and commands that exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.harness import ROOT

TEXT = (ROOT / ".github" / "workflows" / "change.yml").read_text()
JOBS: dict[str, Any] = yaml.safe_load(TEXT)["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
COMMANDS = [step["run"] for step in STEPS if "run" in step]


def test_every_action_is_pinned_by_its_digest_and_says_its_version() -> None:
    used = re.findall(r"uses: (.*)", TEXT)
    assert len(used) == len([step for step in STEPS if "uses" in step])
    assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+(, .*)?", line)] == []


def test_no_long_lived_key_is_used() -> None:
    assert "secrets." not in TEXT
    assert [job for job, content in JOBS.items() if content["permissions"].get("id-token") == "write"] == ["preview"]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_has_a_limit_and_its_own_permissions(job: str) -> None:
    assert JOBS[job]["timeout-minutes"] <= 90
    assert "contents" in JOBS[job]["permissions"]
    assert yaml.safe_load(TEXT)["permissions"] == {}


def test_no_job_keeps_the_credentials_of_the_checkout() -> None:
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(JOBS) + 1
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_no_expression_is_part_of_a_command() -> None:
    """A branch's name in a command would be run as a part of it."""
    assert [command for command in COMMANDS if "${{" in command] == []


def test_its_commands_are_those_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    target = re.compile(r"\bmake (?:--silent |-C base setup )?([a-z-]+)")
    used = [word for command in COMMANDS for word in target.findall(command)]
    assert used == ["setup", "sarif", "policy", "render", "change", "setup", "flip", "setup", "preview"]
    assert set(used) <= set(targets)
    assert ".ci/run" in COMMANDS


def test_a_fork_gets_no_credentials() -> None:
    assert "head.repo.full_name == github.repository" in JOBS["preview"]["if"]
