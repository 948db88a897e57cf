"""A bucket of a site, and its copy in the other region, which the site owns too.

A site owns both, because the replication of a bucket can be set up only after the other bucket exists, and a site must
be buildable while the other one is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from components.backup_permissions import replication
from components.locked_bucket import LockedBucket, LockedBucketArgs, LockMode
from components.permissions import service_trust
from components.private_bucket import PrivateBucket, PrivateBucketArgs
from components.site import Site

REPLICATION_MINUTES = 15
"""S3 Replication Time Control knows no other value: Amazon S3 API Reference, "ReplicationTimeValue"."""

REPLICATION_RULE = "everything"


@dataclass(frozen=True, kw_only=True)
class CopiedBucketArgs:
    """The name, the retention and the lock of both buckets."""

    bucket: str
    """The site's own bucket. The name of its copy follows from it."""
    purpose: str
    """The purpose in the alias of the first key. That of the second ends in `-copy`."""
    peer_region: str
    """The region of the copy."""
    lock_mode: LockMode
    lock_days: int
    """The objects of the copy are locked for so long."""
    lock_own: bool = True
    """Whether the site's own bucket locks its objects too. S3 refuses an upload without a checksum to a bucket that
    locks by default (Amazon S3 API Reference, "PutObject"), and an AWS service may send none."""
    keep_days: Mapping[str, int]
    """Objects expire after so many days, by prefix."""
    tier: str
    data: str
    site: Site


class CopiedBucket(pulumi.ComponentResource):
    """Two buckets, and the replication from the first to the second. A deletion is not replicated.

    A copy of an object without a lock gets the lock of its own bucket: Amazon S3 User Guide, "What does Amazon S3
    replicate?".
    """

    TYPE: ClassVar[str] = "lifeline:index:CopiedBucket"
    own: PrivateBucket
    copy: LockedBucket

    def __init__(self, name: str, args: CopiedBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(self.TYPE, name, {}, opts)
        child, site = pulumi.ResourceOptions(parent=self), args.site
        self.own = self._own(f"{name}-own", args, child)
        copy = self._locked(args, site.copy_name(args.bucket), args.peer_region, site.copy_name(args.purpose))
        self.copy = LockedBucket(site.copy_name(name), copy, child)
        role, policy = self._role(name, args)
        self._replication(name, role, policy)
        self.register_outputs({"bucket": self.own.name, "copy": self.copy.name})

    def _own(self, name: str, args: CopiedBucketArgs, opts: pulumi.ResourceOptions) -> PrivateBucket:
        if args.lock_own:
            return LockedBucket(name, self._locked(args, args.bucket, args.site.region, args.purpose), opts)
        plain = PrivateBucketArgs(
            bucket=args.bucket,
            purpose=args.purpose,
            region=args.site.region,
            keep_days=args.keep_days,
            tier=args.tier,
            data=args.data,
            site=args.site,
            # S3 replicates between two buckets that both have Object Lock.
            object_lock=True,
        )
        return PrivateBucket(name, plain, opts)

    def _locked(self, args: CopiedBucketArgs, bucket: str, region: str, purpose: str) -> LockedBucketArgs:
        return LockedBucketArgs(
            bucket=bucket,
            purpose=purpose,
            region=region,
            lock_mode=args.lock_mode,
            lock_days=args.lock_days,
            keep_days=args.keep_days,
            tier=args.tier,
            data=args.data,
            site=args.site,
        )

    def _role(self, name: str, args: CopiedBucketArgs) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-replication-role",
            assume_role_policy=json.dumps(service_trust("s3.amazonaws.com")),
            description=f"S3 copies {args.bucket} to {args.site.copy_name(args.bucket)}",
            tags=args.site.tags.of(tier=args.tier, data="none", name=f"{name}-replication-role"),
            opts=child,
        )

        def permissions(arns: list[str]) -> str:
            return json.dumps(
                replication(
                    region=args.site.region,
                    bucket=args.bucket,
                    bucket_key_arn=arns[0],
                    copy_region=args.peer_region,
                    copy_bucket=args.site.copy_name(args.bucket),
                    copy_key_arn=arns[1],
                )
            )

        document = pulumi.Output.all(self.own.key_arn, self.copy.key_arn).apply(permissions)
        return role, aws.iam.RolePolicy(f"{name}-replication-policy", role=role.name, policy=document, opts=child)

    def _replication(self, name: str, role: aws.iam.Role, policy: aws.iam.RolePolicy) -> None:
        rule: aws.s3.BucketReplicationConfigRuleArgsDict = {
            "id": REPLICATION_RULE,
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
