"""A private bucket whose objects cannot be changed or deleted before their time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws

from components.private_bucket import PrivateBucket, PrivateBucketArgs

LockMode = Literal["GOVERNANCE", "COMPLIANCE"]


@dataclass(frozen=True, kw_only=True)
class LockedBucketArgs(PrivateBucketArgs):
    """A bucket, and the lock of its objects."""

    object_lock: bool = True
    lock_mode: LockMode
    """GOVERNANCE: a principal with s3:BypassGovernanceRetention may delete. COMPLIANCE: no one may, not even root."""
    lock_days: int
    """Each new object is locked for so long."""

    def __post_init__(self) -> None:
        short = {prefix: days for prefix, days in self.keep_days.items() if days < self.lock_days}
        if short:
            raise ValueError(f"{self.bucket} expires {', '.join(short)} before the lock of {self.lock_days} days ends")


class LockedBucket(PrivateBucket):
    """A private bucket that locks every object by default."""

    TYPE: ClassVar[str] = "lifeline:index:LockedBucket"

    def __init__(self, name: str, args: LockedBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self._lock = args
        super().__init__(name, args, opts)

    def _locks(self, name: str, bucket: aws.s3.Bucket, versioning: pulumi.Resource) -> tuple[pulumi.Resource, ...]:
        lock = aws.s3.BucketObjectLockConfiguration(
            f"{name}-lock",
            bucket=bucket.bucket,
            rule={"default_retention": {"mode": self._lock.lock_mode, "days": self._lock.lock_days}},
            region=self._elsewhere,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        return (lock,)
