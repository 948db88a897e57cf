"""The jobs of a site's backups, and their service accounts."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import backup_jobs, jobs
from components.kube.backup_jobs import BackupPlace
from components.kube.objects import declare
from components.site import Site
from recovery.naming import BACKUP_CRON_JOB, RESTORE_CHECK_CRON_JOB


@dataclass(frozen=True, kw_only=True)
class BackupJobsArgs:
    """The image and the settings of the jobs."""

    place: BackupPlace
    image: str
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, the pods' identities, the object that mounts the password, and the buckets."""


class BackupJobs(pulumi.ComponentResource):
    """A daily backup, and a daily check that restores it."""

    def __init__(self, name: str, args: BackupJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:BackupJobs", name, {}, opts)
        labels = args.site.tags.labels(tier="data", data="phi")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        accounts = [
            declare(f"{name}-{job}-account", jobs.service_account(job, labels=labels), after)
            for job in (BACKUP_CRON_JOB, RESTORE_CHECK_CRON_JOB)
        ]
        disk = declare(f"{name}-scratch", backup_jobs.scratch_class(labels=labels), after)
        child = pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *accounts, disk])
        backup = backup_jobs.backup(args.place, image=args.image, labels=labels)
        check = backup_jobs.restore_check(args.place, image=args.image, labels=labels)
        declare(f"{name}-backup", backup, child)
        declare(f"{name}-restore-check", check, child)
        self.register_outputs({})
