"""A bucket of backups: dumps, their manifests, and the results of restoring them.

Every object has a name of its own and is written once. The bucket locks each object by default, so neither a job nor an
intruder with its role can change or delete a backup.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self, TypeVar, cast

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.manager import TransferConfig, TransferManager

from operations.job import JobFailedError, JobRefusedError
from operations.log import say
from operations.manifest import Manifest, ManifestError
from recovery.naming import BACKUP_CHECKS, BACKUP_MANIFESTS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_Answer = TypeVar("_Answer")

MIB = 1024**2
PARTS = 10_000
"""The most parts that an upload may have. Source: Amazon S3 User Guide, "Multipart upload limits"."""
SMALLEST_PART = 8 * MIB
LARGEST_PART = 48 * MIB
"""Three parts are in memory at once: one that is read and two that are sent. The job's memory is 256 MiB."""
COPIED_AFTER = timedelta(hours=1)
"""An object of this age must be in the other region. S3 promises a quarter of an hour."""
PASSED = "passed"
FAILED = "failed"

_PATIENCE = Config(
    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 6}, max_pool_connections=4
)
"""Seconds. The standard mode waits a random time that grows up to 20 s between attempts, also when S3 throttles."""


class StoreError(ConnectionError):
    """The bucket did not answer, or refused."""


class TooLargeError(JobRefusedError):
    """A dump does not fit: into one upload, or onto the disk of a check."""


class CorruptDumpError(JobFailedError):
    """A stored dump is not the one that its manifest describes."""


@dataclass(frozen=True)
class StoredObject:
    """The state of an object in the bucket."""

    bytes: int
    locked_until: datetime | None
    """The time until which it cannot be deleted; None if it is not locked."""


class Stream(Protocol):
    """A stream that is read once, from its beginning to its end."""

    def read(self, size: int = -1) -> bytes:
        """The next bytes: as many as asked for, or fewer at the end; all of them without a size."""
        ...

    def kill(self) -> None:
        """End the stream from outside, so that a read that waits returns."""
        ...


def part_bytes(database_bytes: int) -> int:
    """The size of one part, for a database of a size. A compressed dump is smaller than its database.

    Raises:
        TooLargeError: if the dump could have more parts than S3 takes.
    """
    needed = math.ceil(database_bytes / PARTS / MIB) * MIB
    if needed > LARGEST_PART:
        limit = PARTS * LARGEST_PART // 1024**3
        raise TooLargeError(
            f"the database has {database_bytes // 1024**3} GiB, more than the {limit} GiB of one upload"
        )
    return max(SMALLEST_PART, needed)


class BackupStore:
    """One bucket: a site's own, or the copy of it in the other region."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    @classmethod
    def connect(cls, region: str, bucket: str) -> Self:
        """The bucket in a region, with the credentials of the environment."""
        return cls(boto3.client("s3", region_name=region, config=_PATIENCE), bucket)

    def manifests(self) -> Iterator[Manifest]:
        """The manifests, the newest first. One that is not readable is logged and skipped.

        Raises:
            StoreError: if the bucket does not answer.
        """
        for key in sorted(self.keys(BACKUP_MANIFESTS), reverse=True):
            try:
                yield Manifest.parse(self.text(key))
            except ManifestError as error:
                say("manifest skipped", key=key, problem=str(error))

    def offered(self) -> Iterator[Manifest]:
        """The backups that may be restored, the newest first: not suspect, and no check of them failed.

        Raises:
            StoreError: if the bucket does not answer.
        """
        for manifest in self.manifests():
            if not manifest.suspect and FAILED not in self.verdicts(manifest.name):
                yield manifest

    def verdicts(self, name: str) -> list[str]:
        """The results of all checks of a backup, the oldest first: `passed` or `failed`.

        Raises:
            StoreError: if the bucket does not answer.
        """
        keys = sorted(self.keys(f"{BACKUP_CHECKS}{name}/"))
        return [key.removesuffix(".json").rpartition("-")[2] for key in keys]

    def is_proved(self, name: str) -> bool:
        """Whether a check restored a backup, and none failed.

        Raises:
            StoreError: if the bucket does not answer.
        """
        verdicts = self.verdicts(name)
        return bool(verdicts) and FAILED not in verdicts

    def checks(self) -> list[str]:
        """The keys of the results of all checks.

        Raises:
            StoreError: if the bucket does not answer.
        """
        return sorted(self.keys(BACKUP_CHECKS))

    def write(self, key: str, text: str) -> None:
        """Write an object that must not exist.

        Raises:
            StoreError: if it exists, or the bucket does not answer.
        """
        self._ask(
            lambda: self._client.put_object(
                Bucket=self.bucket, Key=key, Body=text.encode(), ContentType="application/json", IfNoneMatch="*"
            )
        )

    def upload(self, source: Stream, key: str, part: int) -> None:
        """Upload a stream in parts. If the stream fails, S3 forgets the parts and no object appears.

        Raises:
            StoreError: if the bucket does not answer or refuses.
            Exception: what the stream raises.
        """
        config = TransferConfig(
            multipart_threshold=part,
            multipart_chunksize=part,
            max_request_concurrency=2,
            max_in_memory_upload_chunks=2,
        )
        with TransferManager(self._client, config) as manager:
            try:
                # The type stubs want a seekable file. A stream with `read` is enough.
                manager.upload(cast("str", source), self.bucket, key).result()
            except (BotoCoreError, ClientError, Boto3Error) as error:
                raise StoreError(f"{self.bucket}: {error}") from error
            finally:
                source.kill()  # the manager waits for its reader, which waits for the stream

    def stored(self, key: str) -> StoredObject:
        """The size and the lock of an object.

        Raises:
            StoreError: if it does not exist, or the bucket does not answer.
        """
        answer = self._ask(lambda: self._client.head_object(Bucket=self.bucket, Key=key))
        return StoredObject(answer["ContentLength"], answer.get("ObjectLockRetainUntilDate"))

    def open(self, key: str, chunk: int = MIB) -> Iterator[bytes]:
        """An object's bytes, in chunks.

        Raises:
            StoreError: if it does not exist, or the bucket stops answering.
        """
        body = self._ask(lambda: self._client.get_object(Bucket=self.bucket, Key=key))["Body"]
        try:
            yield from body.iter_chunks(chunk)
        except (BotoCoreError, OSError) as error:
            raise StoreError(f"{self.bucket}/{key}: {error}") from error
        finally:
            body.close()

    def dump(self, manifest: Manifest) -> Iterator[bytes]:
        """A dump, in chunks. The last chunk is followed by an error if the dump is not the one of the manifest.

        Raises:
            CorruptDumpError: if its size or its checksum is another one.
            StoreError: if it does not exist, or the bucket stops answering.
        """
        checksum, size = hashlib.sha256(), 0
        for chunk in self.open(manifest.dump_key):
            checksum.update(chunk)
            size += len(chunk)
            yield chunk
        if size != manifest.dump_bytes:
            raise CorruptDumpError(f"the dump has {size} bytes instead of {manifest.dump_bytes}")
        if checksum.hexdigest() != manifest.sha256:
            raise CorruptDumpError("the dump has another checksum than its manifest")

    def text(self, key: str) -> str:
        """An object as text.

        Raises:
            StoreError: if it does not exist, or the bucket does not answer.
        """
        return b"".join(self.open(key)).decode(errors="replace")

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects under a prefix.

        Raises:
            StoreError: if the bucket does not answer.
        """

        def ask() -> list[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", ()) if "Key" in item]

        return self._ask(ask)

    def _ask(self, call: Callable[[], _Answer]) -> _Answer:
        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"{self.bucket}: {error}") from error
