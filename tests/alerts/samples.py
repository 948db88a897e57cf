"""The samples of cases: health, a fault after it, series that vanish, and jobs that die.

A fault begins after `HEALTHY` samples, unless a case says otherwise. The alert fires its `for` later, and not one
evaluation earlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.alerts.model import Alert
from recovery import objectives
from tests.alerts.promtool import FOREVER, Case, Suite

HEALTHY = 10
"""Samples of health before a fault."""
Series = Mapping[str, str]


def interval(alert: Alert) -> int:
    """Seconds between two samples: those of the site, or more where an alert waits for long."""
    if alert.name == "ErrorBudgetBurn":  # its windows are long, and it counts samples
        return 900 if alert.wait_seconds >= objectives.HOUR else 60
    if alert.wait_seconds >= objectives.HOUR:
        return 300
    return 60 if alert.wait_seconds >= 10 * objectives.MINUTE else 10


def before(value: float, after: float | str) -> str:
    """Samples of one value during health, and of another, or samples in promtool's notation, from the fault on."""
    return f"{value}x{HEALTHY - 1} {after if isinstance(after, str) else always(after)}"


def always(value: float) -> str:
    return f"{value}{FOREVER}"


FROM_FAULT = f"_x{HEALTHY} 1{FOREVER}"
"""No sample in health, and 1 from the fault on."""
UNKNOWN = " ".join(["NaN"] * 500)
"""The notation has no repetition of NaN."""


def health(alert: Alert, series: Series, *, title: str = "it is silent in health") -> Case:
    return Case(title=title, series=series, silent=(HEALTHY * interval(alert) + 3 * alert.wait_seconds,))


def fault(alert: Alert, title: str, series: Series, *, at: int | None = None) -> Case:
    """A fault that begins at a second."""
    step = interval(alert)
    fires = (HEALTHY * step if at is None else at) + alert.wait_seconds
    return Case(title=title, series=series, silent=(fires - step,), fires=(fires, fires + 10 * step))


def vanishing(alert: Alert, series: Series, names: tuple[str, ...]) -> Iterator[Case]:
    """The series of each name vanish, or were never there."""
    for name in names:
        others = {key: values for key, values in series.items() if not key.startswith(name)}
        gone = {
            key: f"{values.removesuffix(FOREVER)}x{HEALTHY - 1} stale"
            for key, values in series.items()
            if key.startswith(name)
        }
        assert gone, name
        yield fault(alert, f"{name} vanishes", {**others, **gone})
        yield fault(alert, f"{name} was never there", others, at=0)


def up(job: str, *values: str) -> dict[str, str]:
    return {f'up{{job="{job}", pod="{number}"}}': samples for number, samples in enumerate(values)}


OTHERS = {
    **up("kubelet", always(1)),
    'pg_up{job="postgresql-of-another-team"}': always(1),
}
"""Healthy series that are none of the rules' business."""


def job_cases(alert: Alert, job: str, others: Series) -> Iterator[Case]:
    both = up(job, always(1), always(1))
    yield health(alert, {**others, **both})
    one = {**others, **up(job, always(1), before(1, 0))}
    yield health(alert, one, title="one dead pod of two is no complete failure")
    yield fault(alert, "both pods die", {**others, **up(job, before(1, 0), before(1, 0))})
    short = f"1x{HEALTHY - 1} 0x{alert.wait_seconds // interval(alert) - 1} 1{FOREVER}"
    yield health(alert, {**others, **up(job, short, short)}, title="the pods are away for less than the time allowed")
    yield from vanishing(alert, {**others, **both}, (f'up{{job="{job}"',))


def newest(metric: str, limit: int, alert: Alert, *, others: Series = OTHERS, labels: str = "") -> Suite:
    """The newest time in a metric, which may be a limit old. Two pods report it, one of them an older one."""
    step = interval(alert)
    one, other = f'{metric}{{{labels}pod="0"}}', f'{metric}{{{labels}pod="1"}}'

    def at(newest: float, older: float) -> Series:
        return {**others, one: always(newest), other: always(older)}

    first = limit + alert.wait_seconds
    cases = [
        Case(title="it is silent in health", series=at(0, 0), silent=(limit,)),
        fault(alert, "the newest is too old", at(0, -limit), at=limit),
        Case(title="it is one second younger", series=at(1, -limit), silent=(first,), fires=(first + step,)),
        Case(title="there is none", series={**others, one: UNKNOWN}, fires=(alert.wait_seconds,)),
        *vanishing(alert, {**others, one: f"0+{step}{FOREVER}"}, (one,)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def oldest(metric: str, limit: int, alert: Alert) -> Suite:
    """The oldest time in a metric, which may be a limit old. Each of two pods reports one, and neither may be old."""
    step = interval(alert)
    one, other = f'{metric}{{pod="0"}}', f'{metric}{{pod="1"}}'

    def at(newest: float, older: float) -> Series:
        return {**OTHERS, one: always(newest), other: always(older)}

    first = limit + alert.wait_seconds
    cases = [
        Case(title="it is silent in health", series=at(0, 0), silent=(limit,)),
        fault(alert, "one pod of two is too old", at(0, -limit), at=0),
        Case(title="the older is one second younger", series=at(limit, 1), silent=(first,), fires=(first + step,)),
        Case(title="there is none", series={**OTHERS, one: UNKNOWN}, fires=(alert.wait_seconds,)),
        *vanishing(alert, {**OTHERS, one: f"0+{step}{FOREVER}"}, (one,)),
    ]
    return Suite(interval=step, cases=tuple(cases))
