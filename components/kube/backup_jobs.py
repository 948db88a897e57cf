"""The CronJobs that back up the site's database and prove the backups, and the Job that restores one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.kube import jobs
from components.kube.cron import cron_job
from components.kube.foundation import encrypted_disks
from recovery import objectives
from recovery.naming import BACKUP_CRON_JOB, RESTORE_CHECK_CRON_JOB

Manifest = dict[str, Any]

BACKUP_SCHEDULE = "17 7 * * *"
RESTORE_CHECK_SCHEDULE = "17 9 * * *"
"""Every day, in UTC: at night in all of the United States. The check follows the dump and its replication."""
SCRATCH_CLASS = "lifeline-scratch"
"""The StorageClass of the disk on which a backup is restored."""
SCRATCH_PATH = "/scratch"
_BACKUP_SECONDS = 2 * objectives.HOUR
"""The limit of a dump, and of its check. Longer, and the check of the same day would not see it."""


@dataclass(frozen=True, kw_only=True)
class BackupPlace:
    """The buckets of a site's backups, and the disk for their check."""

    bucket: str
    copy_bucket: str
    copy_region: str
    minimum_rows: int
    """The least number of rows of each watched table. A dump with fewer is suspect."""
    minimum_ratio: float
    """The least part of the last good backup's rows and bytes. A dump with less is suspect."""
    scratch_gib: int


def backup(place: BackupPlace, *, image: str, labels: Mapping[str, str]) -> Manifest:
    """The daily backup. `kubectl create job --from=cronjob/postgresql-backup NAME` makes one at once.

    It is the same object in both roles: the ledger decides at run time whether the database may be backed up.
    """
    own = jobs.container(
        "backup",
        image,
        jobs.PLACE_SETTINGS,
        cpu_millis=200,
        # 256 MiB for the job, the rest for pg_dump.
        memory_mib=512,
        BACKUP_BUCKET=place.bucket,
        MINIMUM_ROWS=str(place.minimum_rows),
        MINIMUM_RATIO=str(place.minimum_ratio),
        DEADLINE_SECONDS=str(_BACKUP_SECONDS),
    )
    spec = jobs.pod_spec(BACKUP_CRON_JOB, own)
    return cron_job(
        BACKUP_CRON_JOB,
        BACKUP_SCHEDULE,
        spec,
        seconds=_BACKUP_SECONDS,
        pod_labels=jobs.pod_labels(BACKUP_CRON_JOB),
        labels=labels,
    )


def restore_check(place: BackupPlace, *, image: str, labels: Mapping[str, str]) -> Manifest:
    """The daily check of the newest backup, on a disk that exists as long as its pod."""
    own = jobs.container(
        "restore-check",
        image,
        ("AWS_REGION",),
        database=False,
        cpu_millis=200,
        # 256 MiB for the job, the rest for the server that it starts.
        memory_mib=1024,
        BACKUP_BUCKET=place.bucket,
        COPY_BUCKET=place.copy_bucket,
        COPY_REGION=place.copy_region,
        SCRATCH_FOLDER=SCRATCH_PATH,
        OLDEST_SECONDS=str(objectives.OLDEST_BACKUP_SECONDS),
        DEADLINE_SECONDS=str(_BACKUP_SECONDS),
    )
    own["volumeMounts"].append({"name": "disk", "mountPath": SCRATCH_PATH})
    spec = jobs.pod_spec(RESTORE_CHECK_CRON_JOB, own, database=False)
    spec["volumes"].append({"name": "disk", "ephemeral": {"volumeClaimTemplate": {"spec": _claim(place.scratch_gib)}}})
    return cron_job(
        RESTORE_CHECK_CRON_JOB,
        RESTORE_CHECK_SCHEDULE,
        spec,
        seconds=_BACKUP_SECONDS,
        pod_labels=jobs.pod_labels(RESTORE_CHECK_CRON_JOB, database=False),
        labels=labels,
    )


def scratch_class(*, labels: Mapping[str, str]) -> Manifest:
    """The StorageClass of the check's disk. No key of ours: the data is gone with the pod."""
    return encrypted_disks(SCRATCH_CLASS, labels=labels)


def _claim(gib: int) -> Manifest:
    return {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": SCRATCH_CLASS,
        "resources": {"requests": {"storage": f"{gib}Gi"}},
    }
