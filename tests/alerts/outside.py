"""The cases of alerts about the outside: probes, the canary, budgets and the public notice."""

from __future__ import annotations

from dataclasses import replace

from components.alerts.model import Alert
from recovery import objectives
from tests.alerts.promtool import FOREVER, Case, Suite
from tests.alerts.samples import (
    FROM_FAULT,
    HEALTHY,
    OTHERS,
    UNKNOWN,
    Series,
    always,
    before,
    fault,
    health,
    interval,
    job_cases,
    vanishing,
)


def probe(name: str, metric: str = "probe_success", instance: int = 0, job: str = "probe") -> str:
    return f'{metric}{{job="{job}", endpoint="{name}", instance="{instance}"}}'


def endpoint(alert: Alert) -> Suite:
    """Two addresses of one endpoint answer; probes of other endpoints and other exporters are none of its business."""
    name = alert.labels.get("endpoint", "peer")
    answer = {**OTHERS, probe("other"): always(1), probe(name, job="other"): always(1)}
    silent = {**OTHERS, probe("other"): always(0), probe(name, job="other"): always(0)}
    short = f"1x{HEALTHY - 1} 0x{alert.wait_seconds // interval(alert) - 1} 1{FOREVER}"
    cases = [
        health(alert, {**silent, probe(name): always(1)}),
        health(alert, {**silent, probe(name): always(1), probe(name, instance=1): before(1, 0)}, title="one of two"),
        health(alert, {**silent, probe(name): always(1), probe(name, instance=1): always(1)}, title="both of two"),
        health(alert, {**answer, probe(name): short}, title="it answers again in time"),
        fault(alert, "it stops answering", {**answer, probe(name): before(1, 0)}),
        *vanishing(alert, {**answer, probe(name): always(1)}, (probe(name),)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def certificate(alert: Alert) -> Suite:
    limit = {"21d": 21, "3d": 3}[alert.labels["within"]] * 24 * objectives.HOUR
    metric, step = "probe_ssl_earliest_cert_expiry", interval(alert)
    later = {probe("web", metric): always(4 * limit), f'{metric}{{job="other"}}': always(0)}
    end = 2 * limit

    def ending(at: float) -> Series:
        return {**later, probe("crisis", metric): always(at)}

    cases = [
        Case(title="it is silent in health", series=ending(end), silent=(limit - step,)),
        fault(alert, "one certificate of two ends soon", ending(end), at=limit),
        Case(
            title="it ends one second later",
            series=ending(end + 1),
            silent=(limit + alert.wait_seconds,),
            fires=(limit + alert.wait_seconds + step,),
        ),
        *vanishing(alert, {probe("web", metric): always(9 * limit)}, (metric,)),
    ]
    return Suite(interval=step, cases=tuple(cases))


def job(name: str, alert: Alert) -> Suite:
    return Suite(interval=interval(alert), cases=tuple(job_cases(alert, name, OTHERS)))


def value(metric: str, good: int, bad: int, alert: Alert) -> Suite:
    """A metric that two pods report. The larger value counts: both agree, except for a moment."""
    pods = [f'{metric}{{pod="{number}"}}' for number in range(2)]
    first, second = (good, bad) if good > bad else (bad, good)
    disagree = {**OTHERS, pods[0]: before(good, first), pods[1]: before(good, second)}
    cases = [
        health(alert, {**OTHERS, **dict.fromkeys(pods, always(good))}),
        fault(alert, "both report a fault", {**OTHERS, **dict.fromkeys(pods, before(good, bad))}),
        health(alert, {**OTHERS, pods[0]: always(good), pods[1]: UNKNOWN}, title="one of two knows"),
        fault(alert, "neither knows", {**OTHERS, **dict.fromkeys(pods, before(good, UNKNOWN))}),
        health(alert, disagree, title="one of two reports no fault")
        if good > bad
        else fault(alert, "one of two", disagree),
        *vanishing(alert, {**OTHERS, **dict.fromkeys(pods, always(good))}, (metric,)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def active_sites(alert: Alert) -> Suite:
    metric = "lifeline_canary_active_sites"
    none = {**OTHERS, f'{metric}{{pod="0"}}': always(0), f'{metric}{{pod="1"}}': always(0)}
    return Suite(
        interval=interval(alert),
        cases=(*value(metric, 1, 2, alert).cases, health(alert, none, title="no site is active")),
    )


def call(name: str, alert: Alert) -> Suite:
    """A call that two canaries make: one success is enough. Other calls are none of its business."""

    def success(of: str, pod: int) -> str:
        return f'lifeline_canary_success{{call="{of}", pod="{pod}"}}'

    fine, failing = {**OTHERS, success("other", 0): always(1)}, {**OTHERS, success("other", 0): always(0)}
    both = {success(name, 0): always(1), success(name, 1): always(1)}
    dead = {success(name, 0): before(1, 0), success(name, 1): before(1, 0)}
    short = f"1x{HEALTHY - 1} 0x{alert.wait_seconds // interval(alert) - 1} 1{FOREVER}"
    cases = [
        health(alert, {**failing, **both}),
        health(alert, {**failing, **both, success(name, 1): before(1, 0)}, title="one canary of two"),
        health(alert, {**fine, success(name, 0): short, success(name, 1): short}, title="it recovers in time"),
        fault(alert, "both canaries fail", {**fine, **dead}),
        *vanishing(alert, {**fine, **both}, (f'lifeline_canary_success{{call="{name}"',)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def slow(alert: Alert) -> Suite:
    def seconds(of: str, pod: int) -> str:
        return f'lifeline_canary_duration_seconds{{call="{of}", pod="{pod}"}}'

    quick = {**OTHERS, seconds("hotline", 0): always(0), seconds("hotline", 1): always(0)}
    late = {**OTHERS, seconds("hotline", 0): always(9), seconds("hotline", 1): always(9)}
    both = {seconds("detect", 0): always(1), seconds("detect", 1): always(1)}

    def after(one: float | str, other: float | str) -> Series:
        return {**quick, seconds("detect", 0): before(1, one), seconds("detect", 1): before(1, other)}

    cases = [
        health(alert, {**late, **both}),
        health(alert, after(1.9, 1.9), title="almost too slow"),
        health(alert, after(1, 9), title="one canary of two has a slow way"),
        fault(alert, "both are slow", after(2, 2)),
        fault(alert, "no call is answered", after(UNKNOWN, UNKNOWN)),
        *vanishing(alert, {**quick, **both}, ('lifeline_canary_duration_seconds{call="detect"',)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def budget(alert: Alert) -> Suite:
    """Failed probes are counted in a long window, and must go on in a short one."""
    name, step = alert.labels["endpoint"], interval(alert)
    seconds = {"30m": 1800, "6h": 6 * 3600, "3d": 3 * 24 * 3600}
    long, short = (6 * 3600, 1800) if alert.labels["window"] == "6h" else (seconds["3d"], seconds["6h"])
    limits = {("crisis", "6h"): 6, ("crisis", "3d"): 15, ("web", "6h"): 36, ("web", "3d"): 90}
    limit = limits[name, alert.labels["window"]]
    others = {**OTHERS, probe("other"): always(1), probe(name, job="other"): always(1)}
    wait = alert.wait_seconds

    def failing(number: int) -> Series:
        """One instance answers, and the other one fails some probes in a row after a healthy while."""
        fails = f"1x{HEALTHY - 1} 0x{number - 1} 1{FOREVER}"
        return {**others, probe(name): fails, probe(name, instance=1): always(1)}

    half = limit // 2 + limit % 2
    last, shared = (HEALTHY + limit - 1) * step, (HEALTHY + half - 1) * step
    cases = [
        health(alert, {**others, probe(name): always(1)}),
        Case(title="one failure less", series=failing(limit - 1), silent=(last + wait, last + short + wait)),
        Case(
            title="the budget is used up, and the failures go on",
            series=failing(limit),
            silent=(last + wait - step,),
            fires=(last + wait, last + short - step),
        ),
        Case(
            title="the budget is used up after a long health",
            series={**others, probe(name): f"1x{2 * long // step} 0x{limit - 1} 1{FOREVER}"},
            fires=((2 * long // step + limit) * step + wait,),
        ),
        Case(title="the failures ended", series=failing(limit), silent=(last + short + wait + step,)),
        Case(
            title="they were long ago, and one comes now",
            series={
                **others,
                probe(name): f"0x{limit - 2} 1x{long // step} 0x0 1{FOREVER}",
            },
            silent=((limit + long // step + 1) * step + wait,),
        ),
        Case(
            title="many were before the short window, and one comes now",
            series={**others, probe(name): f"0x{limit - 2} 1x{short // step + 1} 0x0 1{FOREVER}"},
            silent=((limit + short // step) * step + wait,),
            fires=((limit + short // step + 1) * step + wait,),
        ),
        Case(title="two instances share the failures", series=_shared(name, others, half), fires=(shared + wait,)),
        Case(title="it was never there", series=others, fires=(wait,)),
        Case(
            title="it vanishes",
            series={**others, probe(name): f"1x{HEALTHY - 1} stale"},
            silent=((HEALTHY - 1) * step + long + wait - step,),
            fires=((HEALTHY - 1) * step + long + wait + step,),
        ),
    ]
    return Suite(interval=step, cases=tuple(cases))


def _shared(name: str, others: Series, half: int) -> Series:
    fails = f"1x{HEALTHY - 1} 0x{half - 1} 1{FOREVER}"
    return {**others, probe(name): fails, probe(name, instance=1): fails}


def notice(alert: Alert) -> Suite:
    """An outage of the crisis services that lasts, whether or not someone has answered it."""

    def firing(incident: str, state: str = "firing", level: str = "1", **labels: str) -> str:
        own = {"severity": "critical", "level": level, "incident": incident, **labels}
        text = ", ".join(f'{key}="{value}"' for key, value in own.items())
        return f'ALERTS{{alertstate="{state}", {text}}}'

    end = HEALTHY * interval(alert) + 3 * alert.wait_seconds
    short = f"_x{HEALTHY} 1x{alert.wait_seconds // interval(alert) - 2} stale"
    quiet = (
        firing("HotlineFailing", "pending"),
        firing("HotlineFailing", level="2"),
        firing("CrisisSystemDown"),
        firing("CompleteSystemFailure"),
    )
    cases = [
        Case(title="no outage", series=OTHERS, silent=(end,)),
        *(Case(title=name, series={name: always(1)}, silent=(end,)) for name in quiet),
        Case(title="an outage that ends in time", series={firing("HotlineFailing"): short}, silent=(end,)),
        *(
            _about(fault(alert, name, {firing(name, team="crisis-response"): FROM_FAULT}), name)
            for name in ("CrisisDetectionFailing", "CrisisEndpointDown", "HotlineFailing")
        ),
        _about(
            fault(
                alert,
                "two outages, one of them twice",
                {
                    firing("HotlineFailing", pod="a"): FROM_FAULT,
                    firing("HotlineFailing", pod="b"): FROM_FAULT,
                    firing("CrisisEndpointDown"): FROM_FAULT,
                },
            ),
            "CrisisEndpointDown",
            "HotlineFailing",
        ),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _about(case: Case, *outages: str) -> Case:
    return replace(case, labels=tuple({"about": outage} for outage in outages))
