"""The replication of buckets: only new objects, only by a rule, and nothing across a lost region."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from rehearsal.world.cloud import empty_account
from rehearsal.world.faults import Faults
from rehearsal.world.replication import replicate

EAST, WEST = "us-east-2", "us-west-2"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client of the region that creates buckets in every region."""
    with empty_account() as url:
        yield boto3.session.Session("rehearsal", "rehearsal").client("s3", "us-east-1", endpoint_url=url)


@pytest.fixture
def pair(s3: Any) -> tuple[str, str]:
    """A bucket in the east and its copy in the west."""
    own, copy = (f"replicated-{next(_numbers)}-{kind}" for kind in ("own", "copy"))
    for name, region in ((own, EAST), (copy, WEST)):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    destination = {"Bucket": f"arn:aws:s3:::{copy}"}
    rule = {"ID": "all", "Status": "Enabled", "Priority": 0, "Filter": {"Prefix": ""}, "Destination": destination}
    configuration = {"Role": "arn:aws:iam::123456789012:role/copy", "Rules": [rule]}
    s3.put_bucket_replication(Bucket=own, ReplicationConfiguration=configuration)
    return own, copy


def put(s3: Any, bucket: str, key: str, body: bytes = b"text") -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def keys(s3: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_new_objects_are_copied_once(s3: Any, pair: tuple[str, str]) -> None:
    own, copy = pair
    put(s3, own, "a", b"first")
    assert replicate(s3, Faults()) == ["a"]
    put(s3, own, "b")
    assert replicate(s3, Faults()) == ["b"]
    assert replicate(s3, Faults()) == []
    assert keys(s3, copy) == ["a", "b"]
    assert s3.get_object(Bucket=copy, Key="a")["Body"].read() == b"first"


def test_a_deletion_is_not_copied_and_nothing_flows_back(s3: Any, pair: tuple[str, str]) -> None:
    own, copy = pair
    put(s3, own, "a")
    replicate(s3, Faults())
    s3.delete_object(Bucket=own, Key="a")
    put(s3, copy, "of the copy")
    assert replicate(s3, Faults()) == []
    assert (keys(s3, own), keys(s3, copy)) == ([], ["a", "of the copy"])


@pytest.mark.parametrize("region", [EAST, WEST])
def test_a_lost_region_gets_and_gives_nothing_until_it_returns(s3: Any, pair: tuple[str, str], region: str) -> None:
    faults = Faults()
    faults.lose(region)
    put(s3, pair[0], "late")
    assert replicate(s3, faults) == []
    faults.restore(region)
    assert replicate(s3, faults) == ["late"]


def test_a_bucket_without_a_rule_is_left_alone(s3: Any) -> None:
    s3.create_bucket(Bucket="alone", CreateBucketConfiguration={"LocationConstraint": EAST})
    put(s3, "alone", "a")
    assert replicate(s3, Faults()) == []
