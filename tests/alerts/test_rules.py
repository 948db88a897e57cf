"""Every alerting rule in promtool: its cases hold, and they catch each mutant of the rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.alerts.model import Alert
from components.alerts.recordings import RECORDINGS
from components.alerts.rules import ALERTS, rules
from tests.alerts import promtool
from tests.alerts.cases import SUITES, suite
from tests.alerts.mutants import Mutant, mutants
from tests.alerts.promtool import DOMAIN

pytestmark = promtool.NEEDS_PROMTOOL


def alert_id(alert: Alert) -> str:
    return "-".join([alert.name, *list(alert.labels.values())[:1]])


def caught(every: list[Mutant], alert: Alert, folder: Path) -> set[str]:
    """The names of the mutants that a case catches.

    A rule that reads `ALERTS` would also see those of the other mutants, so each of its mutants is alone.
    """
    groups = [[mutant] for mutant in every] if "ALERTS" in alert.expr else [every] if every else []
    reports = [
        promtool.failures([mutant.rule for mutant in group], suite(alert), folder / str(number))
        for number, group in enumerate(groups)
    ]
    names = {name for report in reports for name in report}
    assert names <= {mutant.name for mutant in every}, "each mutant is valid"
    return names


every_alert = pytest.mark.parametrize("alert", ALERTS, ids=alert_id)


def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(rules(DOMAIN)))
    done = promtool.check(file)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert f"SUCCESS: {len(ALERTS) + len(RECORDINGS)} rules found" in done.stdout


def test_each_alert_has_cases() -> None:
    assert sorted(SUITES) == sorted({alert.name for alert in ALERTS})


@every_alert
def test_the_cases_hold(alert: Alert, tmp_path: Path) -> None:
    assert promtool.failures([alert.rule(DOMAIN)], suite(alert), tmp_path / "rule") == {}


@every_alert
def test_the_cases_catch_each_mutant(alert: Alert, tmp_path: Path) -> None:
    every = list(mutants(alert))
    names = caught(every, alert, tmp_path)
    survivors = [mutant for mutant in every if mutant.name not in names]
    assert [mutant.rule for mutant in survivors if not mutant.is_equivalent] == []
    assert [mutant.rule for mutant in every if mutant.is_equivalent and mutant not in survivors] == [], "wrong proof"
    assert len(survivors) < len(every)
