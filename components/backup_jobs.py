"""The jobs of a site's backups, and their service accounts."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import backup_jobs, jobs, once
from components.kube.backup_jobs import BackupPlace
from components.kube.objects import declare
from components.site import Site
from recovery.naming import BACKUP_CRON_JOB, RESTORE_CHECK_CRON_JOB, RESTORE_JOB
from recovery.timeline import DatabaseId


@dataclass(frozen=True, kw_only=True)
class BackupJobsArgs:
    """The image and the settings of the jobs."""

    place: BackupPlace
    image: str
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, the pods' identities, the object that mounts the password, and the buckets."""


class BackupJobs(pulumi.ComponentResource):
    """A daily backup, a daily check that restores it, and the identity of the Jobs that restore in earnest."""

    def __init__(self, name: str, args: BackupJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:BackupJobs", name, {}, opts)
        labels = args.site.tags.labels(tier="data", data="phi")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        accounts = [
            declare(f"{name}-{job}-account", jobs.service_account(job, labels=labels), after)
            for job in (BACKUP_CRON_JOB, RESTORE_CHECK_CRON_JOB, RESTORE_JOB)
        ]
        disk = declare(f"{name}-scratch", backup_jobs.scratch_class(labels=labels), after)
        child = pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *accounts, disk])
        backup = backup_jobs.backup(args.place, image=args.image, labels=labels)
        check = backup_jobs.restore_check(args.place, image=args.image, labels=labels)
        declare(f"{name}-backup", backup, child)
        declare(f"{name}-restore-check", check, child)
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class DumpRestoreArgs:
    """A dump, and the empty database that gets its data."""

    database: DatabaseId
    host: pulumi.Input[str]
    backup: str
    """The name of the backup, or `latest`."""
    bucket: str
    region: str
    """The bucket's region."""
    image: str
    site: Site
    after: tuple[pulumi.Resource, ...]
    """The database."""


class DumpRestore(pulumi.ComponentResource):
    """A Job that ends when the database has the data. The workloads wait for it.

    It refers to the namespace, the ConfigMap and the identity by name and does not depend on them: in the program they
    come after the database. They exist since the site was built.
    """

    job: pulumi.CustomResource

    def __init__(self, name: str, args: DumpRestoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DumpRestore", name, {}, opts)
        manifest = once.restore(
            image=args.image,
            database=args.database,
            host=args.host,
            backup=args.backup,
            bucket=args.bucket,
            region=args.region,
            labels=args.site.tags.labels(tier="data", data="phi"),
        )
        self.job = declare(
            f"{name}-job",
            manifest,
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.after],
                # It runs once. A new image must not restore again: the database is no longer empty.
                ignore_changes=["spec"],
                # The provider waits ten minutes. A large dump takes hours.
                custom_timeouts=pulumi.CustomTimeouts(create="4h"),
            ),
        )
        self.register_outputs({})
