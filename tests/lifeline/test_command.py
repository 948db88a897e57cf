"""The command: its output, and its refusals."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lifeline import main
from lifeline.rendering import rendered
from rehearsal.scenarios import PROMISES, SCENARIOS
from stacks.stackfile import StackFile
from tests.harness import ROOT, deploy


def lifeline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["lifeline", *words])
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_render_lists_every_resource_by_the_same_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = lifeline(monkeypatch, capsys, "render", "--stack", "secondary", "--format", "json")
    resources = json.loads(out)
    assert code == 0
    assert len(resources) >= 150
    keys = {
        "type",
        "name",
        "urn",
        "parent",
        "inputs",
        "protect",
        "retain",
        "adopted",
        "ignored",
        "dependencies",
        "links",
    }
    assert [entry["name"] for entry in resources if entry.keys() != keys] == []


@pytest.mark.parametrize("form", ["json", "yaml", "table", "k8s"])
def test_no_form_of_a_render_prints_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    versions = "aws:secretsmanager/secretVersion:SecretVersion"
    passwords = [entry.inputs["secretString"] for entry in deploy("primary") if entry.type == versions]
    code, out, _ = lifeline(monkeypatch, capsys, "render", "--stack", "primary", "--format", form)
    assert code == 0
    assert len(passwords) == 2
    assert [password for password in passwords if password in out] == []
    assert ("[secret]" in out) == (form in ("json", "yaml"))


def test_a_render_ends_with_the_degraded_modes(tmp_path: Path) -> None:
    modes = {"readOnly": True, "crisisReplicas": 10, "hotline": "backup"}
    file = StackFile(ROOT / "Pulumi.primary.yaml")
    file.path = tmp_path / "Pulumi.primary.yaml"
    file.set("lifeline:emergency", modes)
    file.save()
    (tmp_path / "__main__.py").symlink_to(ROOT / "__main__.py")
    lines = rendered(tmp_path, "primary", None, "table").splitlines()
    assert lines[-3:] == [
        f"degraded: lifeline:emergency.{key} is {json.dumps(value)} (docs/runbooks/emergency.md)"
        for key, value in modes.items()
    ]
    assert "degraded" not in rendered(ROOT, "primary", None, "table")


def test_a_list_says_of_each_scenario_what_it_plays_and_promises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    code, out, _ = lifeline(monkeypatch, capsys, "rehearse", "--list")
    assert code == 0
    rows = {cells[1].strip(): cells[2:4] for line in out.splitlines() if len(cells := line.split("│")) == 5}
    assert list(rows) == list(SCENARIOS)
    assert set(PROMISES) == set(SCENARIOS)
    assert all(cell.strip() for cells in rows.values() for cell in cells)


def test_a_diff_is_a_list_of_steps(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("diff", "--stack", "secondary", "--timeline", "primary-1,secondary-1", "--json")
    code, out, _ = lifeline(monkeypatch, capsys, *words)
    steps = json.loads(out)
    assert code == 0
    assert len(steps) == 10
    assert {
        "op": "create",
        "type": "kubernetes:batch/v1:Job",
        "name": "claims-epoch-2-secondary-1",
        "keys": [],
    } in steps
    assert all(step.keys() == {"op", "type", "name", "keys"} for step in steps)


def test_a_diff_to_the_present_timeline_has_no_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("diff", "--stack", "secondary", "--timeline", "primary-1")
    assert lifeline(monkeypatch, capsys, *words, "--json")[1].strip() == "[]"
    assert lifeline(monkeypatch, capsys, *words)[1].strip() == "nothing to do"


@pytest.mark.parametrize(
    ("stack", "words", "expected"),
    [
        ("primary", ("--set", "switchover.drain=1"), "4 update"),
        ("secondary", ("--timeline", "primary-1,secondary-1", "--set", "switchover.take=2"), "4 create, 8 update"),
        ("secondary", ("--set", "lifeline:database={seeded: 1, instanceClass: db.r7g.xlarge}"), "1 update"),
    ],
)
def test_a_diff_shows_the_other_edits_of_the_runbooks(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stack: str,
    words: tuple[str, ...],
    expected: str,
) -> None:
    code, out, _ = lifeline(monkeypatch, capsys, "diff", "--stack", stack, *words)
    assert (code, out.splitlines()[-1]) == (0, expected)


def test_a_diff_that_replaces_anything_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = ("diff", "--stack", "secondary", "--set", "network.zones=[us-west-2b, us-west-2a, us-west-2c]")
    code, out, _ = lifeline(monkeypatch, capsys, *words)
    assert code == 1
    assert "replace" in out
    assert "would be replaced or deleted: stop, and ask" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("x", "--set x: is no setting"),
        ("=1", "is no setting"),
        ("a.b.c=1", "is no setting"),
        ("switchover.drain={", "is no setting"),
        ("switchover.drian=1", "lifeline:switchover.drian: is not a key of lifeline"),
        ("switchover.drain=x", "lifeline:switchover.drain: is"),
    ],
)
def test_a_setting_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], setting: str, said: str
) -> None:
    code, _, err = lifeline(monkeypatch, capsys, "diff", "--stack", "primary", "--set", setting)
    assert code == 3
    assert said in err
    assert "hint:" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("render", "--stack", "tertiary"), 3, "hint: this folder has primary, secondary"),
        (("render", "--stack", "org/lifeline/primary"), 3, "primary: a stack has no slash in its name"),
        (("rehearse", "region-loss", "--json", "/no-such-folder/x.json"), 2, "is not a folder"),
        (("diff", "--stack", "secondary", "--timeline", "primary-1,secondry-1"), 3, "lifeline:timeline[1]: names site"),
        (("diff", "--stack", "secondary", "--timeline", ""), 3, "lifeline:timeline[0]"),
        (("rehearse", "asteroid"), 2, "asteroid"),
        (("rehearse", "region-loss", "--engine", "steam"), 2, "steam"),
    ],
)
def test_a_mistake_is_refused_in_words_and_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    got, out, err = lifeline(monkeypatch, capsys, *words)
    assert got == code
    assert said in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_a_failover_edits_one_line_and_keeps_every_comment(stack: str) -> None:
    file = StackFile(ROOT / f"Pulumi.{stack}.yaml")
    before = file.path.read_text().splitlines()
    assert file.text().splitlines() == before
    file.append_to_timeline("secondary-1")
    after = file.text().splitlines()
    assert [line for line in after if line not in before] == ["    - secondary-1"]
    assert [line for line in after if line.strip() != "- secondary-1"] == before
    assert file.config["lifeline:timeline"] == ["primary-1", "secondary-1"]
