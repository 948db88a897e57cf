"""Alerts and their groups, and how they are written for Prometheus.

An alert does not describe a fault. It describes health, and fires unless the newest samples show health. So it also
fires if a target has vanished, was never scraped, or reports NaN, and it needs no second rule with `absent()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recovery import objectives

Rule = dict[str, Any]

SCRAPE_SECONDS = 10
"""The interval of scrapes, and of the evaluation of rules."""
ESCALATED = "level"
"""The label of the level of the escalation that a page has reached. Every page begins at level 1."""
INCIDENT = "incident"
"""The label that an alert shares with its escalations, so that one silence answers all of them."""


class Severity(StrEnum):
    """The reaction that an alert demands."""

    CRITICAL = "critical"
    """Pages at once, at any hour, and escalates until someone answers."""
    WARNING = "warning"
    """Becomes a ticket for the next working day."""
    NONE = "none"
    """Goes to a machine only."""


class Team(StrEnum):
    """The team that receives an alert. The first three are those of the plan."""

    EMERGENCY = "emergency-response"
    DATABASE = "database"
    CRISIS = "crisis-response"
    PLATFORM = "platform"
    NOTICE = "public-notice"
    """The people who decide on a public notice."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alerting rule."""

    name: str
    expr: str
    """PromQL. Use `unless_shown` for all but the Watchdog and the escalation."""
    wait_seconds: int
    """The time for which the expression must hold before the alert fires: `for`."""
    severity: Severity
    team: Team
    summary: str
    action: str
    """The first thing to do, in one sentence."""
    source: str
    """The program that exports the metrics. For readers of the code; Prometheus does not see it."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further labels, such as the name of the service."""

    def rule(self, domain: str) -> Rule:
        """The rule as Prometheus reads it.

        Args:
            domain: the platform's domain, at which the runbooks are published.
        """
        labels = {"severity": str(self.severity), "team": str(self.team), **self.labels}
        if self.severity is Severity.CRITICAL and ESCALATED not in labels:
            labels = {INCIDENT: self.name, ESCALATED: "1", **labels}
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": duration(self.wait_seconds),
            "labels": {name: literal(value) for name, value in labels.items()},
            "annotations": {
                "summary": literal(self.summary),
                "action": literal(self.action),
                "runbook_url": runbook_url(self.name, domain),
            },
        }


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rules that Prometheus evaluates together."""

    name: str
    alerts: tuple[Alert, ...]
    interval_seconds: int = SCRAPE_SECONDS
    """The time between two evaluations."""

    def rules(self, domain: str) -> dict[str, Any]:
        """The group as Prometheus reads it."""
        return {
            "name": self.name,
            "interval": duration(self.interval_seconds),
            "rules": [alert.rule(domain) for alert in self.alerts],
        }


def runbook_url(name: str, domain: str) -> str:
    """The address of an alert's page. The plan has the folder; the page is named after the alert, in lower case."""
    return f"https://docs.{domain}/disaster-recovery/{name.lower()}"


def unless_shown(healthy: str) -> str:
    """An expression that yields 1 unless another one, which must have no labels, yields a sample."""
    return f"vector(1) unless ({healthy})"


def up(job: str) -> str:
    """An expression that yields a sample if Prometheus could scrape at least one target of a job."""
    return f"max({series('up', job=job)}) == 1"


def younger(metric: str, seconds: int) -> str:
    """An expression for the newest time in a metric, which yields a sample if the time is less than a limit ago."""
    return f"time() - max({metric}) < {seconds}"


def all_younger(metric: str, seconds: int) -> str:
    """An expression for the oldest time in a metric, which yields a sample if the time is less than a limit ago."""
    return f"time() - min({metric}) < {seconds}"


def series(metric: str, **labels: str) -> str:
    """A metric with exact labels, whatever characters they contain."""
    matchers = ", ".join(f"{name}={quoted(value)}" for name, value in labels.items())
    return f"{metric}{{{matchers}}}"


def quoted(text: str) -> str:
    """A string literal of PromQL. Escapes as in Go, which the Prometheus documentation names as its rule."""
    escaped = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\x00": "\\x00"}
    return '"' + "".join(escaped.get(character, character) for character in text) + '"'


def literal(text: str) -> str:
    """A text in which a template of Go, as Prometheus and Alertmanager expand them, finds no action."""
    return text.replace("{{", '{{ "{{" }}')


def duration(seconds: int) -> str:
    """A duration of Prometheus in its largest unit, such as `90s` or `2m`."""
    for unit, size in (("d", 24 * objectives.HOUR), ("h", objectives.HOUR), ("m", objectives.MINUTE)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
