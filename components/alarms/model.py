"""An alarm, and how it is written for CloudWatch.

CloudWatch evaluates the newest periods of one metric. An alarm whose metric always has samples fires if they vanish;
one whose metric has samples only at work treats their absence as health.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pulumi

from components.alerts.model import Severity, runbook_url
from recovery import objectives


class Comparison(StrEnum):
    """The side of the threshold on which a sample is a fault."""

    ABOVE = "GreaterThanThreshold"
    BELOW = "LessThanThreshold"


class Missing(StrEnum):
    """The meaning of a period without a sample."""

    FAULT = "breaching"
    HEALTH = "notBreaching"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm on one metric."""

    name: str
    """The name of its page."""
    subject: str
    """The thing that it watches. A text message has the alarm's full name and little else."""
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str
    comparison: Comparison
    threshold: float
    """In the unit of the metric."""
    period_seconds: int = objectives.MINUTE
    periods: int
    """It fires when all of so many periods have the fault."""
    missing: Missing
    severity: Severity
    summary: str
    action: str
    """The first thing to do, in one sentence."""
    source: str = field(repr=False)
    """The documentation of the metric. For readers of the code."""

    def __post_init__(self) -> None:
        total = self.period_seconds * self.periods
        # Source: Amazon CloudWatch API Reference, "PutMetricAlarm", EvaluationPeriods.
        longest = 7 * 24 * objectives.HOUR if self.period_seconds >= objectives.HOUR else 24 * objectives.HOUR
        if self.period_seconds % objectives.MINUTE or total > longest:
            raise ValueError(f"{self.full_name} evaluates {self.periods} periods of {self.period_seconds} s")

    @property
    def full_name(self) -> str:
        """The name in CloudWatch, unique in its region."""
        return f"{self.subject}-{self.name}"

    def inputs(self, domain: str) -> dict[str, Any]:
        """The alarm as CloudWatch takes it, without its actions.

        Args:
            domain: the platform's domain, at which the runbooks are published.
        """
        return {
            "name": self.full_name,
            "alarm_description": f"{self.summary}. {self.action}: {runbook_url(self.name, domain)}",
            "namespace": self.namespace,
            "metric_name": self.metric,
            "dimensions": dict(self.dimensions),
            "statistic": self.statistic,
            "comparison_operator": str(self.comparison),
            "threshold": self.threshold,
            "period": self.period_seconds,
            "evaluation_periods": self.periods,
            "datapoints_to_alarm": self.periods,
            "treat_missing_data": str(self.missing),
        }
