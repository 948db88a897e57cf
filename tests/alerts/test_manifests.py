"""The objects of the monitoring, as both stacks render them: complete, valid, and safe against hostile values."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.alerts import routing
from components.alerts.dashboards import DASHBOARDS, files
from components.alerts.endpoints import ENDPOINTS, PROBER
from components.alerts.model import Alert, Severity, Team, series, unless_shown
from components.alerts.recordings import RECORDINGS
from components.alerts.routing import Contacts, Person
from components.alerts.rules import ALERTS
from components.kube import monitoring, probes
from components.kube.services import SERVICES
from components.monitoring import SECRETS
from lifeline.rendering import rendered
from recovery.naming import DATABASE_JOB
from rehearsal.providers.kubernetes import schemas
from tests.alerts import promtool
from tests.alerts.promtool import DOMAIN, FOREVER, Case, Suite
from tests.harness import ROOT

Manifest = dict[str, Any]
STACKS = ("primary", "secondary")
BREAKING = [
    'a", other="b',
    "a\\",
    'a"} or vector(1) or up{job="',
    "{{ .NoSuchField }}",
    "{{ end }}",
    "a: b\n- c",
    "'\"`",
    "%s $HOME ${HOME}",
    "\x00\x7f",
]
"""Values that break out of a string wherever one is written without care."""
HOSTILE = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)

every_stack = pytest.mark.parametrize("stack", STACKS)


@cache
def objects(stack: str) -> tuple[Manifest, ...]:
    """Everything that `lifeline render --format k8s` prints for a stack, read back."""
    return tuple(yaml.safe_load_all(rendered(ROOT, stack, None, "k8s")))


def names(stack: str, kind: str) -> set[str]:
    return {entry["metadata"]["name"] for entry in objects(stack) if entry["kind"] == kind}


@every_stack
def test_a_stack_renders_every_rule_monitor_probe_and_dashboard(stack: str) -> None:
    (rules,) = [entry for entry in objects(stack) if entry["kind"] == "PrometheusRule"]
    assert (rules["metadata"]["name"], rules["metadata"]["namespace"]) == (
        "disaster-recovery-alerts",
        "mental-health-platform",
    ), "the plan's names"
    written = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
    assert [rule["alert"] for rule in written if "alert" in rule] == [alert.name for alert in ALERTS]
    assert [rule["record"] for rule in written if "record" in rule] == [recording.name for recording in RECORDINGS]
    assert names(stack, "PodMonitor") == {
        *(service.name for service in SERVICES),
        DATABASE_JOB,
        PROBER,
        "fence",
        "canary",
        "switch",
    }
    assert names(stack, "Probe") == {endpoint.name for endpoint in ENDPOINTS}
    (dashboards,) = [entry for entry in objects(stack) if entry["metadata"]["name"] == "lifeline-dashboards"]
    titles = [json.loads(text)["title"] for text in dashboards["data"].values()]
    assert sorted(titles) == [f"{title} ({stack})" for title, _ in DASHBOARDS.values()]


@every_stack
def test_every_object_is_valid_against_its_schema(stack: str) -> None:
    assert len(objects(stack)) >= 60
    assert [entry for entry in objects(stack) if schemas.problems(entry, version="1.34")] == []


@every_stack
def test_a_probe_calls_the_plans_endpoints_and_the_other_site(stack: str) -> None:
    urls = {
        entry["metadata"]["name"]: entry["spec"]["targets"]["staticConfig"]["static"]
        for entry in objects(stack)
        if entry["kind"] == "Probe"
    }
    (other,) = set(STACKS) - {stack}
    assert urls == {
        "crisis": [f"https://api.{DOMAIN}/api/crisis/health"],
        "web": [f"https://{DOMAIN}/health"],
        "complete": [f"https://{DOMAIN}/health/complete"],
        "peer": [f"https://{other}.{DOMAIN}/health"],
    }


@every_stack
def test_every_target_is_a_port_that_the_pods_have_and_prometheus_may_reach(stack: str) -> None:
    """The selector of each PodMonitor finds one Deployment, whose container has the port of that name."""
    deployments = [entry for entry in objects(stack) if entry["kind"] == "Deployment"]
    for monitor in (entry for entry in objects(stack) if entry["kind"] == "PodMonitor"):
        selector = monitor["spec"]["selector"]["matchLabels"].items()
        (pods,) = [
            entry["spec"]["template"]
            for entry in deployments
            if entry["metadata"]["namespace"] == monitor["metadata"]["namespace"]
            if selector <= entry["spec"]["template"]["metadata"]["labels"].items()
        ]
        (scrape,) = monitor["spec"]["podMetricsEndpoints"]
        ports = {port["name"] for container in pods["spec"]["containers"] for port in container["ports"]}
        assert scrape["port"] in ports
        assert scrape["relabelings"] == [{"targetLabel": "job", "replacement": monitor["metadata"]["name"]}]


@example("a: b\n- c")
@example("{{ end }}")
@given(HOSTILE)
@settings(max_examples=50)
def test_a_hostile_value_stays_one_value_in_every_manifest(text: str) -> None:
    labels = {"lifeline/owner": text}
    manifests = [
        monitoring.namespace(labels=labels),
        monitoring.closed(labels=labels),
        monitoring.storage_class(text, labels=labels),
        monitoring.alerting_class(SECRETS, region=text, labels=labels),
        monitoring.dashboards(text, site=text, labels=labels),
        *monitoring.pod_monitors(labels=labels),
        monitoring.pod_monitor(text, text, {text: text}, labels=labels),
        *probes.exporter(registry=text, labels=labels),
        *probes.probes(domain=text, peer=text, labels=labels),
        rule_of(alert(text)),
    ]
    assert list(yaml.safe_load_all(yaml.safe_dump_all(manifests))) == manifests
    assert json.loads(json.dumps(manifests)) == manifests
    keys = {"apiVersion", "kind", "metadata", "spec", "data", "provisioner", "parameters", "volumeBindingMode"}
    assert {key for entry in manifests for key in entry} <= keys | {"allowVolumeExpansion", "reclaimPolicy"}
    assert all(entry["metadata"]["labels"]["lifeline/owner"] == text for entry in manifests)
    (secret,) = json.loads(manifests[3]["spec"]["parameters"]["objects"])
    assert len(secret["jmesPath"]) == len(SECRETS)
    assert [json.loads(board)["title"].endswith(f"({text})") for board in files(text).values()] == [True, True]


def alert(text: str) -> Alert:
    """A rule about a job whose name is hostile, with hostile labels and annotations."""
    return Alert(
        name="Hostile",
        expr=unless_shown(f"max({series('up', job=text)}) == 1"),
        wait_seconds=60,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"about {text}",
        action=text,
        source="none",
        labels={"job": text},
    )


def rule_of(entry: Alert) -> Manifest:
    return {
        "apiVersion": monitoring.MONITORING_API,
        "kind": "PrometheusRule",
        "metadata": {"name": "hostile", "labels": {"lifeline/owner": entry.action}},
        "spec": {"groups": [{"name": "hostile", "rules": [entry.rule(DOMAIN)]}]},
    }


@given(HOSTILE)
@settings(max_examples=50)
def test_the_expression_of_a_rule_with_a_hostile_label_has_one_matcher(text: str) -> None:
    parsed = promql_parser.parse(alert(text).expr)
    assert isinstance(parsed, promql_parser.BinaryExpr)
    assert str(parsed.op) == "unless"


class TestInPromtool:
    pytestmark = promtool.NEEDS_PROMTOOL

    @pytest.mark.parametrize("text", BREAKING)
    def test_a_hostile_label_and_annotation_arrives_as_it_is(self, text: str, tmp_path: Path) -> None:
        """Prometheus expands templates in both, so they are written as literals."""
        rule = alert(text).rule(DOMAIN)
        plain = rule | {
            "labels": rule["labels"] | {"job": text},
            "annotations": rule["annotations"] | {"summary": f"about {text}", "action": text},
        }
        suite = Suite(interval=10, cases=(Case(title="it fires", series={"other": f"1{FOREVER}"}, fires=(60,)),))
        assert promtool.failures([rule], suite, tmp_path / "rule", expected=[plain]) == {}


@pytest.mark.parametrize("text", BREAKING)
def test_a_hostile_contact_cannot_break_the_template_of_a_page(text: str) -> None:
    person = Person(title=text, phone="+12025550101")
    contacts = Contacts(
        levels={1: (person,)},
        specialists={},
        directory={"legal": text},
        tickets_email="t@h.org",
        team_email="e@h.org",
        heartbeat_url="https://h.org",
        hotline_backup_url="https://b.org",
    )
    (page,) = [
        entry for entry in routing.alertmanager(contacts, region="us-east-2")["receivers"] if "sns_configs" in entry
    ]
    details = page["pagerduty_configs"][0]["details"]
    for value in (details["escalation"], details["legal"]):
        assert value.replace('{{ "{{" }}', "").count("{{") == 0
        assert value.replace('{{ "{{" }}', "{{") == text
