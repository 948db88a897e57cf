"""The replication of buckets, which moto accepts and does not do. The copies are modelled, and outcomes say so."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from rehearsal.world.faults import Faults


def replicate(s3: Any, faults: Faults) -> list[str]:
    """Copy what every bucket with a replication lacks at its destination, and return the keys that were copied.

    It copies new objects only, whole and in the order of their keys, as if replication had caught up. It copies nothing
    from or to a region that is lost. A copy gets the lock of its own bucket and the same bytes.

    Args:
        s3: a client of moto, which reaches the buckets of all regions.
        faults: the lost regions.
    """
    copied: list[str] = []
    for bucket in (entry["Name"] for entry in s3.list_buckets()["Buckets"]):
        destination = _destination(s3, bucket)
        if destination is None or not all(faults.reachable(_region(s3, name)) for name in (bucket, destination)):
            continue
        copied += copy_missing(s3, bucket, destination)
    return copied


def copy_missing(s3: Any, source: str, destination: str) -> list[str]:
    """Copy the objects of a bucket that another one lacks, and return their keys."""
    missing = sorted(_keys(s3, source) - _keys(s3, destination))
    for key in missing:
        s3.put_object(Bucket=destination, Key=key, Body=s3.get_object(Bucket=source, Key=key)["Body"].read())
    return missing


def _destination(s3: Any, bucket: str) -> str | None:
    try:
        rules = s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ReplicationConfigurationNotFoundError":
            return None
        raise
    (rule,) = [rule for rule in rules if rule["Status"] == "Enabled"]
    return str(rule["Destination"]["Bucket"]).rsplit(":", 1)[-1]


def _region(s3: Any, bucket: str) -> str:
    return s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"


def _keys(s3: Any, bucket: str) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}
