"""Buckets, and the switch's object."""

from __future__ import annotations

import json

from tests.rehearsal.providers.aws.world import BUCKET, WEST, make, remove, unique

POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def test_a_bucket_gives_its_regional_name_and_takes_its_settings(world):
    name, outputs = make(world.west, BUCKET, {"bucket": unique("logs")})
    assert outputs["bucketRegionalDomainName"] == f"{name}.s3.{WEST}.amazonaws.com"
    for token, inputs in (
        ("BucketVersioning", {"versioningConfiguration": {"status": "Enabled"}}),
        ("BucketPublicAccessBlock", {"blockPublicAcls": True, "ignorePublicAcls": True, "blockPublicPolicy": False}),
        ("BucketOwnershipControls", {"rule": {"objectOwnership": "BucketOwnerEnforced"}}),
        (
            "BucketServerSideEncryptionConfiguration",
            {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": True}]},
        ),
        (
            "BucketLifecycleConfiguration",
            {
                "rules": [
                    {
                        "id": "old",
                        "status": "Enabled",
                        "filter": {"prefix": ""},
                        "noncurrentVersionExpiration": {"noncurrentDays": 7},
                    }
                ]
            },
        ),
    ):
        make(world.west, f"aws:s3/{token[0].lower()}{token[1:]}:{token}", {"bucket": name, **inputs})
    s3 = world.client("s3", WEST)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]["ID"] == "old"


def test_a_tls_only_policy_is_kept_and_does_not_lock_the_bucket(world):
    bucket, _ = make(world.west, BUCKET, {"bucket": unique("logs")})
    arn = f"arn:aws:s3:::{bucket}"
    read = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/page"}
    refuse = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    whole = {"Version": "2012-10-17", "Statement": [read, refuse]}
    policy = make(world.west, POLICY, {"bucket": bucket, "policy": json.dumps(whole)})
    s3 = world.client("s3", WEST)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [read]
    assert world.tables["s3-policies"][bucket] == whole
    remove(world.west, POLICY, policy)
    assert bucket not in world.tables["s3-policies"]


def test_a_policy_that_is_no_json_is_refused_before_moto_would_break_on_it(world):
    assert [key for key, _ in world.east.check(POLICY, {"bucket": "b", "policy": "{"})] == ["policy"]
