"""S3 buckets and their configuration.

moto ignores the Condition of a Deny statement and would refuse every call. Such statements are validated as JSON and
kept in the table `s3-policies` with the rest of the policy; only the other statements are sent.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, nothing, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain

_LOG = logging.getLogger(__name__)


def _create_bucket(call: Call) -> Created:
    name: str = call.inputs["bucket"]
    place: Plain = {} if call.region == "us-east-1" else {"LocationConstraint": call.region}
    options: Plain = {"CreateBucketConfiguration": place} if place else {}
    if call.inputs.get("objectLockEnabled"):
        options["ObjectLockEnabledForBucket"] = True
    call.do("CreateBucket", Bucket=name, **options)
    if call.tag_list:
        call.do("PutBucketTagging", Bucket=name, Tagging={"TagSet": call.tag_list})
    return name, {
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{call.region}.amazonaws.com",
    }


def _delete_bucket(call: Call) -> None:
    if call.outputs.get("forceDestroy"):
        listed = call.do("ListObjectVersions", Bucket=call.id)
        for version in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            call.do("DeleteObject", Bucket=call.id, Key=version["Key"], VersionId=version["VersionId"])
    call.do("DeleteBucket", Bucket=call.id)


def _setting(token: str, operation: str, member: str, keys: str, *, undo: str | None = None, **fixed: str) -> Adapter:
    """A resource that is one setting of a bucket: it is put to create and to update, and removed by `undo`."""

    def put(call: Call) -> Plain:
        shape: Any = call.clients.model("s3", operation).input_shape
        values = {key: call.inputs[key] for key in words(keys) if call.inputs.get(key) is not None}
        value = values.get("versioningConfiguration", values)
        setting: Plain = {member: {**parameters(shape.members[member], value, _S3_NAMES), **fixed}}
        call.do(operation, Bucket=call.inputs["bucket"], **setting)
        return {}

    def create(call: Call) -> Created:
        return call.inputs["bucket"], put(call)

    def delete(call: Call) -> None:
        if undo:
            call.do(undo, Bucket=call.id)

    return Adapter(
        type=f"aws:s3/{token[0].lower()}{token[1:]}:{token}",
        service="s3",
        inputs=words(f"bucket {keys}"),
        create=create,
        update=put,
        updates=words(keys),
        delete=delete if undo else nothing,
    )


_S3_NAMES = {
    "sseAlgorithm": "SSEAlgorithm",
    "kmsMasterKeyId": "KMSMasterKeyID",
    "mfaDelete": "MFADelete",
    "id": "ID",
    "rule": "Rules",
}


def _put_policy(call: Call) -> Created:
    bucket: str = call.inputs["bucket"]
    policy: Plain = json.loads(call.inputs["policy"])
    statements: list[Plain] = policy["Statement"]
    felt = [
        statement_ for statement_ in statements if not (statement_["Effect"] == "Deny" and statement_.get("Condition"))
    ]
    if len(felt) < len(statements):
        _LOG.info("%s: %d conditional Deny statements are kept, not put on moto", bucket, len(statements) - len(felt))
    call.table("s3-policies")[bucket] = policy
    if felt:
        call.do("PutBucketPolicy", Bucket=bucket, Policy=json.dumps({**policy, "Statement": felt}))
    else:
        call.clients.ask("s3", call.region, "PutBucketPolicy")
    return bucket, {}


def _update_policy(call: Call) -> Plain:
    return _put_policy(call)[1]


def _delete_policy(call: Call) -> None:
    call.do("DeleteBucketPolicy", Bucket=call.id)
    call.table("s3-policies").pop(call.id, None)


def _check_policy(inputs: Plain) -> list[tuple[str, str]]:
    try:
        json.loads(inputs.get("policy") or "{}")
    except ValueError as error:
        return [("policy", f"is no JSON: {error}")]
    return []


ADAPTERS = (
    Adapter(
        type="aws:s3/bucket:Bucket",
        service="s3",
        inputs=words("bucket bucketPrefix forceDestroy objectLockEnabled"),
        create=_create_bucket,
        updates=words("forceDestroy"),
        delete=_delete_bucket,
        name="bucket",
    ),
    _setting("BucketVersioning", "PutBucketVersioning", "VersioningConfiguration", "versioningConfiguration"),
    _setting(
        "BucketObjectLockConfiguration",
        "PutObjectLockConfiguration",
        "ObjectLockConfiguration",
        "rule",
        ObjectLockEnabled="Enabled",
    ),
    _setting(
        "BucketReplicationConfig",
        "PutBucketReplication",
        "ReplicationConfiguration",
        "role rules",
        undo="DeleteBucketReplication",
    ),
    _setting(
        "BucketPublicAccessBlock",
        "PutPublicAccessBlock",
        "PublicAccessBlockConfiguration",
        "blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets",
        undo="DeletePublicAccessBlock",
    ),
    _setting(
        "BucketOwnershipControls",
        "PutBucketOwnershipControls",
        "OwnershipControls",
        "rule",
        undo="DeleteBucketOwnershipControls",
    ),
    _setting(
        "BucketServerSideEncryptionConfiguration",
        "PutBucketEncryption",
        "ServerSideEncryptionConfiguration",
        "rules",
        undo="DeleteBucketEncryption",
    ),
    _setting(
        "BucketLifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        "LifecycleConfiguration",
        "rules",
        undo="DeleteBucketLifecycle",
    ),
    Adapter(
        type="aws:s3/bucketPolicy:BucketPolicy",
        service="s3",
        inputs=words("bucket policy"),
        create=_put_policy,
        update=_update_policy,
        updates=words("policy"),
        delete=_delete_policy,
        check=_check_policy,
    ),
)
