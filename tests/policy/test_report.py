"""The four formats of a judgement, and the exit codes of the command."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from lifeline import app as command
from lifeline.rendering import as_data
from policy.catalogue import PAIR_RULES, SITE_RULES
from policy.judge import Judgement, judge
from policy.report import report
from policy.settings import Exemption, Settings
from tests.harness import ROOT, deploy
from tests.policy.draft import both, changed, put

WEAK = put("database-1-instance", False, "multiAz")
FINDING = {
    "policy": "rds-instance-multi-az",
    "level": "mandatory",
    "resource": "database-1-instance",
    "message": "multiAz is false, expected true",
}


OPEN = put("models-own-access", False, "blockPublicPolicy")
SETTINGS = Settings(
    exemptions=(
        Exemption(
            rule="s3-bucket-no-public-access",
            resource="models-own-bucket",
            reason="Someone reads the models without credentials.",
            until=date(2027, 3, 31),
        ),
    )
)


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    return judge(changed("primary", both(WEAK, OPEN)), settings=SETTINGS, today=date(2026, 11, 26))


def test_json_is_a_list_of_findings(judgement: Judgement) -> None:
    assert json.loads(report(judgement, "json", source="f")) == [FINDING]


def test_text_has_each_finding_with_its_remedy_and_each_exemption_with_its_reason(judgement: Judgement) -> None:
    lines = report(judgement, "text", source="f").splitlines()
    assert lines[0] == "mandatory: rds-instance-multi-az: database-1-instance: multiAz is false, expected true"
    assert lines[1].startswith("  hint: Set `multiAz: true`")
    assert lines[2].startswith("exempted until 2027-03-31: s3-bucket-no-public-access: models-own-bucket: ")
    assert lines[-1] == f"{len(SITE_RULES)} rules: 1 mandatory, 0 advisory, 1 exempted"


def test_sarif_has_every_rule_and_shows_exemptions_as_suppressed(judgement: Judgement) -> None:
    document = json.loads(report(judgement, "sarif", source="Pulumi.primary.yaml"))
    (run,) = document["runs"]
    assert document["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.name for rule in SITE_RULES]
    shown, *suppressed = run["results"]
    assert (shown["ruleId"], shown["level"]) == ("rds-instance-multi-az", "error")
    assert shown["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "Pulumi.primary.yaml"}
    assert [entry["suppressions"][0]["kind"] for entry in suppressed] == ["external"]


def test_junit_has_one_case_per_rule(judgement: Judgement) -> None:
    suite = ET.fromstring(report(judgement, "junit", source="f"))
    assert (suite.get("tests"), suite.get("failures")) == (str(len(SITE_RULES)), "1")
    (failed,) = [case for case in suite if case.find("failure") is not None]
    assert failed.get("name") == "rds-instance-multi-az"


def test_the_command_passes_both_sites() -> None:
    for stack in ("primary", "secondary"):
        result = CliRunner().invoke(command.app, ["policy", "--stack", stack, "--format", "json"])
        assert (result.exit_code, json.loads(result.output)) == (0, [])


def test_the_command_fails_for_a_file_with_a_fault(tmp_path: Path) -> None:
    entries = [as_data(entry) for entry in deploy("primary")]
    for entry in entries:
        if entry["name"] == "database-1-instance":
            entry["inputs"]["multiAz"] = False
    (tmp_path / "site.json").write_text(json.dumps(entries))
    arguments = ["policy", "--input", str(tmp_path / "site.json"), "--format", "json"]
    result = CliRunner().invoke(command.app, arguments)
    assert (result.exit_code, json.loads(result.output)) == (1, [FINDING])


def refusal(message: str) -> str:
    return f"{message}\n  hint: lifeline policy --help\n"


def test_the_command_judges_two_files_and_their_relations_without_a_backend(tmp_path: Path) -> None:
    arguments = ["policy"]
    for stack in ("primary", "secondary"):
        entries = [as_data(entry) for entry in deploy(stack)]
        for entry in entries:
            if entry["name"] == "database-1-instance" and stack == "secondary":
                entry["inputs"]["instanceClass"] = "db.t4g.small"
        (tmp_path / f"{stack}.json").write_text(json.dumps(entries))
        arguments += ["--input", str(tmp_path / f"{stack}.json")]
    result = CliRunner().invoke(command.app, [*arguments, "--format", "json"])
    (finding,) = json.loads(result.output)
    assert (result.exit_code, finding["policy"]) == (1, "rds-instance-same-at-both-sites")
    assert finding["resource"] == "secondary/database-1-instance"
    text = CliRunner().invoke(command.app, arguments).output
    assert f"{len(SITE_RULES) + len(PAIR_RULES)} rules: 1 mandatory, 0 advisory, 0 exempted" in text


def test_the_command_refuses_one_site_twice(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["lifeline", "policy", "--stack", "primary", "--stack", "primary"])
    with pytest.raises(SystemExit) as error:
        command.main()
    assert error.value.code == command.REFUSED
    assert capsys.readouterr().err == refusal("the site primary is named twice, expected two different sites")


@pytest.mark.parametrize(
    "arguments",
    [[], ["--stack", "primary", "--input", "x.json"], ["--stack", "a", "--stack", "b", "--stack", "c"]],
)
def test_the_command_takes_a_stack_or_a_file(arguments: list[str]) -> None:
    result = CliRunner().invoke(command.app, ["policy", *arguments])
    assert result.exit_code == 2


def test_the_command_refuses_a_file_without_a_site(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "empty.json").write_text("[]")
    monkeypatch.setattr("sys.argv", ["lifeline", "policy", "--input", str(tmp_path / "empty.json")])
    with pytest.raises(SystemExit) as error:
        command.main()
    assert error.value.code == command.REFUSED
    assert capsys.readouterr().err == refusal(f"{tmp_path / 'empty.json'} has no resources")


def test_the_command_refuses_an_input_of_unknown_form(tmp_path: Path, monkeypatch, capsys) -> None:
    entries = [as_data(entry) for entry in deploy("primary")]
    for entry in entries:
        if entry["name"] == "keys-database":
            entry["inputs"]["policy"] = "{"
    (tmp_path / "site.json").write_text(json.dumps(entries))
    monkeypatch.setattr("sys.argv", ["lifeline", "policy", "--input", str(tmp_path / "site.json")])
    with pytest.raises(SystemExit) as error:
        command.main()
    assert error.value.code == command.REFUSED
    assert capsys.readouterr().err.startswith(
        "kms-key-policy-closed cannot judge primary: an input has an unknown form"
    )


def test_the_pack_is_started_by_its_folder() -> None:
    assert (ROOT / "policy" / "PulumiPolicy.yaml").is_file()
    assert (ROOT / "policy" / "__main__.py").is_file()
