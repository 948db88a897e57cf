"""The switch: an object in a site's own bucket. While it exists, traffic goes to that site.

Route 53 reads the object from outside. Creating it needs only S3 in the site's own region, and no change to a record, a
health check or a bucket's configuration, whose control planes are in us-east-1.
Source: AWS Fault Isolation Boundaries, appendix B; AWS Architecture Blog, "Creating Disaster Recovery Mechanisms Using
Amazon Route 53" (standby takes over primary).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.permissions import refuse_plain_text
from components.site import Site
from recovery.naming import TAKEOVER_KEY, switch_bucket


@dataclass(frozen=True, kw_only=True)
class SwitchArgs:
    """The site's switch, and whether it is on."""

    site: Site
    takeover: bool
    """Whether the object exists. Then the site leads, and traffic must come here even if the first site is healthy."""
    after: tuple[pulumi.Resource, ...]
    """The resources that must be ready before traffic comes: the promoted database and the scaled workloads."""


class Switch(pulumi.ComponentResource):
    """The bucket, whose one key anyone may read over TLS, and the object."""

    def __init__(self, name: str, args: SwitchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Switch", name, {}, opts)
        self._name = name
        child = pulumi.ResourceOptions(parent=self)
        physical = switch_bucket(args.site.name, account=args.site.account)
        tags = args.site.tags.of(tier="platform", data="none", name=physical)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=physical,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership", bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
        )
        # A health checker sends no signature, and an object under a KMS key cannot be read without one.
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=child
        )
        policy = self._public_at_one_key(bucket, physical)
        if args.takeover:
            self._object(bucket, tags, [policy, versioning, *args.after])
        self.register_outputs({})

    def _public_at_one_key(self, bucket: aws.s3.Bucket, physical: str) -> aws.s3.BucketPolicy:
        access = aws.s3.BucketPublicAccessBlock(
            f"{self._name}-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            ignore_public_acls=True,
            block_public_policy=False,
            restrict_public_buckets=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.s3.BucketPolicy(
            f"{self._name}-policy",
            bucket=bucket.bucket,
            policy=json.dumps(switch_policy(physical)),
            # A new bucket blocks public policies, so the policy is refused until the block is changed.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access]),
        )

    def _object(self, bucket: aws.s3.Bucket, tags: dict[str, str], after: list[pulumi.Resource]) -> None:
        aws.s3.BucketObjectv2(
            f"{self._name}-{TAKEOVER_KEY}",
            bucket=bucket.bucket,
            key=TAKEOVER_KEY,
            content="this site leads\n",
            content_type="text/plain",
            cache_control="no-store",
            tags=tags,
            # The last step of a flip: traffic must not come before the database takes writes.
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )


def switch_policy(bucket: str) -> dict[str, Any]:
    """Anyone may read the one key. Requests without TLS are denied."""
    arn = f"arn:aws:s3:::{bucket}"
    read = {
        "Sid": "ReadTakeover",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"{arn}/{TAKEOVER_KEY}",
    }
    return {"Version": "2012-10-17", "Statement": [read, refuse_plain_text(bucket)]}
