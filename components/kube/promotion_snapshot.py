"""The CronJob that takes a snapshot of a database after its promotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.kube import jobs
from components.kube.cron import cron_job
from recovery.naming import SNAPSHOT_CRON_JOB

Manifest = dict[str, Any]

SCHEDULE = "*/5 * * * *"
"""It looks every five minutes, and does nothing when the snapshot exists or no database was promoted."""
_SECONDS = 120


def promotion_snapshot(*, image: str, labels: Mapping[str, str]) -> Manifest:
    """The CronJob. `kubectl create job --from=cronjob/promotion-snapshot NAME` looks at once."""
    own = jobs.container(SNAPSHOT_CRON_JOB, image, jobs.PLACE_SETTINGS, DEADLINE_SECONDS=str(_SECONDS))
    return cron_job(
        SNAPSHOT_CRON_JOB,
        SCHEDULE,
        jobs.pod_spec(SNAPSHOT_CRON_JOB, own),
        seconds=_SECONDS,
        pod_labels=jobs.pod_labels(SNAPSHOT_CRON_JOB),
        labels=labels,
    )
