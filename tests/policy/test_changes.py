"""The rules on a change: every legal transition passes, and each faulty one is caught."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.deployment import Step
from lifeline import app as command
from policy.change import ChangeError, steps_of
from policy.judge import JudgementError, judge, judge_change
from policy.model import Resource, Site
from policy.settings import Settings, read_settings
from policy.sources import from_registrations
from tests.harness import ROOT, deploy
from tests.policy.draft import TODAY, changed, clean, drop, put
from tests.policy.mutation import BACKEND, DB, EKS
from tests.policy.mutations.changes import CHANGES, ChangeMutation
from tests.policy.table import catching_change
from tests.test_transitions import TRANSITIONS, steps

STATES = {
    f"{stack} {json.dumps(config)}": (stack, config)
    for stack, before, after, _ in TRANSITIONS.values()
    for config in (before, after)
}


NEED_AN_EXEMPTION = {
    "reconciled": {"rds-instance-reached-by-its-pods"},
    "unprotected": {"rds-instance-not-deletable"},
}
"""Settings of `lifeline:database` that are legal for a time: the pack asks for an exemption with a date."""
STAGES = {"left": {"iam-role-no-more-than-its-calls"}}
"""The same, for stages of the global resources. A stack that left them keeps the permission for their key."""


@pytest.mark.parametrize(("stack", "config"), STATES.values(), ids=STATES)
def test_a_site_keeps_all_rules_in_every_legal_timeline(stack: str, config: dict[str, Any]) -> None:
    site = from_registrations(deploy(stack, **config))
    expected = set[str]().union(*(NEED_AN_EXEMPTION.get(key, ()) for key in config.get("database", {})))
    expected |= STAGES.get(str(config.get("globals")), set())
    assert {finding.policy for finding in judge(site, settings=read_settings(), today=TODAY).findings} == expected


@pytest.mark.parametrize("name", TRANSITIONS)
def test_every_legal_change_passes(name: str) -> None:
    stack, before, after, _ = TRANSITIONS[name]
    sites = (from_registrations(deploy(stack, **config)) for config in (before, after))
    expected = {"change-database-stays-fenced"} if name == "reconciliation begins" else set[str]()
    findings = judge_change(*sites, settings=Settings(), today=TODAY).findings
    assert {finding.policy for finding in findings} == expected


ROTATIONS = ("another password of the application", "another password of the owner")


@pytest.mark.parametrize("name", TRANSITIONS)
def test_the_steps_of_a_change_are_the_engines(name: str) -> None:
    stack, before, after, _ = TRANSITIONS[name]
    sites = (from_registrations(deploy(stack, **config)) for config in (before, after))

    def short(found_steps: list[Step]) -> set[tuple[str, str, str]]:
        return {(step.op, step.type, step.name) for step in found_steps}

    # The judge sees `[secret]` before and after, so a rotation is to it the new value alone.
    seen = [step for step in steps(stack, before, after) if not (name in ROTATIONS and step.op != "create")]
    assert short(steps_of(*sites)) == short(seen)


@pytest.mark.parametrize("mutation", CHANGES, ids=str)
def test_a_faulty_change_is_caught_by_its_rule(mutation: ChangeMutation) -> None:
    assert mutation.rule in catching_change(mutation)


def test_a_site_that_was_lost_may_learn_of_several_epochs_at_once() -> None:
    missed = ("primary-1", "secondary-1", "secondary-3")
    after = from_registrations(deploy("primary", missed))
    assert judge_change(clean("primary"), after, settings=Settings(), today=TODAY).findings == ()


def exempting(rule: str, resource: str) -> Settings:
    entry = {"rule": rule, "resource": resource, "reason": "fewer people write at night", "until": "2026-12-31"}
    return Settings.model_validate({"exemptions": [entry]})


def test_an_exemption_accepts_a_change_until_its_last_day() -> None:
    scaler = "platform-backend-autoscaler"
    after = changed("secondary", put(scaler, 1, "spec", "minReplicas"))
    settings = exempting("change-standby-stays-warm", scaler)
    judgement = judge_change(clean("secondary"), after, settings=settings, today=TODAY)
    assert (judgement.findings, len(judgement.exempted)) == ((), 1)
    late = judge_change(clean("secondary"), after, settings=settings, today=date(2027, 1, 1))
    assert [finding.policy for finding in late.findings] == ["change-standby-stays-warm"]


def test_no_exemption_accepts_a_step_that_deletes_data() -> None:
    settings = exempting("transition-step-keeps-data", DB)
    judgement = judge_change(clean("primary"), changed("primary", drop(DB)), settings=settings, today=TODAY)
    assert "transition-step-keeps-data" in {finding.policy for finding in judgement.findings}


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_no_change_raises_nothing(stack: str) -> None:
    assert judge_change(clean(stack), clean(stack), settings=Settings(), today=TODAY).findings == ()


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [(EKS, ("version",), "1.35"), (DB, ("engineVersion",), "17.7"), (BACKEND, ("spec", "replicas"), 9)],
)
def test_an_upgrade_raises_nothing(name: str, path: tuple[str, ...], value: object) -> None:
    after = changed("primary", put(name, value, *path))
    assert [step.op for step in steps_of(clean("primary"), after)] == ["update"]
    assert judge_change(clean("primary"), after, settings=Settings(), today=TODAY).findings == ()


def test_a_type_without_rules_is_refused() -> None:
    before, after = (
        Site(
            resources=(
                Resource(type="aws:x/y:Y", name="y", urn="urn:pulumi:primary::l::aws:x/y:Y::y", inputs={"a": a}),
            )
        )
        for a in (1, 2)
    )
    with pytest.raises(ChangeError, match="engine/rules says nothing about aws:x/y:Y"):
        steps_of(before, after)


def test_two_sites_are_no_change() -> None:
    with pytest.raises(ChangeError, match="the state before is of primary, the one after of secondary"):
        judge_change(clean("primary"), clean("secondary"), settings=Settings(), today=TODAY)


def test_a_state_of_unknown_form_is_refused() -> None:
    hostile = changed("primary", put("claims-epoch-1-primary-1", [{}], "spec", "template", "spec", "containers"))
    with pytest.raises(JudgementError, match="change-database-stays-fenced cannot judge primary"):
        judge_change(clean("primary"), hostile, settings=Settings(), today=TODAY)


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command.app, ["policy", *words])
    return done.exit_code, done.output


def test_the_command_judges_the_change_to_another_timeline() -> None:
    code, output = run("--stack", "secondary", "--timeline", "primary-1,secondary-1")
    assert (code, "change-timeline-only-grows" in output) == (0, False)
    assert output.startswith("No findings") or "exempt" in output


def test_the_command_judges_the_change_from_a_file(tmp_path: Path) -> None:
    rendered = CliRunner().invoke(command.app, ["render", "--stack", "primary", "--format", "json"]).output
    resources = json.loads(rendered)
    (database,) = (entry for entry in resources if entry["name"] == DB)
    database["inputs"]["instanceClass"] = "db.r7g.4xlarge"
    database["inputs"]["kmsKeyId"] = "arn:aws:kms:us-east-2:123456789012:key/former"
    file = tmp_path / "before.json"
    file.write_text(json.dumps(resources))
    code, output = run("--stack", "primary", "--before", str(file), "--format", "json")
    assert code == 1
    assert {entry["policy"] for entry in json.loads(output)} == {
        "change-data-keeps-its-key",
        "transition-step-keeps-data",
    }


@pytest.mark.parametrize(
    "words", [("--stack", "primary", "--stack", "secondary"), ("--input", "a.json", "--input", "b.json"), ()]
)
def test_a_change_is_of_one_site(words: tuple[str, ...]) -> None:
    assert run(*words, "--before", str(ROOT / "before.json"))[0] == 2
