"""The cases of every alert: silent in health, fires after a fault, and near misses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from components.alerts.model import ESCALATED, INCIDENT, Alert
from recovery import objectives
from tests.alerts import outside
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
    newest,
    oldest,
    up,
    vanishing,
)

_BACKEND, _DETECTOR, _DATABASE = "mental-health-backend", "crisis-detector", "postgresql"
_DAY = objectives.OLDEST_BACKUP_SECONDS


def suite(alert: Alert) -> Suite:
    """The cases of an alert."""
    return SUITES[alert.name](alert)


def _plan(alert: Alert) -> Suite:
    job = {"CompleteSystemFailure": _BACKEND, "CrisisSystemDown": _DETECTOR}[alert.name]
    return Suite(interval=interval(alert), cases=tuple(job_cases(alert, job, OTHERS)))


def _database(alert: Alert) -> Suite:
    scraped, answers = up(_DATABASE, always(1), always(1)), 'pg_up{job="postgresql", pod="%s"}'
    series = {**OTHERS, **scraped, answers % 0: always(1), answers % 1: always(1)}
    dead = {answers % 0: before(1, 0), answers % 1: before(1, 0)}
    cases = [
        *job_cases(alert, _DATABASE, {key: value for key, value in series.items() if key not in scraped}),
        fault(alert, "the database answers neither exporter", {**series, **dead}),
        health(alert, {**series, answers % 1: before(1, 0)}, title="only one exporter cannot reach it"),
        *vanishing(alert, series, ('pg_up{job="postgresql",',)),
    ]
    return Suite(interval=interval(alert), cases=tuple(cases))


def _heartbeat(limit: int, alert: Alert) -> Suite:
    name = 'lifeline_heartbeat_age_seconds{pod="%s"}'
    young = {**OTHERS, name % 0: always(30), name % 1: always(30)}

    def aged(*values: float | str) -> Series:
        return {**OTHERS, **{name % number: before(30, value) for number, value in enumerate(values)}}

    def closed(*values: int) -> Series:
        return {f'lifeline_fence_closed{{pod="{number}"}}': always(value) for number, value in enumerate(values)}

    cases = [
        health(alert, young),
        health(alert, aged(limit - 1, limit - 1), title="almost too old"),
        health(alert, aged(30, 10 * limit), title="one exporter reads another snapshot"),
        fault(alert, "the heartbeats stop", aged(limit, limit)),
        health(alert, {**aged(limit, limit), **closed(1, 1)}, title="it is closed and follows no leader"),
        health(alert, {**aged(limit, limit), **closed(1, 0)}, title="one fence of two has closed it"),
        fault(alert, "the heartbeats stop and the database is open", {**aged(limit, limit), **closed(0, 0)}),
        fault(alert, "no exporter can read the database", aged(UNKNOWN, UNKNOWN)),
        *vanishing(alert, young, ("lifeline_heartbeat_age_seconds",)),
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

    state = {**OTHERS, **up("kube-state-metrics", always(1), always(1))}
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
        *job_cases(alert, "kube-state-metrics", OTHERS),
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
    return newest(metric, _DAY, alert, others=other, labels=f'namespace="mental-health-platform", cronjob="{job}", ')


def _watchdog(alert: Alert) -> Suite:
    return Suite(interval=interval(alert), cases=(Case(title="it fires always", series=OTHERS, fires=(0, 10, 3600)),))


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
        Case(title="no page", series=OTHERS, silent=(end,)),
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
    "BackupMissing": partial(newest, "lifeline_backup_newest_timestamp_seconds", _DAY),
    "BackupNotProved": partial(newest, "lifeline_backup_proved_timestamp_seconds", _DAY),
    "BackupsUnknown": partial(newest, "lifeline_backup_listed_timestamp_seconds", 15 * 60),
    "ServiceBelowMinimum": _size,
    "WarmRoomMissing": _size,
    "ImageMissing": _image,
    "FenceMissing": _fence,
    "JobOverdue": _cron_job,
    "CrisisEndpointDown": outside.endpoint,
    "EndpointDown": outside.endpoint,
    "PeerSiteSilent": outside.endpoint,
    "ProberDown": partial(outside.job, "blackbox-exporter"),
    "CertificateExpiring": outside.certificate,
    "ErrorBudgetBurn": outside.budget,
    "CanaryMissing": partial(outside.job, "canary"),
    "CrisisDetectionFailing": partial(outside.call, "detect"),
    "CrisisEscalationFailing": partial(outside.call, "escalate"),
    "HotlineFailing": partial(outside.call, "hotline"),
    "CrisisDetectionSlow": outside.slow,
    "KeywordOnlyDetection": partial(outside.value, "lifeline_canary_degraded", 0, 1),
    "TwoSitesActive": outside.active_sites,
    "DnsDisagreesWithHealth": partial(outside.value, "lifeline_canary_dns_agrees", 1, 0),
    "FenceBlind": partial(newest, "lifeline_fence_seen_timestamp_seconds", 60),
    "SwitchBlind": partial(oldest, "lifeline_switch_seen_timestamp_seconds", 60),
    "DatabaseFenced": partial(outside.value, "lifeline_fence_closed", 0, 1),
    "PublicNoticeDraft": outside.notice,
    "PublicNoticeDue": outside.notice,
    "Watchdog": _watchdog,
    "EscalationLevel2": _escalation,
    "EscalationLevel3": _escalation,
    "EscalationLevel4": _escalation,
}
