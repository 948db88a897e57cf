"""The buckets of a site's backups: one in its own region, and a copy in the other region that the site owns too.

A site owns both, because the replication of a bucket can be set up only after the other bucket exists, and a site must
be buildable while the other one is not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.backup_permissions import replication
from components.locked_bucket import LockedBucket, LockedBucketArgs, LockMode
from components.permissions import service_trust
from components.site import Site
from recovery.naming import (
    BACKUP_CHECKS,
    BACKUP_CONFIGURATION,
    BACKUP_DUMPS,
    BACKUP_MANIFESTS,
    backup_bucket,
    backup_copy_bucket,
)

REPLICATION_MINUTES = 15
"""S3 Replication Time Control knows no other value: Amazon S3 API Reference, "ReplicationTimeValue"."""


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


class BackupBuckets(pulumi.ComponentResource):
    """Two locked buckets, and the replication from the first to the second. A deletion is not replicated."""

    own: LockedBucket
    copy: LockedBucket

    def __init__(self, name: str, args: BackupBucketsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:BackupBuckets", name, {}, opts)
        own, copy = (named(args.site.name, account=args.site.account) for named in (backup_bucket, backup_copy_bucket))
        self.own = self._bucket(f"{name}-own", args, own, args.site.region, "backups")
        self.copy = self._bucket(f"{name}-copy", args, copy, args.peer_region, "backups-copy")
        role, policy = self._role(name, args, own, copy)
        self._replication(name, role, policy)
        self.register_outputs({"bucket": self.own.name, "copy": self.copy.name})

    def _bucket(self, name: str, args: BackupBucketsArgs, bucket: str, region: str, purpose: str) -> LockedBucket:
        return LockedBucket(
            name,
            LockedBucketArgs(
                bucket=bucket,
                purpose=purpose,
                region=region,
                lock_mode=args.lock_mode,
                lock_days=args.keep_days,
                keep_days={
                    **dict.fromkeys((BACKUP_DUMPS, BACKUP_MANIFESTS, BACKUP_CHECKS), args.keep_days),
                    BACKUP_CONFIGURATION: args.configuration_days,
                },
                tier="data",
                data="phi",
                site=args.site,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _role(self, name: str, args: BackupBucketsArgs, own: str, copy: str) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-replication-role",
            assume_role_policy=json.dumps(service_trust("s3.amazonaws.com")),
            description=f"S3 copies {own} to {copy}",
            tags=args.site.tags.of(tier="data", data="none", name=f"{name}-replication-role"),
            opts=child,
        )

        def permissions(arns: list[str]) -> str:
            return json.dumps(
                replication(
                    region=args.site.region,
                    bucket=own,
                    bucket_key_arn=arns[0],
                    copy_region=args.peer_region,
                    copy_bucket=copy,
                    copy_key_arn=arns[1],
                )
            )

        document = pulumi.Output.all(self.own.key_arn, self.copy.key_arn).apply(permissions)
        return role, aws.iam.RolePolicy(f"{name}-replication-policy", role=role.name, policy=document, opts=child)

    def _replication(self, name: str, role: aws.iam.Role, policy: aws.iam.RolePolicy) -> None:
        rule: aws.s3.BucketReplicationConfigRuleArgsDict = {
            "id": "everything",
            "status": "Enabled",
            "priority": 0,
            "filter": {"prefix": ""},
            "delete_marker_replication": {"status": "Disabled"},
            "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
            "destination": {
                "bucket": self.copy.arn,
                "encryption_configuration": {"replica_kms_key_id": self.copy.key_arn},
                # Most objects arrive within seconds; S3 reports one that takes longer than a quarter of an hour.
                "replication_time": {"status": "Enabled", "time": {"minutes": REPLICATION_MINUTES}},
                "metrics": {"status": "Enabled", "event_threshold": {"minutes": REPLICATION_MINUTES}},
            },
        }
        aws.s3.BucketReplicationConfig(
            f"{name}-replication",
            bucket=self.own.name,
            role=role.arn,
            rules=[rule],
            # S3 refuses a destination that is not versioned, and a role that may not read the source yet.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, *self.own.settings, *self.copy.settings]),
        )
