"""Levels, parameters and exemptions, and the mistakes in them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from policy.judge import EXEMPTIONS, judge
from policy.rule import Level
from policy.settings import Exemption, Settings, SettingsError, read_settings
from tests.policy.draft import changed, put

TODAY = date(2026, 11, 26)
BUCKET = "s3-bucket-no-public-access"
REASON = "Someone reads the object without credentials."
OPEN = put("models-own-access", False, "blockPublicPolicy")
"""Anyone may be given access to a bucket."""


def refused(text: str, folder: Path) -> list[str]:
    file = folder / "settings.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as error:
        read_settings(file)
    return str(error.value).splitlines()


def exemption(until: date, resource: str = "models-own-bucket") -> Settings:
    return Settings(exemptions=(Exemption(rule=BUCKET, resource=resource, reason=REASON, until=until),))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("levels: {no-rule: advisory}", "levels.no-rule: there is no rule 'no-rule'"),
        (f"levels: {{{BUCKET}: never}}", "levels.s3-bucket-no-public-access: input should be"),
        ("parameters: {no-rule: {x: 1}}", "parameters.no-rule: there is no rule 'no-rule'"),
        (
            "parameters: {rds-instance-backups-kept: {days: 1}}",
            "parameters.rds-instance-backups-kept: there is no parameter 'days', expected one of minimum_days",
        ),
        (f"exemptions: [{{rule: {BUCKET}, resource: b, reason: {REASON}}}]", "exemptions[0].until: field required"),
        (
            f"exemptions: [{{rule: {BUCKET}, resource: b, reason: later, until: 2027-01-01}}]",
            "exemptions[0].reason: string should have at least 20 characters",
        ),
        (
            f"exemptions: [{{rule: none, resource: b, reason: {REASON}, until: 2027-01-01}}]",
            "exemptions[0].rule: there is no rule 'none'",
        ),
        ("exempt: []", "exempt: extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_refused_with_its_place(text: str, problem: str, tmp_path: Path) -> None:
    (found,) = refused(text, tmp_path)
    assert found.startswith(problem)


def test_all_mistakes_are_shown_at_once(tmp_path: Path) -> None:
    assert len(refused("levels: {a: advisory, b: advisory}\nparameters: {c: {d: 1}}", tmp_path)) == 3


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("")
    assert read_settings(tmp_path / "settings.yaml") == Settings()


def test_a_level_decides_about_the_consequence() -> None:
    site = changed("primary", OPEN)
    advisory = judge(site, settings=Settings(levels={BUCKET: Level.ADVISORY}), today=TODAY)
    assert {finding.level for finding in advisory.findings} == {Level.ADVISORY}
    assert not advisory.refuses
    assert judge(site, settings=Settings(levels={BUCKET: Level.DISABLED}), today=TODAY).findings == ()
    assert judge(site, settings=Settings(), today=TODAY).refuses


def test_a_parameter_moves_the_limit() -> None:
    site = changed("primary", put("database-1-instance", 31, "backupRetentionPeriod"))
    rule = "rds-instance-backups-kept"
    for least, expected in ((31, set()), (32, {rule})):
        findings = judge(site, settings=Settings(parameters={rule: {"minimum_days": least}}), today=TODAY).findings
        assert {finding.policy for finding in findings} == expected


def test_an_exemption_accepts_the_findings_of_its_resource_until_its_last_day() -> None:
    judgement = judge(changed("primary", OPEN), settings=exemption(TODAY), today=TODAY)
    assert judgement.findings == ()
    assert len(judgement.exempted) == 1


def test_an_expired_exemption_is_a_finding_besides_the_fault() -> None:
    findings = judge(changed("primary", OPEN), settings=exemption(date(2026, 11, 25)), today=TODAY).findings
    assert {finding.policy for finding in findings} == {BUCKET, EXEMPTIONS}
    (expired,) = [finding for finding in findings if finding.policy == EXEMPTIONS]
    assert expired.message == f"the exemption from {BUCKET} ended on 2026-11-25: {REASON}"
    assert expired.level is Level.MANDATORY


def test_an_exemption_of_another_resource_accepts_nothing() -> None:
    assert judge(changed("primary", OPEN), settings=exemption(TODAY, "front-logs-bucket"), today=TODAY).refuses
