"""IAM policy documents as plain data: what each workload may do, and nothing besides.

Pure functions, no Pulumi. A document is linted by tests; a resource pattern wider than one resource is listed, with its
reason, in `WILDCARD_REASONS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recovery import naming

Statement = dict[str, Any]
Document = dict[str, Any]

WILDCARD_REASONS: dict[str, str] = {
    "ReadPassword": "Secrets Manager ends an ARN in six characters of its own; the name in front of them is exact",
    "DescribeTargets": "EC2 and Elastic Load Balancing know no resource-level permissions for Describe calls",
    "FindLogGroup": "CloudWatch Logs knows no resource-level permissions for listing log groups",
    "DeliverFlowLogs": "log streams are named after network interfaces; the log group in front of them is exact",
}
"""Why a statement, by its Sid, names a pattern rather than a resource."""

LEDGER_READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
LEDGER_WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem")
"""No delete, and no batch write, which can delete: what is in the ledger stays there."""


def document(*statements: Statement) -> Document:
    """A policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(
    sid: str, actions: Sequence[str], resources: Sequence[str], *, condition: Mapping[str, Any] | None = None
) -> Statement:
    """One statement that allows something."""
    allowed: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return allowed if condition is None else allowed | {"Condition": dict(condition)}


def service_trust(service: str, *, condition: Mapping[str, Any] | None = None) -> Document:
    """A trust policy: an AWS service, such as `ec2.amazonaws.com`, may assume the role."""
    trust: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole"]}
    return document(trust if condition is None else trust | {"Condition": dict(condition)})


def pod_trust(*, cluster_name: str, namespace: str, service_account: str) -> Document:
    """A trust policy: EKS Pod Identity may assume the role for one service account of one cluster.

    EKS tags the session with where the pod runs; the conditions keep an association made elsewhere in the account from
    borrowing the role. Source: Amazon EKS User Guide, "Create IAM role with trust policy required by EKS Pod Identity".
    """
    session = {
        "aws:RequestTag/eks-cluster-name": cluster_name,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": service_account,
    }
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": session},
        }
    )


def backend(*, account: str, region: str, secrets_key_arn: str | None) -> Document:
    """The backend's pods: the ledger in their own region, and the database password in its local replica.

    Args:
        account: twelve digits.
        region: the site's own.
        secrets_key_arn: the key of the secret in this region, or None for a replica under the key that AWS manages,
            which needs no permission of its own.
    """
    ledger = statement("UseLedger", (*LEDGER_READ, *LEDGER_WRITE), (naming.ledger_arn(account=account, region=region),))
    return document(ledger, *_read_password(account=account, region=region, secrets_key_arn=secrets_key_arn))


def fence(*, account: str, region: str, switch_bucket: str, secrets_key_arn: str | None) -> Document:
    """The fence's pods: look at claims, note a handover, delete the site's own takeover object, open the database."""
    table = naming.ledger_arn(account=account, region=region)
    takeover = f"arn:aws:s3:::{switch_bucket}/{naming.TAKEOVER_KEY}"
    return document(
        statement("ReadClaims", ("dynamodb:GetItem",), (table,), condition=_keys("epoch#*", "handover#*")),
        statement("NoteHandover", ("dynamodb:PutItem",), (table,), condition=_keys("handover#*")),
        # Without it S3 answers 403, not 404, for an object that is not there: Amazon S3 API Reference, "HeadObject".
        statement("FindTakeover", ("s3:ListBucket",), (f"arn:aws:s3:::{switch_bucket}",)),
        statement("ReleaseTraffic", ("s3:DeleteObject", "s3:GetObject"), (takeover,)),
        *_read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def handover(*, account: str, region: str, secrets_key_arn: str | None) -> Document:
    """The gate of a switchover: read where the drained leader stopped, and open the database."""
    table = naming.ledger_arn(account=account, region=region)
    return document(
        statement("ReadHandover", ("dynamodb:GetItem",), (table,), condition=_keys("handover#*")),
        *_read_password(account=account, region=region, secrets_key_arn=secrets_key_arn),
    )


def _keys(*patterns: str) -> dict[str, Any]:
    """Only items whose key is like one of these."""
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)}}


def _read_password(*, account: str, region: str, secrets_key_arn: str | None) -> Iterator[Statement]:
    yield statement(
        "ReadPassword",
        ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
        (f"arn:aws:secretsmanager:{region}:{account}:secret:{naming.PASSWORD_SECRET}-??????",),
    )
    if secrets_key_arn is not None:
        via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}}
        yield statement("DecryptPassword", ("kms:Decrypt",), (secrets_key_arn,), condition=via)


def crisis_detector(*, account: str, region: str) -> Document:
    """The crisis detector's pods: put and get in the ledger, in their own region. No database, so no secret."""
    return _ledger_put_and_get(account=account, region=region)


def hotline_gateway(*, account: str, region: str) -> Document:
    """The hotline gateway's pods: put and get in the ledger, in their own region."""
    return _ledger_put_and_get(account=account, region=region)


def _ledger_put_and_get(*, account: str, region: str) -> Document:
    actions = ("dynamodb:GetItem", "dynamodb:PutItem")
    return document(statement("UseLedger", actions, (naming.ledger_arn(account=account, region=region),)))


def load_balancer_controller(target_group_arns: Sequence[str]) -> Document:
    """The AWS Load Balancer Controller, where it only fills target groups that this program made.

    Load balancers, listeners and security group rules are declared here, not in the cluster: a TargetGroupBinding must
    not have `spec.networking`. Source: the controller's installation guide, "IAM permission subset for those who use
    TargetGroupBinding only", with the changing calls narrowed to the site's own target groups.
    """
    describe = (
        "ec2:DescribeInstances",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeVpcs",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
    )
    change = (
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:RegisterTargets",
    )
    return document(statement("DescribeTargets", describe, ("*",)), statement("FillTargets", change, target_group_arns))


def flow_log_delivery(log_group_arn: str) -> Document:
    """The role by which VPC flow logs write to one log group.

    Source: Amazon VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs".
    """
    write = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    return document(
        statement("DeliverFlowLogs", write, (f"{log_group_arn}:*",)),
        statement("FindLogGroup", ("logs:DescribeLogGroups",), ("*",)),
    )
