"""The calls of AWS that each identity makes: the other half of its permissions.

The names in braces are variables of the pods, facts of the site from its ConfigMap, the account, the ARN of the copy of
the ledger that the pods use (`LEDGER`), and the bucket that the backups are copied to.
Sources: the modules of `operations` for the jobs, which a test reads; otherwise as noted.
"""

from __future__ import annotations

from dataclasses import dataclass

from recovery import naming
from recovery.naming import (
    BACKUP_CRON_JOB,
    CONFIGURATION_CRON_JOB,
    EXPORTER,
    LEDGER_CRON_JOB,
    LEDGER_RESTORE_JOB,
    RESTORE_CHECK_CRON_JOB,
    RESTORE_JOB,
    REVIEW_CRON_JOB,
    ROLES_CRON_JOB,
    SNAPSHOT_CRON_JOB,
)

LEDGER = "{LEDGER}"
LEADING_KEYS = "dynamodb:LeadingKeys"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call: an action on a resource."""

    action: str
    resource: str | None = None
    """An ARN with names in braces; None if AWS gives the id, so that no input has it."""
    keys: tuple[str, ...] = ()
    """The keys of the items of the ledger that it names."""


def _secret(name: str, *verbs: str) -> tuple[Call, ...]:
    arn = f"arn:aws:secretsmanager:{{AWS_REGION}}:{{account}}:secret:{name}-a1B2c3"
    return tuple(Call(action=f"secretsmanager:{verb}", resource=arn) for verb in verbs)


def _items(verbs: tuple[str, ...], *keys: str) -> tuple[Call, ...]:
    return tuple(Call(action=f"dynamodb:{verb}", resource=LEDGER, keys=(key,)) for verb in verbs for key in keys)


def _objects(bucket: str, verbs: tuple[str, ...], *keys: str) -> tuple[Call, ...]:
    return tuple(Call(action=f"s3:{verb}", resource=f"arn:aws:s3:::{bucket}/{key}") for verb in verbs for key in keys)


def _instances(*verbs: str) -> tuple[Call, ...]:
    arn = "arn:aws:rds:{AWS_REGION}:{account}:db:lifeline-{DATABASE}"
    return tuple(Call(action=f"rds:{verb}", resource=arn) for verb in verbs)


def _snapshots(*verbs: str) -> tuple[Call, ...]:
    arn = "arn:aws:rds:{AWS_REGION}:{account}:snapshot:lifeline-{DATABASE}-epoch-2"
    return tuple(Call(action=f"rds:{verb}", resource=arn) for verb in verbs)


def _scan(number: int) -> Call:
    table = f"arn:aws:dynamodb:{{LEFT_REGION_{number}}}:{{account}}:table/{{LEFT_TABLE_{number}}}"
    return Call(action="dynamodb:Scan", resource=table)


def _list(bucket: str) -> Call:
    return Call(action="s3:ListBucket", resource=f"arn:aws:s3:::{bucket}")


_READ = ("DescribeSecret", "GetSecretValue")
PASSWORD = _secret(naming.PASSWORD_SECRET, *_READ)
APPLICATION_PASSWORD = _secret(naming.APPLICATION_SECRET, *_READ)
DUMPS = ("dumps/d", "manifests/m")
EVENTS = ("event#e", "escalation#e")
_OWN, _OWN_COPY = "{BACKUP_BUCKET}", "{COPY_BUCKET}"
_LEFT = (1, 2, 3, 4)
_BY_NAME, _COPY_BY_NAME = naming.backup_bucket("{SITE}", account="{account}"), "{COPY_OF_BACKUPS}"

CALLS: dict[str, tuple[Call, ...]] = {
    # The application. Its keys are its only part of the ledger.
    "mental-health-backend": (
        *_items(("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem"), *EVENTS),
        *APPLICATION_PASSWORD,
    ),
    "crisis-detector": (
        *_items(("GetItem", "PutItem"), *EVENTS),
        *_objects("{MODEL_BUCKET}", ("GetObjectVersion",), naming.MODEL_KEY),
    ),
    "hotline-gateway": _items(("GetItem", "PutItem"), *EVENTS),
    # The jobs.
    "fence": (
        *_items(("GetItem", "BatchGetItem"), "epoch#1"),
        *_items(("GetItem",), "handover#1"),
        *_items(("PutItem", "UpdateItem"), "handover#1"),
        *_items(("PutItem",), "ready#1", "closed#1"),
        *PASSWORD,
    ),
    "claim": (*_items(("GetItem", "PutItem"), "epoch#1"), *_instances("DescribeDBInstances")),
    "promotion-wait": (*_items(("GetItem",), "epoch#1", "closed#1", "handover#1"), *PASSWORD),
    ROLES_CRON_JOB: (*PASSWORD, *APPLICATION_PASSWORD),
    "switch": (*_items(("BatchGetItem",), "epoch#1"), *_items(("GetItem",), "ready#1")),
    "handover": (
        *_items(("GetItem",), "epoch#1", "handover#1"),
        *_items(("UpdateItem",), "handover#1"),
        *_instances("DescribeDBInstances"),
        *PASSWORD,
    ),
    SNAPSHOT_CRON_JOB: (
        *_items(("BatchGetItem",), "epoch#1"),
        *_instances("DescribeDBInstances", "CreateDBSnapshot"),
        *_snapshots("DescribeDBSnapshots", "CreateDBSnapshot", "AddTagsToResource"),
        *PASSWORD,
    ),
    BACKUP_CRON_JOB: (
        *_items(("GetItem", "BatchGetItem"), "epoch#1"),
        _list(_OWN),
        *_objects(_OWN, ("GetObject", "GetObjectRetention", "PutObject", "AbortMultipartUpload"), *DUMPS),
        *PASSWORD,
    ),
    EXPORTER: (
        *_items(("BatchGetItem",), "epoch#1"),
        _list(_OWN),
        *_objects(_OWN, ("GetObject",), "manifests/m"),
        *PASSWORD,
    ),
    RESTORE_CHECK_CRON_JOB: (
        _list(_OWN_COPY),
        *_objects(_OWN_COPY, ("GetObject",), *DUMPS),
        *_objects(_OWN, ("PutObject",), "checks/c"),
    ),
    # Its Job exists during a restore only, so its buckets have their names.
    RESTORE_JOB: (
        *_items(("BatchGetItem",), "epoch#1"),
        _list(_BY_NAME),
        _list(_COPY_BY_NAME),
        *_objects(_BY_NAME, ("GetObject",), *DUMPS),
        *_objects(_COPY_BY_NAME, ("GetObject",), *DUMPS),
        *PASSWORD,
    ),
    CONFIGURATION_CRON_JOB: (
        *_objects("{STATE_BUCKET}", ("GetObject",), "{STATE_KEY}"),
        _list(_OWN),
        *_objects(_OWN, ("GetObject", "PutObject"), "configuration/c"),
        *_objects(_OWN_COPY, ("GetObject",), "configuration/c"),
        # Only if exports are pushed to version control: the variable exists then only.
        *_secret("{REPOSITORY_TOKEN_SECRET}", "GetSecretValue"),
    ),
    # Its Job exists only after the loss of both regions. The keys of these buckets belong to no stack any more, and AWS
    # gives their ids.
    LEDGER_RESTORE_JOB: (
        *_items(("PutItem",), *EVENTS),
        *(_scan(number) for number in _LEFT),
        *(_list(f"{{LEFT_BUCKET_{number}}}") for number in _LEFT),
        *(
            call
            for number in _LEFT
            for call in _objects(f"{{LEFT_BUCKET_{number}}}", ("GetObject",), "exports/e", "records/r")
        ),
        Call(action="kms:Decrypt"),
    ),
    LEDGER_CRON_JOB: (
        Call(action="dynamodb:ExportTableToPointInTime", resource=LEDGER),
        Call(action="dynamodb:DescribeExport", resource=f"{LEDGER}/export/e"),
        Call(action="dynamodb:BatchGetItem", resource=LEDGER),
        _list("{EXPORT_BUCKET}"),
        # DynamoDB writes the export with the rights of the caller: Amazon DynamoDB Developer Guide, "Requesting a table
        # export".
        *_objects("{EXPORT_BUCKET}", ("PutObject", "PutObjectAcl", "AbortMultipartUpload"), "exports/e", "records/r"),
        *_objects(_OWN_COPY, ("GetObject",), "exports/e", "records/r"),
    ),
    REVIEW_CRON_JOB: (Call(action="dynamodb:Scan", resource=LEDGER),),
    # Amazon SNS Developer Guide, "Identity-based policies": a message to a phone number has the resource `*`.
    "alertmanager": (Call(action="sns:Publish", resource="*"), *_secret(naming.ALERTING_SECRET, *_READ)),
    # Fluent Bit manual, "Amazon CloudWatch", "Permissions".
    naming.LOG_COLLECTOR: tuple(
        Call(action=f"logs:{verb}") for verb in ("CreateLogStream", "DescribeLogStreams", "PutLogEvents")
    ),
    "prometheus": (Call(action="aps:RemoteWrite"),),
    # kubernetes/autoscaler, `cluster-autoscaler/cloudprovider/aws/README.md`. EKS puts the tags on its groups.
    "cluster-autoscaler": tuple(
        Call(action=action)
        for action in (
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeAutoScalingInstances",
            "autoscaling:DescribeLaunchConfigurations",
            "autoscaling:DescribeScalingActivities",
            "autoscaling:DescribeTags",
            "ec2:DescribeImages",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:GetInstanceTypesFromInstanceRequirements",
            "eks:DescribeNodegroup",
            "autoscaling:SetDesiredCapacity",
            "autoscaling:TerminateInstanceInAutoScalingGroup",
        )
    ),
    # The controller's installation guide, "IAM permission subset for those who use TargetGroupBinding only".
    "aws-load-balancer-controller": tuple(
        Call(action=action)
        for action in (
            "ec2:DescribeInstances",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcs",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:RegisterTargets",
        )
    ),
}
"""The calls by service account."""

_SOURCE, _TARGET = "{SOURCE_BUCKET}", "{TARGET_BUCKET}"
REPLICATION = (
    _list(_SOURCE),
    Call(action="s3:GetReplicationConfiguration", resource=f"arn:aws:s3:::{_SOURCE}"),
    *_objects(
        _SOURCE,
        (
            "GetObjectVersionForReplication",
            "GetObjectVersionAcl",
            "GetObjectVersionTagging",
            "GetObjectRetention",
            "GetObjectLegalHold",
        ),
        "o",
    ),
    *_objects(_TARGET, ("ReplicateObject", "ReplicateTags"), "o"),
)
"""The calls of S3 when it copies a bucket. Source: Amazon S3 User Guide, "Setting up permissions for live replication"
and "Using Object Lock with S3 Replication"."""

KEY_USES: dict[str, str] = {
    "s3:AbortMultipartUpload": "kms:Decrypt",
    "s3:GetObject": "kms:Decrypt",
    "s3:GetObjectVersion": "kms:Decrypt",
    "s3:GetObjectVersionForReplication": "kms:Decrypt",
    "s3:PutObject": "kms:GenerateDataKey",
    "s3:ReplicateObject": "kms:Encrypt",
    "secretsmanager:GetSecretValue": "kms:Decrypt",
}
"""The use of a key that a call makes on what the key encrypts.

Sources: Amazon S3 User Guide, "Required permissions for multipart upload with SSE-KMS" and "Replicating encrypted
objects"; AWS Secrets Manager User Guide, "Permissions for the KMS key".
"""

CLAIMS = ("claim",)
"""The accounts that write claims."""
EVERY_ITEM = (LEDGER_CRON_JOB, REVIEW_CRON_JOB)
"""The accounts that read items of any key: an export is compared with the table, and a review scans it."""
APPLICATION = ("mental-health-backend", "crisis-detector", "hotline-gateway")
