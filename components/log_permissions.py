"""IAM policy documents for the copies of logs, as plain data."""

from __future__ import annotations

from collections.abc import Sequence

from components.permissions import Document, document, statement


def log_delivery(*, bucket: str, bucket_key_arn: str, region: str) -> Document:
    """The role with which Firehose writes objects to a bucket.

    Source: Amazon Data Firehose Developer Guide, "Grant Firehose access to an Amazon S3 destination".
    """
    arn = f"arn:aws:s3:::{bucket}"
    via = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
    return document(
        statement("FindLogBucket", ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"), (arn,)),
        statement("WriteLogs", ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"), (f"{arn}/*",)),
        statement("UseBucketKey", ("kms:Decrypt", "kms:GenerateDataKey"), (bucket_key_arn,), condition=via),
    )


def log_collector(group_arns: Sequence[str]) -> Document:
    """The collector's pods: add lines to streams of the site's groups. They can read no line, and create no group.

    Source: Fluent Bit manual, "Amazon CloudWatch", "Permissions".
    """
    write = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    return document(statement("CollectLogs", write, [f"{arn}:*" for arn in group_arns]))


def log_forwarding(stream_arn: str) -> Document:
    """The role with which CloudWatch Logs puts events into a stream.

    Source: CloudWatch Logs User Guide, "Subscription filters with Amazon Data Firehose".
    """
    return document(statement("ForwardLogs", ("firehose:PutRecord", "firehose:PutRecordBatch"), (stream_arn,)))
