"""CronJobs: how often they are tried again, and how long their logs stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.kube import jobs
from recovery import objectives
from recovery.naming import NAMESPACE

Manifest = dict[str, Any]

RETRIES = 2
_KEPT_SECONDS = 7 * 24 * objectives.HOUR
"""The time for which a finished Job, with its log, stays in the cluster."""
_STOP_SECONDS = 30
NOT_EVICTED = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
"""The autoscaler keeps the node of a running backup. Source: kubernetes/autoscaler, Cluster Autoscaler FAQ, "What types
of pods can prevent CA from removing a node?"."""
_FINAL_EXIT_CODES = [2, 3]
"""A wrong setting and a refusal: another attempt would end in the same way (operations/exit_codes.py)."""


def cron_job(
    name: str,
    schedule: str,
    spec: Manifest,
    *,
    seconds: int,
    pod_labels: Mapping[str, str],
    labels: Mapping[str, str],
) -> Manifest:
    """A CronJob of the namespace, whose time zone is UTC.

    Args:
        name: its name.
        schedule: in cron's syntax.
        spec: of its pod.
        seconds: the limit of one attempt.
        pod_labels: the labels of its pods.
        labels: the labels of the object.
    """
    template = {
        "metadata": {"labels": dict(pod_labels), "annotations": dict(NOT_EVICTED)},
        "spec": {**spec, "restartPolicy": "Never", "terminationGracePeriodSeconds": _STOP_SECONDS},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {**jobs.selector(name), **labels}},
        "spec": {
            "schedule": schedule,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            # A cluster that was down at the time makes the backup when it returns.
            "startingDeadlineSeconds": 12 * objectives.HOUR,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 5,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": RETRIES,
                    "activeDeadlineSeconds": (RETRIES + 1) * seconds,
                    "ttlSecondsAfterFinished": _KEPT_SECONDS,
                    "podFailurePolicy": failure_policy(),
                    "template": template,
                },
            },
        },
    }


def failure_policy() -> Manifest:
    """The failures after which a Job is not tried again, and those that do not count."""
    return {
        "rules": [
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": _FINAL_EXIT_CODES}},
            # A pod that was evicted for a more important one did not fail.
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        ]
    }
