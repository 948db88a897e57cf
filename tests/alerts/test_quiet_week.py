"""An ordinary week pages no one: a deployment a day, quiet nights, a lost node, and the daily jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from components.alerts.budgets import BUDGETS
from components.alerts.endpoints import ENDPOINTS, PROBE_JOB
from components.alerts.model import Group
from components.alerts.rules import GROUPS
from components.alerts.workloads import CRON_JOBS
from components.kube.services import SERVICES
from tests.alerts import promtool
from tests.alerts.promtool import DOMAIN

pytestmark = promtool.NEEDS_PROMTOOL

STEP = 30
DAY = 24 * 3600
WEEK = 7 * DAY
PLACE = 'namespace="mental-health-platform"'
MOMENTS = range(0, WEEK + STEP, STEP)
DEPLOYMENT = range(10 * 3600, 10 * 3600 + 180)
"""Seconds of each day in which a deployment replaces one pod."""
LOST_NODE = range(3 * DAY + 2 * 3600, 3 * DAY + 2 * 3600 + 240)
"""A node is lost in the fourth night, and its pods are available elsewhere after four minutes."""


def written(values: Iterable[float]) -> str:
    """Samples in promtool's notation."""
    return " ".join(f"{value}x{len(list(run)) - 1}" for value, run in groupby(values))


def disturbed(moment: int) -> bool:
    return moment % DAY in DEPLOYMENT or moment in LOST_NODE


def daily(hour: float, seconds: int) -> Iterator[float]:
    """The time of the newest daily work, which is reported some seconds after it began."""
    for moment in MOMENTS:
        yield ((moment - seconds - hour * 3600) // DAY) * DAY + hour * 3600


def pods(job: str) -> Iterator[tuple[str, str]]:
    yield f'up{{job="{job}", pod="0"}}', written(1 for _ in MOMENTS)
    yield f'up{{job="{job}", pod="1"}}', written(0 if disturbed(moment) else 1 for moment in MOMENTS)


def deployment(name: str, size: int, metric: str, label: str) -> Iterator[tuple[str, str]]:
    available = written(size - 1 if moment in LOST_NODE else size for moment in MOMENTS)
    yield f'kube_deployment_status_replicas_available{{{PLACE}, deployment="{name}"}}', available
    yield f'{metric}{{{PLACE}, {label}="{name}"}}', written(size for _ in MOMENTS)


def week() -> Iterator[tuple[str, str]]:
    """The series of a site in one week."""
    for job in (
        "mental-health-backend",
        "crisis-detector",
        "postgresql",
        "kube-state-metrics",
        "blackbox-exporter",
        "canary",
    ):
        yield from pods(job)
    for pod in (0, 1):
        place = f'pod="{pod}"'
        for call in ("detect", "escalate", "hotline"):
            # A call a night is lost, or slow.
            rare = [m % DAY == 4 * 3600 for m in MOMENTS]
            yield f'lifeline_canary_success{{{place}, call="{call}"}}', written(0 if lost else 1 for lost in rare)
            yield (
                f'lifeline_canary_duration_seconds{{{place}, call="{call}"}}',
                written(5 if slow else 0.2 for slow in rare),
            )
        # A clinician tries keywords for half an hour.
        keywords = range(2 * DAY + 11 * 3600, 2 * DAY + 11 * 3600 + 1800)
        yield f"lifeline_canary_degraded{{{place}}}", written(int(m in keywords) for m in MOMENTS)
        yield f"lifeline_canary_active_sites{{{place}}}", written(1 for _ in MOMENTS)
        yield f"lifeline_canary_dns_agrees{{{place}}}", written(1 for _ in MOMENTS)
        yield f"lifeline_fence_closed{{{place}}}", written(0 for _ in MOMENTS)
        yield f"lifeline_fence_seen_timestamp_seconds{{{place}}}", written(MOMENTS)
        yield f"lifeline_switch_seen_timestamp_seconds{{{place}}}", written(MOMENTS)
        yield f'pg_up{{job="postgresql", pod="{pod}"}}', written(1 for _ in MOMENTS)
        yield (
            f'lifeline_heartbeat_age_seconds{{pod="{pod}"}}',
            written(200 if moment in LOST_NODE else moment % 60 for moment in MOMENTS),
        )
        yield f'lifeline_backup_listed_timestamp_seconds{{pod="{pod}"}}', written(m - m % 300 for m in MOMENTS)
        yield f'lifeline_backup_newest_timestamp_seconds{{pod="{pod}"}}', written(daily(7.3, 1800))
        yield f'lifeline_backup_proved_timestamp_seconds{{pod="{pod}"}}', written(daily(7.3, 3 * 3600))
    for endpoint in ENDPOINTS:
        # A probe a night is lost on its way.
        place = f'job="{PROBE_JOB}", endpoint="{endpoint.name}"'
        yield f"probe_success{{{place}}}", written(0 if m % DAY == 4 * 3600 else 1 for m in MOMENTS)
        yield f"probe_ssl_earliest_cert_expiry{{{place}}}", written(60 * DAY for _ in MOMENTS)
    for service in SERVICES:
        yield from deployment(
            service.name, 3, "kube_horizontalpodautoscaler_spec_min_replicas", "horizontalpodautoscaler"
        )
    yield from deployment("placeholder", 2, "kube_deployment_spec_replicas", "deployment")
    yield from deployment("fence", 2, "kube_deployment_spec_replicas", "deployment")
    for job in CRON_JOBS:
        yield (
            f'kube_cronjob_status_last_successful_time{{{PLACE}, cronjob="{job}"}}',
            written(daily(6, 1200)),
        )


@pytest.mark.parametrize(("days", "lost", "pages"), [(7, 0, 0), (2, 600, 2)])
def test_an_ordinary_week_pages_no_one(tmp_path: Path, days: int, lost: int, pages: int) -> None:
    """The second run proves that the first could fail: the crisis detector is away, and no one answers."""
    series = dict(week())
    if lost:
        for pod in (0, 1):
            series[f'up{{job="crisis-detector", pod="{pod}"}}'] = written(
                0 if m in range(DAY, DAY + lost) else 1 for m in MOMENTS
            )
    assert paged(series, [group for group in GROUPS if group is not BUDGETS], tmp_path, days=days, pages=pages) == {}


@pytest.mark.parametrize(("failing", "pages"), [(0, 0), (40, 1)])
def test_an_ordinary_week_burns_no_error_budget(tmp_path: Path, failing: int, pages: int) -> None:
    """Evaluated every five minutes: each evaluation reads three days. The second run proves that it could fail."""
    series = {name: values for name, values in week() if name.startswith("probe_success")}
    if failing:
        crisis = next(name for name in series if 'endpoint="crisis"' in name)
        series[crisis] = written(0 if m % 3600 < STEP and m < failing * 3600 else 1 for m in MOMENTS)
    assert paged(series, [BUDGETS], tmp_path, days=7, pages=pages, evaluation=300) == {}


def paged(
    series: Mapping[str, str], groups: Sequence[Group], folder: Path, *, days: int, pages: int, evaluation: int = STEP
) -> dict[str, str]:
    """The report of promtool if another number of alerts has fired."""
    file, test = folder / "rules.json", folder / "test.json"
    file.write_text(json.dumps({"groups": [group.rules(DOMAIN) for group in groups]}))
    fired = 'count(count by (alertname) (count_over_time(ALERTS{alertstate="firing", alertname!="Watchdog"}[7d])))'
    expected = [{"labels": "{}", "value": pages}] if pages else []
    test.write_text(
        json.dumps(
            {
                "rule_files": [str(file)],
                "evaluation_interval": f"{evaluation}s",
                "tests": [
                    {
                        "interval": f"{STEP}s",
                        "input_series": [{"series": name, "values": values} for name, values in series.items()],
                        "promql_expr_test": [{"expr": fired, "eval_time": f"{days}d", "exp_samples": expected}],
                    }
                ],
            }
        )
    )
    return promtool.run(test)
