"""The cases of every alert: silent in health, fires after a fault, and near misses.

A fault begins after `HEALTHY` samples, unless a case says otherwise. The alert fires its `for` later, and not one
evaluation earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from components.alerts.model import ESCALATED, INCIDENT, Alert
from recovery import objectives
from tests.alerts.promtool import FOREVER, Case, Suite

HEALTHY = 10
"""Samples of health before a fault."""
Series = Mapping[str, str]

_BACKEND, _DETECTOR, _DATABASE = "mental-health-backend", "crisis-detector", "postgresql"
_DAY = objectives.OLDEST_BACKUP_SECONDS


def suite(alert: Alert) -> Suite:
    """The cases of an alert."""
    return SUITES[alert.name](alert)


def interval(alert: Alert) -> int:
    """Seconds between two samples: those of the site, or more where an alert waits for long."""
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


def _up(job: str, *values: str) -> dict[str, str]:
    return {f'up{{job="{job}", pod="{number}"}}': samples for number, samples in enumerate(values)}


_OTHERS = {
    **_up("kubelet", always(1)),
    'pg_up{job="postgresql-of-another-team"}': always(1),
}
"""Healthy series that are none of the rules' business."""


def _plan(alert: Alert) -> Suite:
    job = {"CompleteSystemFailure": _BACKEND, "CrisisSystemDown": _DETECTOR}[alert.name]
    return Suite(interval=interval(alert), cases=tuple(_job_cases(alert, job, _OTHERS)))


def _job_cases(alert: Alert, job: str, others: Series) -> Iterator[Case]:
    both = _up(job, always(1), always(1))
    yield health(alert, {**others, **both})
    one = {**others, **_up(job, always(1), before(1, 0))}
    yield health(alert, one, title="one dead pod of two is no complete failure")
    yield fault(alert, "both pods die", {**others, **_up(job, before(1, 0), before(1, 0))})
    short = f"1x{HEALTHY - 1} 0x{alert.wait_seconds // interval(alert) - 1} 1{FOREVER}"
    yield health(alert, {**others, **_up(job, short, short)}, title="the pods are away for less than the time allowed")
    yield from vanishing(alert, {**others, **both}, (f'up{{job="{job}"',))


def _database(alert: Alert) -> Suite:
    up, answers = _up(_DATABASE, always(1), always(1)), 'pg_up{job="postgresql", pod="%s"}'
    series = {**_OTHERS, **up, answers % 0: always(1), answers % 1: always(1)}
    dead = {answers % 0: before(1, 0), answers % 1: before(1, 0)}
    cases = [
        *_job_cases(alert, _DATABASE, {key: value for key, value in series.items() if key not in up}),
        fault(alert, "the database answers neither exporter", {**series, **dead}),
        health(alert, {**series, answers % 1: before(1, 0)}, title="only one exporter cannot reach it"),
        *vanishing(alert, series, ('pg_up{job="postgresql",',)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _heartbeat(limit: int, alert: Alert) -> Suite:
    name = 'lifeline_heartbeat_age_seconds{pod="%s"}'
    young = {**_OTHERS, name % 0: always(30), name % 1: always(30)}

    def aged(*values: float | str) -> Series:
        return {**_OTHERS, **{name % number: before(30, value) for number, value in enumerate(values)}}

    cases = [
        health(alert, young),
        health(alert, aged(limit - 1, limit - 1), title="almost too old"),
        health(alert, aged(30, 10 * limit), title="one exporter reads another snapshot"),
        fault(alert, "the heartbeats stop", aged(limit, limit)),
        fault(alert, "no exporter can read the database", aged(UNKNOWN, UNKNOWN)),
        *vanishing(alert, young, ("lifeline_heartbeat_age_seconds",)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _newest(metric: str, limit: int, alert: Alert, *, others: Series = _OTHERS, labels: str = "") -> Suite:
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
        *vanishing(alert, {**others, one: always(0)}, (one,)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _deployment(name: str, namespace: str = "mental-health-platform", pod: int = 0) -> str:
    place = f'namespace="{namespace}", deployment="{name}", instance="{pod}"'
    return f"kube_deployment_status_replicas_available{{{place}}}"


def _wanted(alert: Alert) -> tuple[str, str, str]:
    """The deployment of an alert, and the metric and its label that have the wanted number of pods."""
    if alert.name == "WarmRoomMissing":
        return "placeholder", "kube_deployment_spec_replicas", "deployment"
    return alert.labels["deployment"], "kube_horizontalpodautoscaler_spec_min_replicas", "horizontalpodautoscaler"


def _size(alert: Alert) -> Suite:
    deployment, metric, label = _wanted(alert)

    def minimum(name: str = deployment, namespace: str = "mental-health-platform", pod: int = 0) -> str:
        return f'{metric}{{namespace="{namespace}", {label}="{name}", instance="{pod}"}}'

    ample = {_deployment("other"): always(9), _deployment(deployment, "other"): always(9)}
    small = {minimum("other"): always(1), minimum(deployment, "other"): always(1)}
    large = {minimum("other"): always(8), minimum(deployment, "other"): always(8)}
    few = {_deployment("other"): always(1), _deployment(deployment, "other"): always(1)}
    enough = {_deployment(deployment): always(3), minimum(): always(3)}

    def two(available: tuple[float, float], wanted: tuple[float, float]) -> Series:
        """Two pods of kube-state-metrics report, one of them an older state."""
        return {
            **ample,
            **small,
            **{_deployment(deployment, pod=pod): before(3, value) for pod, value in enumerate(available)},
            **{minimum(pod=pod): before(3, value) for pod, value in enumerate(wanted)},
        }

    cases = [
        health(alert, {**few, **small, **enough}),
        health(alert, {**ample, **large, **enough}, title="other deployments are larger"),
        health(alert, {**few, **large, **enough}, title="other deployments are too small"),
        health(alert, {**enough, _deployment(deployment): before(3, 5)}, title="more than the minimum"),
        fault(alert, "one pod is missing", {**ample, **small, **enough, _deployment(deployment): before(3, 2)}),
        fault(alert, "the older report is of a larger size", two((2, 4), (3, 3))),
        fault(alert, "the older report is of a smaller minimum", two((3, 3), (1, 4))),
        fault(alert, "no pod", {**ample, **small, **enough, _deployment(deployment): before(3, 0)}),
        *vanishing(
            alert,
            {**ample, **small, **enough},
            (_deployment(deployment), minimum()),
        ),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _image(alert: Alert) -> Suite:
    def waiting(reason: str, namespace: str = "mental-health-platform", pod: str = "a") -> str:
        place = f'namespace="{namespace}", pod="{pod}", reason="{reason}"'
        return f"kube_pod_container_status_waiting_reason{{{place}}}"

    state = {**_OTHERS, **_up("kube-state-metrics", always(1), always(1))}
    others = {waiting("ContainerCreating"): always(1), waiting("ErrImagePull", "kube-system"): always(1)}
    cases = [
        health(alert, {**state, **others}),
        health(alert, {**state, waiting("ErrImagePull"): always(0)}, title="a reason that does not apply now"),
        *(
            fault(alert, f"{reason} in one pod", {**state, waiting(reason): FROM_FAULT})
            for reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
        ),
        fault(
            alert,
            "several pods, some of them no more",
            {
                **state,
                waiting("ErrImagePull", pod="a"): FROM_FAULT,
                waiting("ErrImagePull", pod="b"): FROM_FAULT,
                waiting("ErrImagePull", pod="c"): f"_x{HEALTHY} 0{FOREVER}",
            },
        ),
        *_job_cases(alert, "kube-state-metrics", _OTHERS),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _fence(alert: Alert) -> Suite:
    others = {_deployment("other"): always(2), _deployment("fence", "other"): always(2)}

    def fences(*available: float) -> Series:
        return {**others, **{_deployment("fence", pod=pod): before(2, value) for pod, value in enumerate(available)}}

    cases = [
        health(alert, {**others, _deployment("fence"): always(2)}),
        health(alert, fences(1), title="one fence of two is enough"),
        fault(alert, "no fence is available", fences(0)),
        fault(alert, "the older report is of two fences", fences(0, 2)),
        *vanishing(alert, {**others, _deployment("fence"): always(2)}, (_deployment("fence"),)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _cron_job(alert: Alert) -> Suite:
    metric = "kube_cronjob_status_last_successful_time"
    job = alert.labels["cronjob"]
    other = {
        f'{metric}{{namespace="mental-health-platform", cronjob="other"}}': f"0+60{FOREVER}",
        f'{metric}{{namespace="other", cronjob="{job}"}}': f"0+60{FOREVER}",
    }
    return _newest(metric, _DAY, alert, others=other, labels=f'namespace="mental-health-platform", cronjob="{job}", ')


def _probe(name: str, metric: str = "probe_success", instance: int = 0, job: str = "probe") -> str:
    return f'{metric}{{job="{job}", endpoint="{name}", instance="{instance}"}}'


def _endpoint(alert: Alert) -> Suite:
    """Two addresses of one endpoint answer; probes of other endpoints and other exporters are none of its business."""
    name = alert.labels.get("endpoint", "peer")
    answer = {**_OTHERS, _probe("other"): always(1), _probe(name, job="other"): always(1)}
    silent = {**_OTHERS, _probe("other"): always(0), _probe(name, job="other"): always(0)}
    short = f"1x{HEALTHY - 1} 0x{alert.wait_seconds // interval(alert) - 1} 1{FOREVER}"
    cases = [
        health(alert, {**silent, _probe(name): always(1)}),
        health(alert, {**silent, _probe(name): always(1), _probe(name, instance=1): before(1, 0)}, title="one of two"),
        health(alert, {**silent, _probe(name): always(1), _probe(name, instance=1): always(1)}, title="both of two"),
        health(alert, {**answer, _probe(name): short}, title="it answers again in time"),
        fault(alert, "it stops answering", {**answer, _probe(name): before(1, 0)}),
        *vanishing(alert, {**answer, _probe(name): always(1)}, (_probe(name),)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _certificate(alert: Alert) -> Suite:
    limit = {"21d": 21, "3d": 3}[alert.labels["within"]] * 24 * objectives.HOUR
    metric, step = "probe_ssl_earliest_cert_expiry", interval(alert)
    later = {_probe("web", metric): always(4 * limit), f'{metric}{{job="other"}}': always(0)}
    end = 2 * limit

    def ending(at: float) -> Series:
        return {**later, _probe("crisis", metric): always(at)}

    cases = [
        Case(title="it is silent in health", series=ending(end), silent=(limit - step,)),
        fault(alert, "one certificate of two ends soon", ending(end), at=limit),
        Case(
            title="it ends one second later",
            series=ending(end + 1),
            silent=(limit + alert.wait_seconds,),
            fires=(limit + alert.wait_seconds + step,),
        ),
        *vanishing(alert, {_probe("web", metric): always(9 * limit)}, (metric,)),
    ]
    return Suite(interval=step, cases=tuple(cases))


def _prober(alert: Alert) -> Suite:
    return Suite(interval=interval(alert), cases=tuple(_job_cases(alert, "blackbox-exporter", _OTHERS)))


def _watchdog(alert: Alert) -> Suite:
    return Suite(interval=interval(alert), cases=(Case(title="it fires always", series=_OTHERS, fires=(0, 10, 3600)),))


def _escalation(alert: Alert) -> Suite:
    def page(state: str = "firing", **labels: str) -> str:
        own = {"severity": "critical", ESCALATED: "1", INCIDENT: "CrisisSystemDown", "team": "crisis-response"}
        text = ", ".join(f'{key}="{value}"' for key, value in {**own, **labels}.items())
        return f'ALERTS{{alertstate="{state}", {text}}}'

    end = HEALTHY * interval(alert) + 3 * alert.wait_seconds
    incident = {INCIDENT: "CrisisSystemDown"}
    resolved = f"_x{HEALTHY} 1x{alert.wait_seconds // interval(alert) - 2} stale"
    quiet = (page("pending"), page(severity="warning"), page(level="2"))
    cases = [
        Case(title="no page", series=_OTHERS, silent=(end,)),
        *(Case(title=name, series={name: always(1)}, silent=(end,)) for name in quiet),
        Case(title="a page that ends in time", series={page(): resolved}, silent=(end,)),
        replace(fault(alert, "a page stays", {page(): FROM_FAULT}), labels=(incident,)),
        replace(
            fault(
                alert,
                "pages of two deployments and of another incident",
                {
                    page(deployment="a"): FROM_FAULT,
                    page(deployment="b"): FROM_FAULT,
                    page(incident="FenceMissing", team="database"): FROM_FAULT,
                },
            ),
            labels=(incident, {INCIDENT: "FenceMissing"}),
        ),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


SUITES: Mapping[str, Callable[[Alert], Suite]] = {
    "CompleteSystemFailure": _plan,
    "DatabaseCompleteFailure": _database,
    "CrisisSystemDown": _plan,
    "DatabaseReplicationBehind": partial(_heartbeat, 5 * 60),
    "UserDataObjectiveAtRisk": partial(_heartbeat, 30 * 60),
    "BackupMissing": partial(_newest, "lifeline_backup_newest_timestamp_seconds", _DAY),
    "BackupNotProved": partial(_newest, "lifeline_backup_proved_timestamp_seconds", _DAY),
    "BackupsUnknown": partial(_newest, "lifeline_backup_listed_timestamp_seconds", 15 * 60),
    "ServiceBelowMinimum": _size,
    "WarmRoomMissing": _size,
    "ImageMissing": _image,
    "FenceMissing": _fence,
    "JobOverdue": _cron_job,
    "CrisisEndpointDown": _endpoint,
    "EndpointDown": _endpoint,
    "PeerSiteSilent": _endpoint,
    "ProberDown": _prober,
    "CertificateExpiring": _certificate,
    "Watchdog": _watchdog,
    "EscalationLevel2": _escalation,
    "EscalationLevel3": _escalation,
    "EscalationLevel4": _escalation,
}
