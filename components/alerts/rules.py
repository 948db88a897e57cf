"""All alerting rules of a site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.alerts.budgets import BUDGETS
from components.alerts.canary import CANARY_ALERTS
from components.alerts.data import DATA
from components.alerts.endpoints import ENDPOINT_ALERTS
from components.alerts.model import SCRAPE_SECONDS, Alert, Group, duration
from components.alerts.notice import NOTICE
from components.alerts.plan import PLAN
from components.alerts.recordings import RECORDINGS, RECORDINGS_GROUP
from components.alerts.watch import ESCALATION, WATCH
from components.alerts.workloads import WORKLOADS
from recovery.naming import NAMESPACE

GROUPS: tuple[Group, ...] = (
    PLAN,
    ENDPOINT_ALERTS,
    CANARY_ALERTS,
    BUDGETS,
    DATA,
    WORKLOADS,
    WATCH,
    ESCALATION,
    NOTICE,
)
ALERTS: tuple[Alert, ...] = tuple(alert for group in GROUPS for alert in group.alerts)
NAME = "disaster-recovery-alerts"
"""The name of the plan."""


def rules(domain: str) -> dict[str, Any]:
    """The rules as a file of Prometheus has them, which is also the `spec` of a PrometheusRule."""
    recorded = {
        "name": RECORDINGS_GROUP,
        "interval": duration(SCRAPE_SECONDS),
        "rules": [recording.rule() for recording in RECORDINGS],
    }
    return {"groups": [*(group.rules(domain) for group in GROUPS), recorded]}


def prometheus_rule(domain: str, *, labels: Mapping[str, str]) -> dict[str, Any]:
    """The rules as the object that the operator of Prometheus reads."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(labels)},
        "spec": rules(domain),
    }
