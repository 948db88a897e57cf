"""Alertmanager's configuration, decided by amtool: each alert reaches the people of its level."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from components.alerts import routing
from components.alerts.inhibitions import INHIBITIONS, NEVER
from components.alerts.model import SCRAPE_SECONDS, Severity, Team
from components.alerts.rules import ALERTS
from components.alerts.watch import WATCHDOG
from recovery import objectives
from stacks.contacts import EXAMPLE_ACCOUNT, read_contacts
from tests.alerts.promtool import DOMAIN

CONTACTS = read_contacts(EXAMPLE_ACCOUNT)
CONFIG = routing.alertmanager(CONTACTS, region="us-east-2")
needs_amtool = [
    pytest.mark.alerts,
    pytest.mark.skipif(shutil.which("amtool") is None, reason="there is no amtool: run 'make alerts'"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alertmanager.json"
    path.write_text(json.dumps(CONFIG))
    return path


def amtool(*words: str) -> str:
    return subprocess.run(["amtool", *words], capture_output=True, text=True, check=True).stdout


class TestInAmtool:
    pytestmark = needs_amtool

    def test_it_accepts_the_configuration(self, file: Path) -> None:
        assert "SUCCESS" in amtool("check-config", str(file))

    @pytest.mark.parametrize(
        ("labels", "receivers"),
        [
            ({"severity": "critical", "level": "1", "team": "emergency-response"}, "level-1"),
            ({"severity": "critical", "level": "1", "team": "crisis-response"}, "level-1"),
            (
                {"severity": "critical", "level": "1", "team": "crisis-response", "alertname": "HotlineFailing"},
                "hotline-backup,level-1",
            ),
            ({"severity": "critical", "level": "1", "team": "database"}, "level-1-database,level-1"),
            ({"severity": "critical", "level": "1", "team": "public-notice"}, "level-1-public-notice,level-1"),
            ({"severity": "critical", "level": "2", "team": "emergency-response"}, "level-2"),
            ({"severity": "critical", "level": "3", "team": "emergency-response"}, "level-3"),
            ({"severity": "critical", "level": "4", "team": "emergency-response"}, "level-4"),
            ({"severity": "warning", "team": "database"}, "tickets"),
            ({"severity": "none", "team": "platform", "alertname": WATCHDOG}, "heartbeat"),
        ],
    )
    def test_an_alert_reaches_its_receivers(self, file: Path, labels: dict[str, str], receivers: str) -> None:
        words = [f"{name}={value}" for name, value in labels.items()]
        assert amtool("config", "routes", "test", f"--config.file={file}", *words).strip() == receivers

    def test_every_alert_that_pages_reaches_the_people_of_its_level(self, file: Path) -> None:
        for alert in ALERTS:
            labels = alert.rule(DOMAIN)["labels"]
            words = [f"{name}={value}" for name, value in {"alertname": alert.name, **labels}.items()]
            reached = amtool("config", "routes", "test", f"--config.file={file}", *words).strip().split(",")
            expected = {Severity.CRITICAL: f"level-{labels.get('level')}", Severity.WARNING: "tickets"}
            assert reached[-1] == expected.get(alert.severity, "heartbeat"), alert.name


def test_each_person_is_called_by_two_independent_ways() -> None:
    receivers = {entry["name"]: entry for entry in CONFIG["receivers"]}
    for level, people in CONTACTS.levels.items():
        receiver = receivers[f"level-{level}"]
        assert [entry["phone_number"] for entry in receiver["sns_configs"]] == [person.phone for person in people]
        assert len(receiver["pagerduty_configs"]) == 1


def test_a_page_that_no_one_answers_is_sent_again_until_someone_does() -> None:
    routes = [entry for entry in CONFIG["route"]["routes"] if entry["receiver"].startswith("level-")]
    assert len(routes) == 7
    assert {entry["repeat_interval"] for entry in routes} == {"30m"}


def test_each_page_names_the_numbers_to_call_by_hand() -> None:
    pages = [entry["pagerduty_configs"][0] for entry in CONFIG["receivers"] if entry["name"].startswith("level-")]
    assert len(pages) == 6
    assert all(CONTACTS.directory.items() <= page["details"].items() for page in pages)


def test_the_configuration_contains_no_secret_but_the_paths_of_them() -> None:
    text = json.dumps(CONFIG)
    assert re.findall(r'"(\w*(?:key|token|password|credentials))":', text) == []
    folder = "/etc/alertmanager/secrets/lifeline-alerting"
    assert set(re.findall(rf"{folder}/([\w-]+)", text)) == {
        routing.PAGES_KEY,
        routing.TICKETS_KEY,
        routing.HEARTBEAT_KEY,
        routing.HOTLINE_KEY,
    }


def test_the_life_critical_alert_is_never_inhibited() -> None:
    (everything, *_) = CONFIG["inhibit_rules"]
    pattern = everything["target_matchers"][0].partition('!~"')[2].rstrip('"')
    assert re.fullmatch(pattern, "CrisisSystemDown")
    assert re.fullmatch(pattern, "DatabaseCompleteFailure") is None


def test_an_inhibition_names_alerts_that_exist_and_none_inhibits_what_must_page() -> None:
    names = {alert.name for alert in ALERTS}
    for inhibition in INHIBITIONS:
        assert {inhibition.source, *inhibition.targets} <= names
        assert inhibition.source not in inhibition.targets
        assert {"CrisisSystemDown", "PublicNoticeDraft", "PublicNoticeDue"}.isdisjoint(inhibition.targets)
    assert set(NEVER) <= names


def test_an_escalation_is_inhibited_together_with_its_alert() -> None:
    rules = [(rule["source_matchers"], rule["target_matchers"]) for rule in CONFIG["inhibit_rules"]]
    prober = [targets for source, targets in rules if source == ['alertname="ProberDown"']]
    names = "CrisisEndpointDown|EndpointDown|PeerSiteSilent|CertificateExpiring|ErrorBudgetBurn"
    assert prober == [[f'alertname=~"{names}"'], [f'incident=~"{names}"']]


@pytest.mark.parametrize(
    ("name", "promise"),
    [
        ("CrisisSystemDown", objectives.CRISIS.rto_seconds),
        ("CrisisEndpointDown", objectives.CRISIS.rto_seconds),
        ("CrisisDetectionFailing", objectives.CRISIS.rto_seconds),
        ("CrisisEscalationFailing", objectives.CRISIS.rto_seconds),
        ("HotlineFailing", objectives.HOTLINE.rto_seconds),
        ("PeerSiteSilent", objectives.CRISIS.rto_seconds),
        ("EndpointDown", objectives.CORE.rto_seconds),
        ("CompleteSystemFailure", objectives.CORE.rto_seconds),
        ("DatabaseCompleteFailure", objectives.CORE.rto_seconds),
        ("ServiceBelowMinimum", objectives.HOTLINE.rto_seconds),
    ],
)
def test_a_page_leaves_most_of_the_promise_for_the_recovery(name: str, promise: int) -> None:
    """The longest time from a fault to its page: a scrape, an evaluation, `for`, and the wait for the group."""
    alert = next(entry for entry in ALERTS if entry.name == name)
    wait = routing.GROUP_WAIT_SECONDS
    if alert.team is not Team.CRISIS:
        wait = routing.GROUP_INTERVAL_SECONDS  # the group may have paged just before
    assert 2 * SCRAPE_SECONDS + alert.wait_seconds + wait <= promise * 0.6


def test_the_crisis_alert_pages_within_a_minute() -> None:
    alert = next(entry for entry in ALERTS if entry.name == "CrisisSystemDown")
    assert 2 * SCRAPE_SECONDS + alert.wait_seconds + routing.GROUP_WAIT_SECONDS <= objectives.MINUTE


def test_a_dead_monitoring_is_known_within_the_promise_of_the_crisis_tier() -> None:
    assert objectives.CRISIS.rto_seconds * 0.6 >= 2 * routing.HEARTBEAT_SECONDS + objectives.MINUTE
