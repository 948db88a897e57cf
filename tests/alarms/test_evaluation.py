"""Each alarm under CloudWatch's evaluation, and every mutant of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from components.alarms.model import Alarm, Comparison, Missing
from tests.alarms.cases import ALARMS, CASES, NOTHING
from tests.alarms.cloudwatch import FURTHER_PERIODS, STATISTICS, fires

BY_NAME = {alarm.name: alarm for alarm in ALARMS}
every_alarm = pytest.mark.parametrize("alarm", ALARMS, ids=BY_NAME)

COUNTED = "a period without samples has no count, and one with samples has at least 1"
COUNTS = "the samples are whole numbers and not negative"
BINARY = "the samples are 0 and 1"
EQUIVALENT: dict[tuple[str, str], str] = {
    ("DatabaseSilent", "threshold 0"): COUNTED,
    ("LedgerSilent", "threshold 0"): COUNTED,
    ("DatabaseSilent", "threshold 0.5"): COUNTED,
    ("LedgerSilent", "threshold 0.5"): COUNTED,
    ("LedgerWritesFailing", "Average"): COUNTS,
    ("LedgerWritesFailing", "Maximum"): COUNTS,
    ("CopyFailed", "Average"): COUNTS,
    ("CopyFailed", "Maximum"): COUNTS,
    ("RecoveryPointMissing", "Maximum"): COUNTS,
    ("RecoveryPointMissing", "threshold 0.5"): COUNTS,
    ("LogsMissing", "Maximum"): COUNTS,
    ("LogsMissing", "threshold 0.5"): COUNTS,
    ("CrisisUnreachable", "Average"): BINARY,
    ("CrisisUnreachable", "threshold 0.5"): BINARY,
    ("SiteUnreachable", "Average"): BINARY,
    ("SiteUnreachable", "threshold 0.5"): BINARY,
}
"""Mutants that no sample can tell from their alarm, with the proof."""


def mutants(alarm: Alarm) -> Iterator[tuple[str, Alarm]]:
    (other,) = set(Comparison) - {alarm.comparison}
    yield f"comparison {other}", replace(alarm, comparison=other)
    (missing,) = set(Missing) - {alarm.missing}
    yield f"missing {missing}", replace(alarm, missing=missing)
    for threshold in sorted({alarm.threshold * 2, alarm.threshold / 2, alarm.threshold + 1, alarm.threshold - 1}):
        if threshold != alarm.threshold:
            yield f"threshold {threshold:g}", replace(alarm, threshold=threshold)
    for statistic in STATISTICS:
        if statistic != alarm.statistic:
            yield statistic, replace(alarm, statistic=statistic)
    for periods in (alarm.periods - 1, alarm.periods + 1):
        if periods:
            yield f"periods {periods}", replace(alarm, periods=periods)


def holds(alarm: Alarm) -> bool:
    cases = CASES[alarm.name]
    return not any(fires(alarm, series) for series in cases.quiet.values()) and all(
        fires(alarm, series) and not fires(alarm, series[:-1]) for series in cases.firing.values()
    )


def test_each_alarm_has_cases() -> None:
    assert sorted(CASES) == sorted(BY_NAME)


@every_alarm
def test_an_alarm_is_quiet_in_health_and_in_its_near_misses(alarm: Alarm) -> None:
    assert [name for name, series in CASES[alarm.name].quiet.items() if fires(alarm, series)] == []


@every_alarm
def test_an_alarm_fires_after_its_periods_and_not_one_earlier(alarm: Alarm) -> None:
    firing = CASES[alarm.name].firing
    assert [name for name, series in firing.items() if not fires(alarm, series)] == []
    assert [name for name, series in firing.items() if fires(alarm, series[:-1])] == []


@every_alarm
def test_an_alarm_without_any_sample_fires_unless_no_sample_is_health(alarm: Alarm) -> None:
    assert fires(alarm, [NOTHING] * (alarm.periods + FURTHER_PERIODS)) == (alarm.missing is Missing.FAULT)


@every_alarm
def test_every_mutant_is_caught(alarm: Alarm) -> None:
    alive = {name for name, mutant in mutants(alarm) if holds(mutant)}
    assert alive == {name for alarm_name, name in EQUIVALENT if alarm_name == alarm.name}


@pytest.mark.parametrize(("period", "periods"), [(60, 1441), (3600, 169), (90, 1)])
def test_an_evaluation_that_cloudwatch_refuses_is_refused(period: int, periods: int) -> None:
    with pytest.raises(ValueError, match=f"evaluates {periods} periods of {period} s"):
        replace(ALARMS[0], period_seconds=period, periods=periods)
