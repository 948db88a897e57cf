"""The rules on transitions: every legal one passes, and every mutated failover is caught."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.diff import steps_between
from lifeline import app as command
from lifeline.differences import steps_as_json
from policy.judge import judge_steps
from policy.settings import Settings
from policy.sources import SourceError, steps_from_file
from tests.harness import deploy
from tests.policy.mutations.steps import STEPS, StepMutation, failover
from tests.test_transitions import TRANSITIONS, steps


@pytest.mark.parametrize("name", TRANSITIONS)
def test_every_legal_transition_passes(name: str) -> None:
    stack, before, after, _ = TRANSITIONS[name]
    assert judge_steps(steps(stack, before, after), settings=Settings()).findings == ()


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_the_first_deployment_passes(stack: str) -> None:
    assert judge_steps(steps_between([], deploy(stack)), settings=Settings()).findings == ()


def test_no_steps_pass() -> None:
    assert judge_steps([], settings=Settings()).findings == ()


@pytest.mark.parametrize("mutation", STEPS, ids=str)
def test_a_mutated_failover_is_caught_by_its_rule(mutation: StepMutation) -> None:
    findings = judge_steps(mutation.change(failover()), settings=Settings()).findings
    assert mutation.rule in {finding.policy for finding in findings}


def test_the_command_judges_a_diff(tmp_path: Path) -> None:
    file = tmp_path / "diff.json"
    file.write_text(steps_as_json(failover()))
    passed = CliRunner().invoke(command.app, ["policy", "--diff", str(file), "--format", "json"])
    assert (passed.exit_code, json.loads(passed.output)) == (0, [])
    file.write_text(steps_as_json(STEPS[0].change(failover())))
    refused = CliRunner().invoke(command.app, ["policy", "--diff", str(file)])
    assert refused.exit_code == 1
    assert refused.output.startswith("mandatory: transition-flip-")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not complete JSON"),
        ("{}", "input should be a valid list"),
        ('[{"op": "destroy", "type": "a:b:C", "name": "n", "keys": []}]', r"\[0\].op: input should be 'create'"),
        ('[{"op": "delete", "type": "a:b:C", "name": "n"}]', r"\[0\].keys: field required"),
        ('[{"op": "delete", "type": "a:b:C", "name": "n", "keys": [], "x": 1}]', r"\[0\].x: extra inputs"),
    ],
)
def test_a_file_without_steps_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "diff.json").write_text(text)
    with pytest.raises(SourceError, match=problem):
        steps_from_file(tmp_path / "diff.json")
