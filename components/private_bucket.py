"""A private bucket with an encryption key of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from components.bucket import Bucket, BucketArgs
from components.keys import service_key_policy, symmetric_key


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs(BucketArgs):
    """A bucket with its key."""

    purpose: str
    """The purpose in the alias of its key."""


class PrivateBucket(Bucket):
    """The key and the bucket.

    Each bucket has its own key in its own region, so a key that is disabled or lost takes no second copy with it.
    """

    TYPE: ClassVar[str] = "lifeline:index:PrivateBucket"
    key_arn: pulumi.Output[str]

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self._own = args
        super().__init__(name, args, opts)

    def _outputs(self) -> dict[str, pulumi.Output[str]]:
        return {**super()._outputs(), "keyArn": self.key_arn}

    def _default_encryption(self, name: str) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgsDict:
        args = self._own
        self.key_arn = symmetric_key(
            f"{name}-key",
            site=args.site,
            purpose=args.purpose,
            region=args.region,
            policy=service_key_policy("s3", account=args.site.account, region=args.region),
            tier=args.tier,
            data=args.data,
            parent=self,
        )
        return {
            "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": self.key_arn},
            "bucket_key_enabled": True,
        }
