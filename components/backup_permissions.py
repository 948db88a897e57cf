"""IAM policy documents of the backup jobs, of the exporter and of S3's replication, as plain data.

`ledger` is the ARN of the ledger's copy that the site uses.

The reasons for patterns among the resources are in `components.permissions.WILDCARD_REASONS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.permissions import (
    APPLICATION_KEYS,
    Document,
    Statement,
    decrypt_objects,
    document,
    ledger_keys,
    read_password,
    statement,
)
from recovery import naming


def backup(
    *, account: str, region: str, ledger: str, bucket: str, bucket_key_arn: str, secrets_key_arn: str | None
) -> Document:
    """The backup job: add objects to the site's own bucket, read manifests and results, and connect to the database.

    It may neither delete an object nor change its lock. Whether an object is locked is visible only with
    s3:GetObjectRetention: Amazon S3 User Guide, "Object Lock considerations".
    """
    arn = f"arn:aws:s3:::{bucket}"
    dumps, manifests = f"{arn}/{naming.BACKUP_DUMPS}*", f"{arn}/{naming.BACKUP_MANIFESTS}*"
    return document(
        _read_claims(ledger, "dynamodb:BatchGetItem", "dynamodb:GetItem"),
        statement("ListBackups", ("s3:ListBucket",), (arn,)),
        statement("WriteBackups", ("s3:AbortMultipartUpload", "s3:PutObject"), (dumps, manifests)),
        statement("ReadBackups", ("s3:GetObject", "s3:GetObjectRetention"), (dumps, manifests)),
        _use_bucket_key(("kms:Decrypt", "kms:GenerateDataKey"), bucket_key_arn, region),
        *read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def exporter(
    *, account: str, region: str, ledger: str, bucket: str, bucket_key_arn: str, secrets_key_arn: str | None
) -> Document:
    """The exporter: read claims, list the site's own backups, read their manifests, and connect to the database."""
    arn = f"arn:aws:s3:::{bucket}"
    return document(
        _read_claims(ledger, "dynamodb:BatchGetItem"),
        statement("ListBackups", ("s3:ListBucket",), (arn,)),
        statement("ReadManifests", ("s3:GetObject",), (f"{arn}/{naming.BACKUP_MANIFESTS}*",)),
        _use_bucket_key(("kms:Decrypt",), bucket_key_arn, region),
        *read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def restore_check(
    *, region: str, bucket: str, bucket_key_arn: str, copy_region: str, copy_bucket: str, copy_key_arn: str
) -> Document:
    """The restore check: read the copy in the other region, and add results to the site's own bucket."""
    copy = f"arn:aws:s3:::{copy_bucket}"
    return document(
        statement("ListCopies", ("s3:ListBucket",), (copy,)),
        statement("ReadCopies", ("s3:GetObject",), (f"{copy}/*",)),
        _use_bucket_key(("kms:Decrypt",), copy_key_arn, copy_region, sid="DecryptCopies"),
        statement("WriteResults", ("s3:PutObject",), (f"arn:aws:s3:::{bucket}/{naming.BACKUP_CHECKS}*",)),
        _use_bucket_key(("kms:GenerateDataKey",), bucket_key_arn, region),
    )


def restore(
    *, account: str, region: str, ledger: str, buckets: Mapping[str, str], secrets_key_arn: str | None
) -> Document:
    """The restore job: read every bucket of backups, of either site, and connect to the database that leads.

    The other site's keys have ids that this site does not know.

    Args:
        account: twelve digits.
        region: the site's own region.
        ledger: the ARN of the ledger's copy that the site uses.
        buckets: the region of each bucket, by name.
        secrets_key_arn: the key of the password's secret; None for a replica of the secret.
    """
    arns = [f"arn:aws:s3:::{bucket}" for bucket in sorted(buckets)]
    prefixes = (naming.BACKUP_DUMPS, naming.BACKUP_MANIFESTS)
    return document(
        _read_claims(ledger, "dynamodb:BatchGetItem"),
        statement("ListAllBackups", ("s3:ListBucket",), arns),
        statement("ReadAllBackups", ("s3:GetObject",), [f"{arn}/{prefix}*" for arn in arns for prefix in prefixes]),
        decrypt_objects("DecryptAllBackups", buckets, account),
        *read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def ledger_restore(*, account: str, ledger: str, buckets: Mapping[str, str], tables: Mapping[str, str]) -> Document:
    """The job that adds events of a lost ledger: read what is left of it, and put events that are absent.

    Args:
        account: twelve digits.
        ledger: the ARN of the ledger's copy that the site uses.
        buckets: the region of each bucket of exports, by name.
        tables: the region of each restored table, by name.
    """
    arns = [f"arn:aws:s3:::{bucket}" for bucket in sorted(buckets)]
    prefixes = (naming.LEDGER_EXPORTS, naming.LEDGER_RECORDS)
    left = [f"arn:aws:dynamodb:{place}:{account}:table/{name}" for name, place in sorted(tables.items())]
    exports = (
        statement("ListExports", ("s3:ListBucket",), arns),
        statement("ReadExports", ("s3:GetObject",), [f"{arn}/{prefix}*" for arn in arns for prefix in prefixes]),
        decrypt_objects("DecryptExports", buckets, account),
    )
    return document(
        statement("AddEvents", ("dynamodb:PutItem",), (ledger,), condition=ledger_keys(*APPLICATION_KEYS)),
        *((statement("ReadTables", ("dynamodb:Scan",), left),) if left else ()),
        *(exports if buckets else ()),
    )


def configuration_export(
    *,
    account: str,
    region: str,
    bucket: str,
    bucket_key_arn: str,
    copy_region: str,
    copy_bucket: str,
    copy_key_arn: str,
    state_object: str,
    token_secret: str | None,
) -> Document:
    """The configuration export: read the stack's state, add exports to the site's own bucket, and read their copies.

    Args:
        account: twelve digits.
        region: the site's own region.
        bucket: the site's own bucket, with the key in it.
        bucket_key_arn: the key of that bucket.
        copy_region: the region of the copy.
        copy_bucket: the copy in the other region.
        copy_key_arn: the key of the copy.
        state_object: the bucket and the key of the state.
        token_secret: the name of the secret with a token for version control; None if exports are not pushed.
    """
    arn, exports = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{naming.BACKUP_CONFIGURATION}*"
    copies = f"arn:aws:s3:::{copy_bucket}/{naming.BACKUP_CONFIGURATION}*"
    token = () if token_secret is None else (_read_token(account, region, token_secret),)
    return document(
        statement("ReadState", ("s3:GetObject",), (f"arn:aws:s3:::{state_object}",)),
        statement("ListExports", ("s3:ListBucket",), (arn,)),
        statement("WriteExports", ("s3:GetObject", "s3:PutObject"), (exports,)),
        _use_bucket_key(("kms:Decrypt", "kms:GenerateDataKey"), bucket_key_arn, region),
        statement("ReadCopies", ("s3:GetObject",), (copies,)),
        _use_bucket_key(("kms:Decrypt",), copy_key_arn, copy_region, sid="DecryptCopies"),
        *token,
    )


def _read_token(account: str, region: str, secret: str) -> Statement:
    arn = f"arn:aws:secretsmanager:{region}:{account}:secret:{secret}-??????"
    return statement("ReadToken", ("secretsmanager:GetSecretValue",), (arn,))


def ledger_export(
    *,
    ledger: str,
    region: str,
    bucket: str,
    bucket_key_arn: str,
    copy_region: str,
    copy_bucket: str,
    copy_key_arn: str,
) -> Document:
    """The ledger's export: let DynamoDB write to the site's bucket, look for items, and read the copy.

    Source: Amazon DynamoDB Developer Guide, "Requesting a table export in DynamoDB", prerequisites.
    """
    arn = f"arn:aws:s3:::{bucket}"
    write = ("s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl")
    return document(
        statement("StartExport", ("dynamodb:ExportTableToPointInTime",), (ledger,)),
        statement("FollowExport", ("dynamodb:DescribeExport",), (f"{ledger}/export/*",)),
        statement("LookForItems", ("dynamodb:BatchGetItem",), (ledger,)),
        statement("ListExports", ("s3:ListBucket",), (arn,)),
        statement("WriteExports", write, (f"{arn}/{naming.LEDGER_EXPORTS}*", f"{arn}/{naming.LEDGER_RECORDS}*")),
        _use_bucket_key(("kms:Decrypt", "kms:GenerateDataKey"), bucket_key_arn, region),
        statement("ReadCopies", ("s3:GetObject",), (f"arn:aws:s3:::{copy_bucket}/*",)),
        _use_bucket_key(("kms:Decrypt",), copy_key_arn, copy_region, sid="DecryptCopies"),
    )


def replication(
    *, region: str, bucket: str, bucket_key_arn: str, copy_region: str, copy_bucket: str, copy_key_arn: str
) -> Document:
    """The role with which S3 copies a bucket of locked, encrypted objects to another region. It deletes nothing.

    Source: Amazon S3 User Guide, "Setting up permissions for live replication" and "Replicating encrypted objects".
    """
    arn, copy = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{copy_bucket}"
    read = (
        "s3:GetObjectLegalHold",
        "s3:GetObjectRetention",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionTagging",
    )
    return document(
        statement("FindObjects", ("s3:GetReplicationConfiguration", "s3:ListBucket"), (arn,)),
        statement("ReadObjects", read, (f"{arn}/*",)),
        statement("WriteCopies", ("s3:ReplicateObject", "s3:ReplicateTags"), (f"{copy}/*",)),
        _use_bucket_key(("kms:Decrypt",), bucket_key_arn, region),
        _use_bucket_key(("kms:Encrypt",), copy_key_arn, copy_region, sid="EncryptCopies"),
    )


def _read_claims(ledger: str, *actions: str) -> Statement:
    return statement("ReadClaims", actions, (ledger,), condition=ledger_keys("epoch#*"))


def _use_bucket_key(actions: Sequence[str], key_arn: str, region: str, *, sid: str = "UseBucketKey") -> Statement:
    via = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
    return statement(sid, actions, (key_arn,), condition=via)
