"""The buckets of a site's backups: one in its own region, and a copy in the other region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from components.copied_bucket import CopiedBucket, CopiedBucketArgs
from components.locked_bucket import LockMode
from components.site import Site
from recovery.naming import (
    BACKUP_CHECKS,
    BACKUP_CONFIGURATION,
    BACKUP_DUMPS,
    BACKUP_MANIFESTS,
    backup_bucket,
)


@dataclass(frozen=True, kw_only=True)
class BackupBucketsArgs:
    """The retention of a site's backups."""

    peer_region: str
    """The region of the copy."""
    lock_mode: LockMode
    keep_days: int
    """Backups are locked, and kept, for so long."""
    configuration_days: int
    """Exports of the configuration are kept for so long, and locked for as long as backups."""
    site: Site


class BackupBuckets(CopiedBucket):
    """Two locked buckets for dumps, manifests, results of checks and exports of the configuration."""

    TYPE: ClassVar[str] = "lifeline:index:BackupBuckets"

    def __init__(self, name: str, args: BackupBucketsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        buckets = CopiedBucketArgs(
            bucket=backup_bucket(args.site.name, account=args.site.account),
            purpose="backups",
            peer_region=args.peer_region,
            lock_mode=args.lock_mode,
            lock_days=args.keep_days,
            keep_days={
                **dict.fromkeys((BACKUP_DUMPS, BACKUP_MANIFESTS, BACKUP_CHECKS), args.keep_days),
                BACKUP_CONFIGURATION: args.configuration_days,
            },
            tier="data",
            data="phi",
            site=args.site,
        )
        super().__init__(name, buckets, opts)
