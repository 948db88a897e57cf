"""The CronJob that exports the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.kube import jobs
from components.kube.cron import cron_job
from recovery import objectives
from recovery.naming import LEDGER_CRON_JOB

Manifest = dict[str, Any]

SCHEDULE = "17 5 * * *"
"""Every day, in UTC."""
POLL_SECONDS = 15
_SECONDS = 2 * objectives.HOUR


@dataclass(frozen=True, kw_only=True)
class LedgerExportPlace:
    """The table and the buckets of the export.

    DynamoDB exports to a bucket in another region too: Amazon DynamoDB Developer Guide, "DynamoDB data export to Amazon
    S3: how it works".
    """

    table_arn: str
    bucket: str
    key_arn: Any
    """The key of the bucket."""
    copy_bucket: str
    copy_region: str


def ledger_export(place: LedgerExportPlace, *, image: str, labels: Mapping[str, str]) -> Manifest:
    """The daily export. `kubectl create job --from=cronjob/ledger-export NAME` makes one at once."""
    own = jobs.container(
        LEDGER_CRON_JOB,
        image,
        ("AWS_REGION", "LEDGER_TABLE"),
        database=False,
        LEDGER_ARN=place.table_arn,
        EXPORT_BUCKET=place.bucket,
        EXPORT_KEY_ARN=place.key_arn,
        COPY_BUCKET=place.copy_bucket,
        COPY_REGION=place.copy_region,
        POLL_SECONDS=str(POLL_SECONDS),
        DEADLINE_SECONDS=str(_SECONDS),
    )
    return cron_job(
        LEDGER_CRON_JOB,
        SCHEDULE,
        jobs.pod_spec(LEDGER_CRON_JOB, own, database=False),
        seconds=_SECONDS,
        pod_labels=jobs.pod_labels(LEDGER_CRON_JOB, database=False),
        labels=labels,
    )
