"""The CronJob that looks for crisis events for which no one was alerted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.kube import jobs
from components.kube.cron import cron_job
from recovery import objectives
from recovery.naming import REVIEW_CRON_JOB

SCHEDULE = "27 6 * * *"
"""Every day, in UTC."""
_SECONDS = objectives.HOUR


def crisis_review(*, image: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """The daily review. `kubectl create job --from=cronjob/crisis-review NAME` makes one at once."""
    own = jobs.container(
        REVIEW_CRON_JOB,
        image,
        ("AWS_REGION", "LEDGER_TABLE"),
        database=False,
        ALERT_SECONDS=str(objectives.CRISIS.rto_seconds),
        DEADLINE_SECONDS=str(_SECONDS),
    )
    return cron_job(
        REVIEW_CRON_JOB,
        SCHEDULE,
        jobs.pod_spec(REVIEW_CRON_JOB, own, database=False),
        seconds=_SECONDS,
        pod_labels=jobs.pod_labels(REVIEW_CRON_JOB, database=False),
        labels=labels,
    )
