"""Jobs that a stack waits for: gate of a switchover, claim of an epoch, roles of a database, restore of a dump.

Each runs once, at its step of a recovery.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.kube import jobs
from components.kube.connections import DATABASE_PORT
from components.kube.cron import RETRIES, cron_job, failure_policy
from recovery import objectives
from recovery.naming import DATABASE_NAME, LEDGER_RESTORE_JOB, NAMESPACE, RESTORE_JOB, ROLES_CRON_JOB
from recovery.timeline import DatabaseId

Manifest = dict[str, Any]

CLAIM = "claim"
PROMOTION_WAIT = "promotion-wait"
PROMOTION_WAIT_SECONDS, STRICT_WAIT_SECONDS = 20, 60
"""The longest wait for the old leader's fence, if it runs, and for the end of its lease if it is strict. Tests add both
up: `tests/operations/test_fence_bound.py`, `tests/operations/test_lease.py`."""
ROLES = ROLES_CRON_JOB
ROLES_SCHEDULE = "47 8 * * *"
"""Every day, in UTC."""
_ROLES_SECONDS = 180
_HANDOVER_PATIENCE_SECONDS = 300
"""A replica that had caught up needs seconds. If one needs longer, an engineer must find the reason."""
_CLAIM_SECONDS = 180
"""A claim takes seconds. The limit leaves time to try again, also on a new node."""


def _flag(value: bool) -> str:
    """A setting that a job reads as `operations.environment.Reader.flag` does."""
    return "true" if value else "false"


def handover(
    *, image: str, ending_epoch: int, leader: DatabaseId, accept_loss: bool, labels: Mapping[str, str]
) -> Manifest:
    """The Job that a promotion waits for in a planned switchover. It is not tried again: it has waited already.

    Args:
        image: the operations image, by digest.
        ending_epoch: the epoch whose leader hands over.
        leader: the database that leads it.
        accept_loss: whether a replica that is behind may be promoted.
        labels: the labels of the object.
    """
    own = jobs.container(
        jobs.HANDOVER,
        image,
        jobs.PLACE_SETTINGS,
        ENDING_EPOCH=str(ending_epoch),
        LEADER=str(leader),
        ACCEPT_LOSS=_flag(accept_loss),
        PATIENCE_SECONDS=str(_HANDOVER_PATIENCE_SECONDS),
    )
    name = f"{jobs.HANDOVER}-{ending_epoch}{'-accepting-loss' if accept_loss else ''}"
    return _job(name, jobs.HANDOVER, own, retries=0, seconds=_HANDOVER_PATIENCE_SECONDS + 120, labels=labels)


def promotion_wait(*, image: str, epoch: int, seconds: int, promotes: bool, labels: Mapping[str, str]) -> Manifest:
    """The Job between the claim of an epoch and the promotion. It succeeds after its longest wait at the latest.

    Only a later claim stops the promotion.

    Args:
        image: the operations image, by digest.
        epoch: the epoch that was claimed.
        seconds: the longest wait.
        promotes: whether the promotion follows. If the site leads no more, it does not.
        labels: the labels of the object.
    """
    own = jobs.container(
        PROMOTION_WAIT,
        image,
        jobs.PLACE_SETTINGS,
        EPOCH_CLAIMED=str(epoch),
        PATIENCE_SECONDS=str(seconds),
        PROMOTES=_flag(promotes),
    )
    limit = seconds + _CLAIM_SECONDS
    return _job(f"{PROMOTION_WAIT}-{epoch}", PROMOTION_WAIT, own, retries=RETRIES, seconds=limit, labels=labels)


def claim(
    *,
    image: str,
    epoch: int,
    earlier: Sequence[DatabaseId],
    database: DatabaseId,
    region: str,
    table: Any,
    promotes: bool,
    labels: Mapping[str, str],
) -> Manifest:
    """The Job that claims an epoch before its database leads. A refusal is final; any other failure is tried again.

    The ConfigMap has none of its settings: in the first deployment it does not exist yet.

    Args:
        image: the operations image, by digest.
        epoch: the epoch.
        earlier: the databases that led the epochs before.
        database: the database of this site that leads it.
        region: the site's region.
        table: the name of the ledger's table.
        promotes: whether the promotion of the database follows. Then the claim is refused if that is not possible.
        labels: the labels of the object.
    """
    own = jobs.container(
        CLAIM,
        image,
        (),
        database=False,
        EPOCH=str(epoch),
        DATABASE=str(database),
        AWS_REGION=region,
        LEDGER_TABLE=table,
        EARLIER=",".join(map(str, earlier)),
        PROMOTES=_flag(promotes),
    )
    name = f"{CLAIM}-{epoch}-{database}"
    return _job(name, CLAIM, own, database=False, retries=RETRIES, seconds=_CLAIM_SECONDS, labels=labels)


def roles(*, image: str, database: DatabaseId, host: Any, labels: Mapping[str, str]) -> Manifest:
    """The Job that makes the roles of a new database, before any other pod knows the database.

    The ConfigMap has none of its settings: in the first deployment it does not exist yet.

    Args:
        image: the operations image, by digest.
        database: the database, which leads.
        host: its host name.
        labels: the labels of the object.
    """
    own = jobs.container(
        ROLES, image, (), application=True, DB_HOST=host, DB_PORT=str(DATABASE_PORT), DB_NAME=DATABASE_NAME
    )
    name = f"{ROLES}-{database}"
    return _job(name, ROLES, own, application=True, retries=RETRIES, seconds=_ROLES_SECONDS, labels=labels)


def daily_roles(*, image: str, labels: Mapping[str, str]) -> Manifest:
    """The CronJob that adds what is missing. `kubectl create job --from=cronjob/roles NAME` does so at once."""
    own = jobs.container(ROLES, image, ("DB_HOST", "DB_NAME", "DB_PORT"), application=True)
    return cron_job(
        ROLES,
        ROLES_SCHEDULE,
        jobs.pod_spec(ROLES, own, application=True),
        seconds=_ROLES_SECONDS,
        pod_labels=jobs.pod_labels(ROLES),
        labels=labels,
    )


def restore(
    *, image: str, database: DatabaseId, host: Any, backup: str, bucket: str, region: str, labels: Mapping[str, str]
) -> Manifest:
    """The Job that fills an empty database from a dump, before any other pod knows the database.

    Args:
        image: the operations image, by digest.
        database: the empty database, which leads the epoch that it is named after.
        host: its host name. The ConfigMap still has that of the old one.
        backup: the backup's name, or `latest`.
        bucket: the bucket of the backup.
        region: the bucket's region.
        labels: the labels of the object.
    """
    own = jobs.container(
        RESTORE_JOB,
        image,
        tuple(key for key in jobs.PLACE_SETTINGS if key not in ("DATABASE", "DB_HOST")),
        cpu_millis=200,
        memory_mib=512,
        DATABASE=str(database),
        DB_HOST=host,
        BACKUP=backup,
        RESTORE_BUCKET=bucket,
        RESTORE_REGION=region,
        DEADLINE_SECONDS=str(objectives.DATA.rto_seconds),
    )
    name, seconds = f"{RESTORE_JOB}-{database.epoch}", objectives.DATA.rto_seconds
    return _job(name, RESTORE_JOB, own, retries=RETRIES, seconds=seconds, labels=labels)


def ledger_restore(*, image: str, left: Sequence[Mapping[str, str]], labels: Mapping[str, str]) -> Manifest:
    """The Job that adds the crisis events of a lost ledger's parts. No other pod waits for it.

    Args:
        image: the operations image, by digest.
        left: `REGION` of each, with `TABLE`, or with `BUCKET` and `EXPORT`. Another list is another Job.
        labels: the labels of the object.
    """
    seconds = objectives.DATA.rto_seconds
    settings: dict[str, Any] = {
        f"LEFT_{key}_{number}": text for number, of in enumerate(left, 1) for key, text in of.items()
    }
    own = jobs.container(
        LEDGER_RESTORE_JOB,
        image,
        ("AWS_REGION", "LEDGER_TABLE"),
        database=False,
        DEADLINE_SECONDS=str(seconds),
        **settings,
    )
    name = f"{LEDGER_RESTORE_JOB}-{hashlib.sha256(json.dumps(left).encode()).hexdigest()[:8]}"
    return _job(name, LEDGER_RESTORE_JOB, own, database=False, retries=RETRIES, seconds=seconds, labels=labels)


def _job(
    name: str,
    account: str,
    own: Manifest,
    *,
    retries: int,
    seconds: int,
    labels: Mapping[str, str],
    database: bool = True,
    application: bool = False,
) -> Manifest:
    spec = jobs.pod_spec(account, own, database=database, application=application)
    template = {
        "metadata": {"labels": jobs.pod_labels(account, database=database)},
        "spec": {**spec, "restartPolicy": "Never"},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {**jobs.selector(account), **labels},
            # Without it, the next run would wait for a Job that has already failed.
            "annotations": {"pulumi.com/replaceUnready": "true"},
        },
        "spec": {
            "backoffLimit": retries,
            "activeDeadlineSeconds": seconds,
            "podFailurePolicy": failure_policy(),
            "template": template,
        },
    }
