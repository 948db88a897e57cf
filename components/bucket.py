"""A private bucket: versioned, encrypted, and only over TLS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from components.permissions import Statement, document, refuse_plain_text
from components.site import Site

UNFINISHED_UPLOAD_DAYS = 1
"""A job that was killed leaves the parts of its upload, which nothing lists and everyone pays for."""


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """A bucket, in the site's own region or in the other one."""

    bucket: str
    region: str
    keep_days: Mapping[str, int]
    """Objects expire after so many days, by prefix. Objects under other prefixes never expire."""
    tier: str
    data: str
    site: Site
    object_lock: bool = False
    """Whether an object can be locked. It cannot be changed later."""


class Bucket(pulumi.ComponentResource):
    """A private bucket, encrypted with S3's own keys. Subclasses have keys of their own, locks, or other writers."""

    TYPE: ClassVar[str] = "lifeline:index:Bucket"
    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    settings: tuple[pulumi.Resource, ...]
    """A bucket is ready for objects and for replication after these."""
    policy: pulumi.Resource
    """Another service may use the bucket after it."""

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(self.TYPE, name, {}, opts)
        self._elsewhere = args.site.elsewhere(args.region)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.bucket,
            object_lock_enabled=args.object_lock or None,
            region=self._elsewhere,
            tags=args.site.tags.of(tier=args.tier, data=args.data, name=args.bucket),
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
        )
        self.name, self.arn = bucket.bucket, bucket.arn
        versioning = self._versioning(name, bucket)
        self.policy = self._privacy(name, args, bucket)
        self.settings = (versioning, *self._locks(name, bucket, versioning), self._encryption(name, bucket))
        self._expiry(name, args, bucket, versioning)
        self.register_outputs(self._outputs())

    def _outputs(self) -> dict[str, pulumi.Output[str]]:
        return {"name": self.name, "arn": self.arn}

    def _default_encryption(self, name: str) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict:
        """The encryption of new objects."""
        return {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}

    def _statements(self, args: BucketArgs) -> tuple[Statement, ...]:
        """The statements of the bucket's policy."""
        return (refuse_plain_text(args.bucket),)

    def _locks(self, name: str, bucket: aws.s3.Bucket, versioning: pulumi.Resource) -> tuple[pulumi.Resource, ...]:
        """The lock that every new object gets."""
        return ()

    def _versioning(self, name: str, bucket: aws.s3.Bucket) -> aws.s3.BucketVersioning:
        # A bucket with Object Lock is versioned from the start. Declared, it cannot be suspended unnoticed.
        return aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            region=self._elsewhere,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _encryption(self, name: str, bucket: aws.s3.Bucket) -> pulumi.Resource:
        return aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[self._default_encryption(name)],
            region=self._elsewhere,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _privacy(self, name: str, args: BucketArgs, bucket: aws.s3.Bucket) -> pulumi.Resource:
        child = pulumi.ResourceOptions(parent=self)
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            region=self._elsewhere,
            opts=child,
        )
        aws.s3.BucketPublicAccessBlock(
            f"{name}-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            ignore_public_acls=True,
            block_public_policy=True,
            restrict_public_buckets=True,
            region=self._elsewhere,
            opts=child,
        )
        policy = json.dumps(document(*self._statements(args)))
        return aws.s3.BucketPolicy(
            f"{name}-policy", bucket=bucket.bucket, policy=policy, region=self._elsewhere, opts=child
        )

    def _expiry(self, name: str, args: BucketArgs, bucket: aws.s3.Bucket, versioning: pulumi.Resource) -> None:
        rules: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
            {
                "id": f"expire-{prefix.rstrip('/')}",
                "status": "Enabled",
                "filter": {"prefix": prefix},
                "expiration": {"days": days},
                # An expired object leaves a marker and becomes noncurrent. This removes it, if its lock has ended.
                "noncurrent_version_expiration": {"noncurrent_days": 1},
            }
            for prefix, days in args.keep_days.items()
        ]
        unfinished: aws.s3.BucketLifecycleConfigurationRuleArgsDict = {
            "id": "abort-unfinished-uploads",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abort_incomplete_multipart_upload": {"days_after_initiation": UNFINISHED_UPLOAD_DAYS},
        }
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-expiry",
            bucket=bucket.bucket,
            rules=[*rules, unfinished],
            region=self._elsewhere,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
