"""The form of the rules: the plan's three alerts in the plan's words, addresses of runbooks, and hostile labels."""

from __future__ import annotations

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.alerts.model import Severity, duration, quoted, series
from components.alerts.plan import PLAN
from components.alerts.rules import ALERTS, prometheus_rule
from tests.alerts.promtool import DOMAIN


def test_the_plans_alerts_have_the_plans_names_times_labels_and_annotations() -> None:
    rules = {rule.pop("alert"): rule for rule in PLAN.rules(DOMAIN)["rules"]}
    for rule in rules.values():
        del rule["expr"]
    docs = "https://docs.mentalhealthplatform.com/disaster-recovery"
    assert rules == {
        "CompleteSystemFailure": {
            "for": "2m",
            "labels": {
                "severity": "critical",
                "team": "emergency-response",
                "incident": "CompleteSystemFailure",
                "level": "1",
            },
            "annotations": {
                "summary": "Complete system failure detected",
                "action": "Execute disaster recovery plan immediately",
                "runbook_url": f"{docs}/completesystemfailure",
            },
        },
        "DatabaseCompleteFailure": {
            "for": "1m",
            "labels": {
                "severity": "critical",
                "team": "database",
                "incident": "DatabaseCompleteFailure",
                "level": "1",
            },
            "annotations": {
                "summary": "Database complete failure",
                "action": "Activate database disaster recovery",
                "runbook_url": f"{docs}/databasecompletefailure",
            },
        },
        "CrisisSystemDown": {
            "for": "30s",
            "labels": {
                "severity": "critical",
                "team": "crisis-response",
                "incident": "CrisisSystemDown",
                "level": "1",
            },
            "annotations": {
                "summary": "LIFE CRITICAL: Crisis detection system down",
                "action": "Activate emergency crisis response procedures",
                "runbook_url": f"{docs}/crisissystemdown",
            },
        },
    }


def test_the_object_has_the_name_and_the_namespace_of_the_plan() -> None:
    manifest = prometheus_rule(DOMAIN, labels={"lifeline/site": "primary"})
    assert manifest["metadata"] == {
        "name": "disaster-recovery-alerts",
        "namespace": "mental-health-platform",
        "labels": {"lifeline/site": "primary"},
    }
    assert manifest["spec"]["groups"][0]["name"] == "disaster-recovery"


def test_two_alerts_of_one_name_differ_in_a_label() -> None:
    identities = [(alert.name, *sorted(alert.labels.items())) for alert in ALERTS]
    assert len(set(identities)) == len(identities)


def test_only_the_escalation_begins_above_the_first_level() -> None:
    levels = {
        alert.rule(DOMAIN)["labels"].get("level")
        for alert in ALERTS
        if alert.severity is Severity.CRITICAL and not alert.name.startswith("Escalation")
    }
    assert levels == {"1"}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_label_cannot_break_out_of_its_matcher(text: str) -> None:
    selector = promql_parser.parse(series("up", job=text))
    assert isinstance(selector, promql_parser.VectorSelector)
    (matcher,) = selector.matchers.matchers
    assert (matcher.name, matcher.value) == ("job", text)


@pytest.mark.parametrize("text", ['a", other="b', "a\\", 'a"} or vector(1) or up{job="', "a\nb", "\x00"])
def test_a_hostile_label_is_one_string(text: str) -> None:
    selector = promql_parser.parse(f"up{{job={quoted(text)}}}")
    assert isinstance(selector, promql_parser.VectorSelector)
    assert [matcher.value for matcher in selector.matchers.matchers] == [text]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (30, "30s"), (90, "90s"), (120, "2m"), (5400, "90m"), (7200, "2h"), (172800, "2d")]
)
def test_a_duration_is_written_in_its_largest_unit(seconds: int, text: str) -> None:
    assert duration(seconds) == text
