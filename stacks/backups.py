"""The wiring of a site's backups: the buckets, the identities of the jobs, and the jobs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pulumi

from components import backup_permissions, job_permissions
from components.backup_buckets import BackupBuckets, BackupBucketsArgs
from components.backup_jobs import BackupJobs, BackupJobsArgs, DumpRestore, DumpRestoreArgs
from components.configuration_export import ConfigurationExport, ConfigurationExportArgs
from components.database_copies import DatabaseCopies, DatabaseCopiesArgs
from components.database_roles import DailyRoles, DailyRolesArgs, DatabaseRoles
from components.exporter import Exporter, ExporterArgs
from components.kube.backup_jobs import BackupPlace
from components.kube.configuration_export import ExportPlace
from components.permissions import Document
from components.promotion_snapshot import PromotionSnapshot, PromotionSnapshotArgs
from components.vault_plan import VaultPlan, VaultPlanArgs
from components.workloads import Workloads
from recovery import naming
from recovery import timeline as rules
from recovery.naming import (
    BACKUP_CRON_JOB,
    CONFIGURATION_CRON_JOB,
    EXPORTER,
    RESTORE_CHECK_CRON_JOB,
    RESTORE_JOB,
    SNAPSHOT_CRON_JOB,
)
from recovery.timeline import DatabaseId
from stacks.context import Context, Databases
from stacks.copies import LOCK_MODES
from stacks.platform import identity, settings
from stacks.sections import BackupOrigin, BucketConfig


def backups(context: Context, workloads: Workloads, databases: Databases, roles: DatabaseRoles) -> None:
    """Everything that backs up the site's database, and measures it. A flip changes none of it."""
    config = context.config.backups
    buckets = BackupBuckets(
        "backups",
        BackupBucketsArgs(
            peer_region=context.config.peer.region,
            lock_mode=LOCK_MODES[config.lock_mode],
            keep_days=config.keep_days.user_data,
            configuration_days=config.keep_days.configuration,
            site=context.site,
        ),
    )
    VaultPlan(
        "vaults",
        VaultPlanArgs(
            peer_region=context.config.peer.region,
            lock_mode=LOCK_MODES[config.lock_mode],
            # One plan covers the database and the ledger.
            keep_days=max(config.keep_days.user_data, config.keep_days.crisis_events),
            other_account_vault_arn=config.other_account_vault_arn,
            site=context.site,
        ),
    )
    _copy_rds_backups(context, databases)
    after = (workloads.config_map, *_identities(context, buckets), *buckets.own.settings)
    args = BackupJobsArgs(place=_place(context), image=context.operations_image, site=context.site, after=after)
    BackupJobs(context.of_cluster("backup-jobs"), args, context.in_cluster)
    snapshot = PromotionSnapshotArgs(image=context.operations_image, site=context.site, after=after)
    PromotionSnapshot(context.of_cluster(SNAPSHOT_CRON_JOB), snapshot, context.in_cluster)
    daily = DailyRolesArgs(
        image=context.operations_image, site=context.site, after=(workloads.config_map, roles.account)
    )
    DailyRoles(context.of_cluster("daily-roles"), daily, context.in_cluster)
    _export_configuration(context, after)
    Exporter(
        context.of_cluster("exporter"),
        ExporterArgs(
            config=settings(context.config, databases[context.config.own_database].address),
            image=context.operations_image,
            bucket=_place(context).bucket,
            site=context.site,
            after=after,
        ),
        context.in_cluster,
    )


def _export_configuration(context: Context, after: tuple[pulumi.Resource, ...]) -> None:
    site, backups, repository = context.site, _place(context), context.config.backups.repository
    variables = (
        {}
        if repository is None
        else {
            "REPOSITORY_URL": repository.url,
            "REPOSITORY_BRANCH": repository.branch,
            "REPOSITORY_TOKEN_SECRET": repository.token_secret,
        }
    )
    place = ExportPlace(
        api_server=context.cluster.endpoint,
        bucket=backups.bucket,
        copy_bucket=backups.copy_bucket,
        copy_region=backups.copy_region,
        state_bucket=naming.state_bucket(site.name, account=site.account),
        state_key=naming.state_key(site.name),
        repository=variables,
    )
    args = ConfigurationExportArgs(place=place, image=context.operations_image, site=site, after=after)
    ConfigurationExport(context.of_cluster("configuration-export"), args, context.in_cluster)


def _copy_rds_backups(context: Context, databases: Databases) -> None:
    led = rules.led_epochs(context.site.name, context.config.history)
    copied = {led[number] for number in context.config.backups.rds_copies if number in led}
    args = DatabaseCopiesArgs(
        databases={database: made.instance for database, made in databases.items() if database in copied},
        peer_region=context.config.peer.region,
        site=context.site,
    )
    DatabaseCopies(naming.of_generation("database-copies", context.config.copies.generation), args)


def restores(context: Context, databases: Databases, roles: tuple[pulumi.Resource, ...]) -> tuple[pulumi.Resource, ...]:
    """The Jobs that fill databases from dumps. No other pod may know such a database before its Job has ended."""
    filled: list[pulumi.Resource] = []
    for restore in context.config.database.restores:
        database = DatabaseId(context.site.name, restore.epoch)
        if restore.dump is None or database not in databases or not context.config.cluster.has_job_of(restore.epoch):
            continue
        region, bucket = _bucket(context, restore.dump_from)
        args = DumpRestoreArgs(
            database=database,
            host=databases[database].address,
            backup=restore.dump,
            bucket=bucket,
            region=region,
            image=context.operations_image,
            site=context.site,
            after=(databases[database].instance, *roles),
        )
        name = context.of_cluster(f"restore-{database.epoch}")
        filled.append(DumpRestore(name, args, context.in_cluster).job)
    return tuple(filled)


def _buckets(context: Context) -> dict[BackupOrigin, tuple[str, str]]:
    """The region and the name of every bucket of backups of the two sites."""
    site, peer = context.site, context.config.peer
    own, other = (naming.backup_bucket(name, account=site.account) for name in (site.name, peer.site))
    return {
        "own": (site.region, own),
        "ownCopy": (peer.region, site.copy_name(own)),
        "peer": (peer.region, other),
        "peerCopy": (site.region, naming.copy_name(other, peer.copies)),
    }


def _bucket(context: Context, origin: BackupOrigin | BucketConfig) -> tuple[str, str]:
    """The region and the name of a bucket that dumps are restored from."""
    return (origin.region, origin.bucket) if isinstance(origin, BucketConfig) else _buckets(context)[origin]


def _readable(context: Context) -> dict[str, str]:
    """The region of every bucket that a dump may be restored from, by the bucket's name."""
    config, account = context.config, context.site.account
    left = {naming.backup_bucket(site, account=account): region for site, region in config.lost_sites.items()}
    # The copy was in the region of the lost site's peer, which is one of the two that are left.
    here = (config.region, config.peer.region)
    copies = {bucket: next(region for region in here if region != lost) for bucket, lost in left.items()}
    origins = [restore.dump_from for restore in config.database.restores]
    return {
        **{bucket: region for region, bucket in _buckets(context).values()},
        **left,
        **{naming.copy_name(bucket): region for bucket, region in copies.items()},
        **{origin.bucket: origin.region for origin in origins if isinstance(origin, BucketConfig)},
    }


def _place(context: Context) -> BackupPlace:
    site, config = context.site, context.config.backups
    return BackupPlace(
        bucket=naming.backup_bucket(site.name, account=site.account),
        copy_bucket=site.copy_name(naming.backup_bucket(site.name, account=site.account)),
        copy_region=context.config.peer.region,
        minimum_rows=config.minimum_rows,
        minimum_ratio=config.minimum_percent / 100,
        scratch_gib=config.scratch_gib,
    )


def _identities(context: Context, buckets: BackupBuckets) -> list[pulumi.Resource]:
    place, site = _place(context), context.site
    own = context.place_of_ledger
    own_key, copy_key = buckets.own.key_arn, buckets.copy.key_arn

    def in_own_bucket(policy: Callable[..., Document]) -> pulumi.Output[str]:
        def text(arns: list[str]) -> str:
            return json.dumps(policy(**own, bucket=place.bucket, bucket_key_arn=arns[0], secrets_key_arn=arns[1]))

        return pulumi.Output.all(own_key, context.secrets_key_arn).apply(text)

    def check(arns: list[str]) -> str:
        return json.dumps(
            backup_permissions.restore_check(
                region=site.region,
                bucket=place.bucket,
                bucket_key_arn=arns[0],
                copy_region=place.copy_region,
                copy_bucket=place.copy_bucket,
                copy_key_arn=arns[1],
            )
        )

    def export(arns: list[str]) -> str:
        repository = context.config.backups.repository
        return json.dumps(
            backup_permissions.configuration_export(
                account=site.account,
                region=site.region,
                bucket=place.bucket,
                bucket_key_arn=arns[0],
                copy_region=place.copy_region,
                copy_bucket=place.copy_bucket,
                copy_key_arn=arns[1],
                state_object=f"{naming.state_bucket(site.name, account=site.account)}/{naming.state_key(site.name)}",
                token_secret=repository.token_secret if repository else None,
            )
        )

    def restore(secrets_key_arn: str | None) -> str:
        return json.dumps(
            backup_permissions.restore(**own, buckets=_readable(context), secrets_key_arn=secrets_key_arn)
        )

    def snapshot(secrets_key_arn: str | None) -> str:
        return json.dumps(job_permissions.promotion_snapshot(**own, site=site.name, secrets_key_arn=secrets_key_arn))

    policies = {
        BACKUP_CRON_JOB: in_own_bucket(backup_permissions.backup),
        CONFIGURATION_CRON_JOB: pulumi.Output.all(own_key, copy_key).apply(export),
        EXPORTER: in_own_bucket(backup_permissions.exporter),
        RESTORE_CHECK_CRON_JOB: pulumi.Output.all(own_key, copy_key).apply(check),
        RESTORE_JOB: context.secrets_key_arn.apply(restore),
        SNAPSHOT_CRON_JOB: context.secrets_key_arn.apply(snapshot),
    }
    return [identity(context, f"{job}-identity", job, policy, tier="data") for job, policy in policies.items()]
