"""The wiring of a site's copies besides those of its database (ledger, logs, models, images), and of the review."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi

from components import backup_permissions, job_permissions
from components.copied_bucket import CopiedBucket, CopiedBucketArgs
from components.crisis_review import CrisisReview, CrisisReviewArgs
from components.kube.ledger_export import LedgerExportPlace
from components.ledger_export import LedgerExport, LedgerExportArgs, LedgerRestore, LedgerRestoreArgs
from components.locked_bucket import LockMode
from components.log_copies import LogCopies, LogCopiesArgs
from components.registry import Registry, RegistryArgs
from components.workloads import Workloads
from recovery import naming
from recovery.naming import LEDGER_CRON_JOB, LEDGER_RESTORE_JOB, REVIEW_CRON_JOB
from stacks.config import SiteConfig
from stacks.context import Context, Databases, site_of
from stacks.platform import identity

LOCK_MODES: dict[str, LockMode] = {"governance": "GOVERNANCE", "compliance": "COMPLIANCE"}


def copies(context: Context, workloads: Workloads, databases: Databases, logs: Mapping[str, pulumi.Input[str]]) -> None:
    """The copies in the other region. A flip changes none of them.

    Args:
        context: the site.
        workloads: the objects that jobs need.
        databases: the databases, whose logs are copied.
        logs: the names of further log groups, by a short name that never changes.
    """
    _ledger(context, workloads)
    _restore_ledger(context, workloads)
    _review(context, workloads)
    _logs(context, databases, logs)
    _models(context)
    registry(context.config)


def registry(config: SiteConfig) -> None:
    """The registry of the site's own region."""
    Registry("registry", RegistryArgs(peer_region=config.peer.region, site=site_of(config)))


def _models(context: Context) -> None:
    """Models never expire, because an operator may go back to any version."""
    site, config = context.site, context.config
    args = CopiedBucketArgs(
        bucket=naming.model_bucket(site.name, account=site.account),
        purpose="models",
        peer_region=config.peer.region,
        lock_mode=LOCK_MODES[config.backups.lock_mode],
        lock_days=config.backups.keep_days.configuration,
        keep_days={},
        tier="crisis",
        data="operational",
        site=site,
    )
    CopiedBucket("models", args)


def _ledger(context: Context, workloads: Workloads) -> None:
    site, config = context.site, context.config
    bucket = naming.ledger_bucket(site.name, account=site.account)
    copy_bucket = site.copy_name(bucket)
    pair = CopiedBucket(
        "ledger-exports",
        CopiedBucketArgs(
            bucket=bucket,
            purpose=naming.LEDGER_KEY_PURPOSE,
            peer_region=config.peer.region,
            lock_mode=LOCK_MODES[config.backups.lock_mode],
            lock_days=config.backups.keep_days.crisis_events,
            lock_own=False,
            keep_days=dict.fromkeys(
                (naming.LEDGER_EXPORTS, naming.LEDGER_RECORDS), config.backups.keep_days.crisis_events
            ),
            tier="crisis",
            data="phi",
            site=site,
        ),
    )
    place = LedgerExportPlace(
        table_arn=site.ledger_arn,
        bucket=bucket,
        key_arn=pair.own.key_arn,
        copy_bucket=copy_bucket,
        copy_region=config.peer.region,
    )

    def policy(arns: list[str]) -> str:
        return json.dumps(
            backup_permissions.ledger_export(
                ledger=site.ledger_arn,
                region=site.region,
                bucket=bucket,
                bucket_key_arn=arns[0],
                copy_region=config.peer.region,
                copy_bucket=copy_bucket,
                copy_key_arn=arns[1],
            )
        )

    document = pulumi.Output.all(pair.own.key_arn, pair.copy.key_arn).apply(policy)
    pods = identity(context, f"{LEDGER_CRON_JOB}-identity", LEDGER_CRON_JOB, document, tier="crisis")
    args = LedgerExportArgs(
        place=place,
        image=context.operations_image,
        site=site,
        after=(workloads.config_map, pods, *pair.own.settings),
    )
    LedgerExport(context.of_cluster(LEDGER_CRON_JOB), args, context.in_cluster)


def _restore_ledger(context: Context, workloads: Workloads) -> None:
    site, restores = context.site, context.config.ledger.restores
    if not restores:
        return
    policy = json.dumps(
        backup_permissions.ledger_restore(
            account=site.account,
            ledger=site.ledger_arn,
            buckets={restore.bucket: restore.region for restore in restores if restore.bucket},
            tables={restore.table: restore.region for restore in restores if restore.table},
        )
    )
    pods = identity(context, f"{LEDGER_RESTORE_JOB}-identity", LEDGER_RESTORE_JOB, policy, tier="crisis")
    args = LedgerRestoreArgs(
        left=tuple(restore.settings for restore in restores),
        image=context.operations_image,
        site=site,
        after=(workloads.config_map, pods),
    )
    LedgerRestore(context.of_cluster(LEDGER_RESTORE_JOB), args, context.in_cluster)


def _review(context: Context, workloads: Workloads) -> None:
    policy = json.dumps(job_permissions.crisis_review(ledger=context.site.ledger_arn))
    pods = identity(context, f"{REVIEW_CRON_JOB}-identity", REVIEW_CRON_JOB, policy, tier="crisis")
    args = CrisisReviewArgs(image=context.operations_image, site=context.site, after=(workloads.config_map, pods))
    CrisisReview(context.of_cluster(REVIEW_CRON_JOB), args, context.in_cluster)


def _logs(context: Context, databases: Databases, logs: Mapping[str, pulumi.Input[str]]) -> None:
    config = context.config
    groups: dict[str, pulumi.Input[str]] = {
        **logs,
        "network": context.network.log_group,
        **{f"cluster-{number}": cluster.log_group for number, cluster in context.clusters.items()},
    }
    for database, made in databases.items():
        groups |= {f"database-{database.epoch}-{log}": group for log, group in made.log_groups.items()}
    args = LogCopiesArgs(
        groups=groups,
        peer_region=config.peer.region,
        lock_mode=LOCK_MODES[config.backups.lock_mode],
        keep_days=config.backups.keep_days.logs,
        site=context.site,
    )
    LogCopies("logs", args)
