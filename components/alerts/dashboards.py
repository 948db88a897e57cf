"""Grafana's dashboards: the state of one site, and the promises against their measured values.

Panels read recorded series only, so a dashboard that many people open costs as much as one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.alerts import recordings
from components.alerts.model import SCRAPE_SECONDS, series
from components.alerts.recordings import Recording
from recovery import objectives

Json = dict[str, Any]

DATA_SOURCE = "prometheus"
"""The uid of the data source."""
_WIDTH, _HEIGHT, _ROW = 6, 6, 24
_SCHEMA_VERSION = 39


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel: one recorded series, and the value at which it breaks a promise."""

    title: str
    recording: Recording
    unit: str
    """Grafana's unit, such as `s` or `percentunit`."""
    labels: Mapping[str, str] | None = None
    """Labels that the series must have."""
    legend: str = ""
    limit: float | None = None
    """The promise. The panel turns red there."""
    worse_below: bool = False
    """Whether values below the limit break the promise, rather than those above."""
    history: bool = False
    """Whether it draws the past, rather than the present value alone."""

    def json(self, number: int) -> Json:
        """The panel as Grafana reads it."""
        source = {"type": "prometheus", "uid": DATA_SOURCE}
        expr = series(self.recording.name, **self.labels) if self.labels else self.recording.name
        per_row = _ROW // _WIDTH
        return {
            "id": number + 1,
            "type": "timeseries" if self.history else "stat",
            "title": self.title,
            "description": f"{self.recording.meaning.capitalize()}. {self._promise()}".strip(),
            "gridPos": {
                "x": number % per_row * _WIDTH,
                "y": number // per_row * _HEIGHT,
                "w": _WIDTH,
                "h": _HEIGHT,
            },
            "datasource": source,
            "targets": [{"refId": "A", "datasource": source, "expr": expr, "legendFormat": self.legend}],
            "fieldConfig": {"defaults": {"unit": self.unit, "thresholds": self._thresholds()}, "overrides": []},
        }

    def _promise(self) -> str:
        if self.limit is None:
            return ""
        return f"Promise: {'at least' if self.worse_below else 'less than'} {self.limit:g} ({self.unit})."

    def _thresholds(self) -> Json:
        below, above = ("red", "green") if self.worse_below else ("green", "red")
        steps: list[Json] = [{"color": below if self.limit is not None else "green", "value": None}]
        if self.limit is not None:
            steps.append({"color": above, "value": self.limit})
        return {"mode": "absolute", "steps": steps}


def _budget(tier: objectives.Tier) -> float:
    """The part of six hours that one outage as long as the tier's RTO takes."""
    return tier.rto_seconds / (6 * objectives.HOUR)


RECOVERY: Sequence[Panel] = (
    Panel(
        title="User data at risk",
        recording=recordings.HEARTBEAT,
        unit="s",
        limit=objectives.RPO_USER_DATA_SECONDS,
    ),
    Panel(title="Newest backup", recording=recordings.BACKUP, unit="s", limit=objectives.OLDEST_BACKUP_SECONDS),
    Panel(title="Newest proved backup", recording=recordings.PROVED, unit="s", limit=objectives.OLDEST_BACKUP_SECONDS),
    Panel(
        title="The other site answers",
        recording=recordings.ANSWERS,
        labels={"endpoint": "peer"},
        unit="bool_yes_no",
        limit=1,
        worse_below=True,
    ),
    Panel(
        title="Crisis detection answers within",
        recording=recordings.ANSWER_SECONDS,
        labels={"endpoint": "crisis"},
        unit="s",
        limit=objectives.CRISIS_RESPONSE_SECONDS,
    ),
    Panel(
        title="Crisis detection: outage in 6 h",
        recording=recordings.UNANSWERED,
        labels={"endpoint": "crisis"},
        unit="percentunit",
        limit=_budget(objectives.CRISIS),
    ),
    Panel(
        title="Core platform: outage in 6 h",
        recording=recordings.UNANSWERED,
        labels={"endpoint": "web"},
        unit="percentunit",
        limit=_budget(objectives.CORE),
    ),
    Panel(
        title="First certificate ends in",
        recording=recordings.CERTIFICATE,
        unit="s",
        limit=21 * 24 * objectives.HOUR,
        worse_below=True,
    ),
)
SITE: Sequence[Panel] = (
    Panel(title="Alerts that fire", recording=recordings.FIRING, unit="short", legend="{{severity}}"),
    Panel(title="Targets that answer", recording=recordings.UP, unit="percentunit", legend="{{job}}", history=True),
    Panel(
        title="Pods missing",
        recording=recordings.UNAVAILABLE,
        unit="short",
        legend="{{deployment}}",
        limit=1,
        history=True,
    ),
    Panel(
        title="Public endpoints",
        recording=recordings.ANSWERS,
        unit="bool_yes_no",
        legend="{{endpoint}}",
        limit=1,
        worse_below=True,
    ),
    Panel(title="Answers", recording=recordings.ANSWER_SECONDS, unit="s", legend="{{endpoint}}", history=True),
    Panel(title="Age of replicated data", recording=recordings.HEARTBEAT, unit="s", history=True),
    Panel(title="Processors", recording=recordings.CPU, unit="short", legend="{{pod}}", history=True),
    Panel(title="Memory", recording=recordings.MEMORY, unit="bytes", legend="{{pod}}", history=True),
)
DASHBOARDS: Mapping[str, tuple[str, Sequence[Panel]]] = {
    "recovery": ("Recovery: promises against measured values", RECOVERY),
    "site": ("Site", SITE),
}
"""The title and the panels by uid."""


def files(site: str) -> dict[str, str]:
    """The dashboards of one site, by file name, as Grafana reads them."""
    return {
        f"{uid}.json": json.dumps(_dashboard(uid, f"{title} ({site})", panels), indent=1, sort_keys=True)
        for uid, (title, panels) in DASHBOARDS.items()
    }


def _dashboard(uid: str, title: str, panels: Sequence[Panel]) -> Json:
    return {
        "uid": f"lifeline-{uid}",
        "title": title,
        "tags": ["lifeline"],
        "timezone": "utc",
        "editable": False,
        "schemaVersion": _SCHEMA_VERSION,
        "refresh": f"{SCRAPE_SECONDS}s",
        "time": {"from": "now-6h", "to": "now"},
        "panels": [panel.json(number) for number, panel in enumerate(panels)],
    }
