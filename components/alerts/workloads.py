"""Alerts about the pods: a service that is too small for its role, and a standby that could not take over."""

from __future__ import annotations

from components.alerts.model import Alert, Group, Severity, Team, series, unless_shown, up, younger
from components.kube.jobs import FENCE
from components.kube.pods import PLACEHOLDER
from components.kube.services import SERVICES, Service
from recovery import objectives
from recovery.naming import (
    BACKUP_CRON_JOB,
    CONFIGURATION_CRON_JOB,
    LEDGER_CRON_JOB,
    NAMESPACE,
    RESTORE_CHECK_CRON_JOB,
    REVIEW_CRON_JOB,
    ROLES_CRON_JOB,
    SNAPSHOT_CRON_JOB,
)

CRON_JOBS = (
    BACKUP_CRON_JOB,
    RESTORE_CHECK_CRON_JOB,
    CONFIGURATION_CRON_JOB,
    LEDGER_CRON_JOB,
    REVIEW_CRON_JOB,
    ROLES_CRON_JOB,
    SNAPSHOT_CRON_JOB,
)
_SOURCE = "kube-state-metrics"
"""The exporter, and the job under which Prometheus scrapes it."""
_MISSING_IMAGE = "ErrImagePull|ImagePullBackOff|InvalidImageName"


def _available(deployment: str) -> str:
    metric = series("kube_deployment_status_replicas_available", namespace=NAMESPACE, deployment=deployment)
    return f"min({metric})"


def _below_minimum(service: Service) -> Alert:
    minimum = series(
        "kube_horizontalpodautoscaler_spec_min_replicas", namespace=NAMESPACE, horizontalpodautoscaler=service.name
    )
    crisis = service.tier in (objectives.CRISIS, objectives.HOTLINE)
    return Alert(
        name="ServiceBelowMinimum",
        expr=unless_shown(f"{_available(service.name)} >= max({minimum})"),
        wait_seconds=(5 if crisis else 15) * objectives.MINUTE,
        severity=Severity.CRITICAL if crisis else Severity.WARNING,
        team=Team.CRISIS if crisis else Team.PLATFORM,
        summary=f"{service.name} has fewer available pods than the site's role needs",
        action="Find the reason why pods do not become available",
        source=_SOURCE,
        labels={"deployment": service.name, "tier": service.tier.name},
    )


def _overdue(job: str) -> Alert:
    metric = series("kube_cronjob_status_last_successful_time", namespace=NAMESPACE, cronjob=job)
    return Alert(
        name="JobOverdue",
        expr=unless_shown(younger(metric, objectives.OLDEST_BACKUP_SECONDS)),
        wait_seconds=2 * objectives.HOUR,
        severity=Severity.WARNING,
        team=Team.PLATFORM,
        summary=f"The job {job} has not succeeded in the last day",
        action="Read the log of the job's last pod",
        source=_SOURCE,
        labels={"cronjob": job},
    )


_ROOM = series("kube_deployment_spec_replicas", namespace=NAMESPACE, deployment=PLACEHOLDER)
_WAITING = f'kube_pod_container_status_waiting_reason{{namespace="{NAMESPACE}", reason=~"{_MISSING_IMAGE}"}}'

WORKLOADS = Group(
    name="recovery-workloads",
    alerts=(
        *(_below_minimum(service) for service in SERVICES),
        Alert(
            name="WarmRoomMissing",
            expr=unless_shown(f"{_available(PLACEHOLDER)} >= max({_ROOM})"),
            wait_seconds=30 * objectives.MINUTE,
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            summary="The nodes have no room for the pods that a flip would add",
            action="Find the reason why placeholder pods are pending",
            source=_SOURCE,
        ),
        Alert(
            name="ImageMissing",
            expr=unless_shown(f"{up(_SOURCE)} unless max({_WAITING}) == 1"),
            wait_seconds=10 * objectives.MINUTE,
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            summary="A pod cannot pull its image from the registry of its own region",
            action="Push the image to the registry again",
            source=_SOURCE,
        ),
        Alert(
            name="FenceMissing",
            expr=unless_shown(f"{_available(FENCE)} >= 1"),
            wait_seconds=2 * objectives.MINUTE,
            severity=Severity.CRITICAL,
            team=Team.DATABASE,
            summary="No fence runs, so a superseded database would keep its writes",
            action="Start the fence before any flip",
            source=_SOURCE,
        ),
        *(_overdue(job) for job in CRON_JOBS),
    ),
)
