"""Every recorded series in promtool: its exact values, and no mutant that yields the same ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.alerts import recordings
from components.alerts.dashboards import DASHBOARDS, files
from components.alerts.recordings import RECORDINGS, Recording
from tests.alerts import promtool
from tests.alerts.mutants import expressions

NAMESPACE = 'namespace="mental-health-platform"'
OTHER = 'namespace="other"'
AT = 600
"""The second at which the values are compared, and 60 samples. A recording of hours has longer ones."""
SLOWER = {recordings.UNANSWERED.name: 72}
"""The factor of its times."""
Samples = Mapping[str, str]
Values = Mapping[str, float]
CASES: Mapping[str, tuple[Samples, Values]] = {
    recordings.ANSWERS.name: (
        {
            'probe_success{job="probe", endpoint="crisis", tier="crisis", instance="a"}': "1x99",
            'probe_success{job="probe", endpoint="crisis", tier="crisis", instance="b"}': "0x99",
            'probe_success{job="probe", endpoint="crisis", tier="crisis", instance="c"}': "1x99",
            'probe_success{job="probe", endpoint="web", tier="core", instance="c"}': "0x99",
            'probe_success{job="other", endpoint="web", tier="core", instance="d"}': "1x99",
        },
        {'{endpoint="crisis", tier="crisis"}': 1, '{endpoint="web", tier="core"}': 0},
    ),
    recordings.ANSWER_SECONDS.name: (
        {
            'probe_duration_seconds{job="probe", endpoint="crisis", tier="crisis", instance="a"}': "2x99",
            'probe_duration_seconds{job="probe", endpoint="crisis", tier="crisis", instance="b"}': "3x99",
            'probe_duration_seconds{job="other", endpoint="crisis", tier="crisis", instance="c"}': "9x99",
        },
        {'{endpoint="crisis", tier="crisis"}': 3},
    ),
    recordings.UNANSWERED.name: (
        {
            'probe_success{job="probe", endpoint="crisis", tier="crisis", instance="a"}': "0x35 1x14 0x20",
            'probe_success{job="probe", endpoint="crisis", tier="crisis", instance="b"}': "1x99",
            'probe_success{job="other", endpoint="crisis", tier="crisis", instance="c"}': "0x99",
        },
        # One of the two instances answered 15 of the 31 probes of six hours.
        {'{endpoint="crisis", tier="crisis"}': 1 - (15 / 31 + 1) / 2},
    ),
    recordings.CERTIFICATE.name: (
        {
            'probe_ssl_earliest_cert_expiry{job="probe", instance="a"}': "9000x99",
            'probe_ssl_earliest_cert_expiry{job="probe", instance="b"}': "8000x99",
            'probe_ssl_earliest_cert_expiry{job="other", instance="c"}': "700x99",
        },
        {"{}": 8000 - AT},
    ),
    recordings.UP.name: (
        {'up{job="a", pod="0"}': "1x99", 'up{job="a", pod="1"}': "0x99", 'up{job="b", pod="0"}': "1x99"},
        {'{job="a"}': 0.5, '{job="b"}': 1},
    ),
    recordings.HEARTBEAT.name: (
        {'lifeline_heartbeat_age_seconds{pod="0"}': "30x99", 'lifeline_heartbeat_age_seconds{pod="1"}': "40x99"},
        {"{}": 30},
    ),
    recordings.BACKUP.name: (
        {
            'lifeline_backup_newest_timestamp_seconds{pod="0"}': "100x99",
            'lifeline_backup_newest_timestamp_seconds{pod="1"}': "200x99",
        },
        {"{}": AT - 200},
    ),
    recordings.PROVED.name: (
        {
            'lifeline_backup_proved_timestamp_seconds{pod="0"}': "100x99",
            'lifeline_backup_proved_timestamp_seconds{pod="1"}': "200x99",
        },
        {"{}": AT - 200},
    ),
    recordings.UNAVAILABLE.name: (
        {
            f'kube_deployment_status_replicas_unavailable{{{NAMESPACE}, deployment="fence", pod="0"}}': "3x99",
            f'kube_deployment_status_replicas_unavailable{{{NAMESPACE}, deployment="fence", pod="1"}}': "2x99",
            f'kube_deployment_status_replicas_unavailable{{{OTHER}, deployment="fence", pod="0"}}': "9x99",
        },
        {'{deployment="fence"}': 3},
    ),
    recordings.FIRING.name: (
        {
            'ALERTS{alertstate="firing", severity="critical", alertname="A"}': "1x99",
            'ALERTS{alertstate="firing", severity="critical", alertname="B"}': "1x99",
            'ALERTS{alertstate="firing", severity="critical", alertname="C"}': "1x99",
            'ALERTS{alertstate="pending", severity="warning", alertname="D"}': "1x99",
            'ALERTS{alertstate="firing", severity="none", alertname="Watchdog"}': "1x99",
        },
        {'{severity="critical"}': 3},
    ),
    recordings.CPU.name: (
        {
            f'container_cpu_usage_seconds_total{{{NAMESPACE}, pod="a", container="app"}}': "0+1x29 30+5x17 120+30x12",
            f'container_cpu_usage_seconds_total{{{NAMESPACE}, pod="a", container="side"}}': "0+2x29 60+10x17 240+60x12",
            f'container_cpu_usage_seconds_total{{{NAMESPACE}, pod="a", container=""}}': "0+15x99",
            f'container_cpu_usage_seconds_total{{{OTHER}, pod="a", container="app"}}': "0+20x99",
        },
        {'{pod="a"}': 1.5 + 3},
    ),
    recordings.MEMORY.name: (
        {
            f'container_memory_working_set_bytes{{{NAMESPACE}, pod="a", container="app"}}': "10x99",
            f'container_memory_working_set_bytes{{{NAMESPACE}, pod="a", container="sidecar"}}': "5x99",
            f'container_memory_working_set_bytes{{{NAMESPACE}, pod="a", container=""}}': "15x99",
            f'container_memory_working_set_bytes{{{OTHER}, pod="a", container="app"}}': "99x99",
        },
        {'{pod="a"}': 15},
    ),
}


EQUIVALENT = 'sum by (severity) (ALERTS{alertstate="firing", alertname!="Watchdog"})'
"""The only mutant that no sample can tell from its rule: every sample of `ALERTS` is 1."""


def holds(expr: str, recording: Recording, folder: Path) -> bool:
    """Whether an expression yields the values of a recording's case."""
    samples, values = CASES[recording.name]
    folder.mkdir()
    test = folder / "test.json"
    factor = SLOWER.get(recording.name, 1)
    compared = {"expr": expr, "eval_time": f"{AT * factor}s"}
    expected = [{"labels": labels, "value": value} for labels, value in values.items()]
    case = {
        "interval": f"{10 * factor}s",
        "input_series": [{"series": name, "values": sample} for name, sample in samples.items()],
        "promql_expr_test": [compared | {"exp_samples": expected}],
    }
    test.write_text(json.dumps({"evaluation_interval": "10s", "tests": [case]}))
    return promtool.run(test) == {}


class TestInPromtool:
    pytestmark = promtool.NEEDS_PROMTOOL

    @pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
    def test_a_recorded_series_has_its_values_and_no_mutant_has_them(
        self, recording: Recording, tmp_path: Path
    ) -> None:
        assert holds(recording.expr, recording, tmp_path / "original")
        mutants = list(expressions(recording.expr))
        same = [expr for number, expr in enumerate(mutants) if holds(expr, recording, tmp_path / str(number))]
        assert len(mutants) >= 5
        assert [expr for expr in same if expr != EQUIVALENT] == []


def test_each_recorded_series_has_a_case_and_a_panel() -> None:
    names = [recording.name for recording in RECORDINGS]
    assert sorted(CASES) == sorted(set(names)) == sorted(names)
    shown = {panel.recording.name for _, panels in DASHBOARDS.values() for panel in panels}
    assert shown == set(names)


def test_each_panel_of_a_dashboard_reads_one_recorded_series_and_lies_on_no_other() -> None:
    for text in files("primary").values():
        dashboard = json.loads(text)
        places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]}
        assert len(places) == len(dashboard["panels"]) >= 8
        for panel in dashboard["panels"]:
            (target,) = panel["targets"]
            assert target["expr"].partition("{")[0] in CASES


def test_a_broken_promise_is_red_on_the_dashboard() -> None:
    panels = {panel["title"]: panel for panel in json.loads(files("primary")["recovery.json"])["panels"]}
    loss = panels["User data at risk"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert loss == [{"color": "green", "value": None}, {"color": "red", "value": 3600}]
    peer = panels["The other site answers"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert peer == [{"color": "red", "value": None}, {"color": "green", "value": 1}]
