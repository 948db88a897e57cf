"""CloudWatch's evaluation of an alarm, as far as the alarms here use it.

Source: Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from components.alarms.model import Alarm, Comparison, Missing

Period = tuple[float, ...]
"""The raw samples of one period. Without a sample, a period has no value in any statistic."""

FURTHER_PERIODS = 3
"""CloudWatch retrieves more periods than it evaluates. The guide gives no number; any small one shows the effect."""

_STATISTICS: dict[str, Callable[[Period], float]] = {
    "Average": fmean,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Sum": sum,
}
STATISTICS = tuple(_STATISTICS)


def fires(alarm: Alarm, periods: Sequence[Period]) -> bool:
    """Whether the alarm's state is ALARM at the end of the periods."""
    retrieved = periods[-(alarm.periods + FURTHER_PERIODS) :]
    values = [_STATISTICS[alarm.statistic](samples) for samples in retrieved if samples]
    newest = values[-alarm.periods :]
    is_complete = len(newest) == alarm.periods
    return all(_is_fault(alarm, value) for value in newest) and (is_complete or alarm.missing is Missing.FAULT)


def _is_fault(alarm: Alarm, value: float) -> bool:
    return value > alarm.threshold if alarm.comparison is Comparison.ABOVE else value < alarm.threshold
