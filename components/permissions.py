"""IAM policy documents as plain data: the permissions of each workload.

Pure functions, no Pulumi. Tests lint each document. `WILDCARD_REASONS` lists every resource pattern that is wider than
one resource, with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recovery import naming

Statement = dict[str, Any]
Document = dict[str, Any]

WILDCARD_REASONS: dict[str, str] = {
    "ReadPassword": "Secrets Manager ends an ARN in six characters of its own; the name in front of them is exact",
    "DescribeGroups": "EC2 and Auto Scaling know no resource-level permissions for Describe calls",
    "ReadNodeGroups": "EKS gives a node group an id of its own; the cluster in front of it is exact",
    "SizeGroups": "EKS names its Auto Scaling groups; the condition names the tags of the own cluster's",
    "DescribeTargets": "EC2 and Elastic Load Balancing know no resource-level permissions for Describe calls",
    "FindLogGroup": "CloudWatch Logs knows no resource-level permissions for listing log groups",
    "WriteBackups": "every backup has a key of its own; the prefixes in front of them are exact",
    "ReadBackups": "every backup has a key of its own; the prefixes in front of them are exact",
    "ReadAllBackups": "every backup has a key of its own; the prefixes in front of them are exact",
    "DecryptAllBackups": "the ids of the other site's keys are not known; the condition names their aliases",
    "ReadExports": "every export has a key of its own; the prefixes in front of them are exact",
    "DecryptExports": "the ids of the keys of a lost site are not known; the condition names their aliases",
    "DecryptModels": "the policy is made before the key; the condition names the key's alias",
    "ReadManifests": "every manifest has a key of its own; the prefix in front of it is exact",
    "ReadCopies": "every copy has a key of its own; the bucket holds backups only",
    "FollowExport": "DynamoDB gives each export an id of its own; the table in front of it is exact",
    "WriteLogs": "Firehose names its objects itself; the bucket holds logs only",
    "WriteExports": "every export has a key of its own; the prefix in front of it is exact",
    "ReadInstances": "every database of the site has its epoch in its name; the site in front of it is exact",
    "FindSnapshot": "every snapshot has the name of its database in front; the site is exact",
    "TakeSnapshot": "every database of the site has its epoch in its name; the site in front of it is exact",
    "ReadToken": "Secrets Manager ends an ARN in six characters of its own; the name in front of them is exact",
    "WriteResults": "every result has a key of its own; the prefix in front of it is exact",
    "ReadObjects": "S3 copies every object of the bucket",
    "WriteCopies": "S3 copies every object of the bucket",
    "SendTexts": "a phone number has no ARN; another statement denies all topics",
    "NoTopics": "it denies, so its pattern takes permissions away",
    "ReadAlerting": "Secrets Manager ends an ARN in six characters of its own; the name in front of them is exact",
    "CollectLogs": "every pod has a log stream of its own; the log groups in front of them are exact",
    "DeliverFlowLogs": "log streams are named after network interfaces; the log group in front of them is exact",
}
"""The reason why a statement, named by its Sid, has a pattern instead of one resource."""

LEDGER_READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
LEDGER_WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem")
"""No delete, and no batch write, which can delete. A put or an update can still replace an item, unless the application
gives a condition; the exports and recovery points keep the earlier one."""

APPLICATION_KEYS = tuple(f"{beginning}*" for beginning in naming.LEDGER_EVENTS)
"""The items that the application uses. It can write no claim and no handover record, so it cannot decide who leads."""


def document(*statements: Statement) -> Document:
    """A policy document with the given statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(
    sid: str, actions: Sequence[str], resources: Sequence[str], *, condition: Mapping[str, Any] | None = None
) -> Statement:
    """One statement that allows actions."""
    allowed: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return allowed if condition is None else allowed | {"Condition": dict(condition)}


def refuse_plain_text(bucket: str) -> Statement:
    """A statement of a bucket's policy that denies requests without TLS."""
    arn = f"arn:aws:s3:::{bucket}"
    return {
        "Sid": "RefusePlainText",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def service_trust(service: str, *, condition: Mapping[str, Any] | None = None) -> Document:
    """A trust policy: an AWS service, such as `ec2.amazonaws.com`, may assume the role."""
    trust: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole"]}
    return document(trust if condition is None else trust | {"Condition": dict(condition)})


def pod_trust(*, cluster_name: str, namespace: str, service_account: str) -> Document:
    """A trust policy: EKS Pod Identity may assume the role for one service account of one cluster.

    EKS tags the session with the pod's cluster, namespace and service account. The conditions keep any other
    association in the account from using the role.
    Source: Amazon EKS User Guide, "Create IAM role with trust policy required by EKS Pod Identity".
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


def ledger_keys(*patterns: str) -> dict[str, Any]:
    """A condition that allows only items whose key matches one of the patterns.

    `ForAllValues` is true for a request without keys, such as a scan, so `Null` requires them.
    Sources: Amazon DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access control"; IAM User
    Guide, "Multivalued context keys".
    """
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def read_password(
    *, account: str, region: str, secrets_key_arn: str | None, secrets: tuple[str, ...] = (naming.PASSWORD_SECRET,)
) -> Iterator[Statement]:
    """Read the copies of database passwords in a region, whose key is None if AWS manages it."""
    yield statement(
        "ReadPassword",
        ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"),
        tuple(f"arn:aws:secretsmanager:{region}:{account}:secret:{secret}-??????" for secret in secrets),
    )
    if secrets_key_arn is not None:
        via = {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}}
        yield statement("DecryptPassword", ("kms:Decrypt",), (secrets_key_arn,), condition=via)


def decrypt_objects(sid: str, buckets: Mapping[str, str], account: str) -> Statement:
    """Use the keys of buckets, whose ids are not known: a condition names the aliases, which follow from names.

    Source: AWS KMS Developer Guide, "Use aliases to control access to KMS keys".

    Args:
        sid: the statement's name.
        buckets: the region of each bucket, by name.
        account: twelve digits.
    """
    return statement(
        sid,
        ("kms:Decrypt",),
        [f"arn:aws:kms:{place}:{account}:key/*" for place in sorted(set(buckets.values()))],
        condition={
            "StringEquals": {"kms:ViaService": [f"s3.{place}.amazonaws.com" for place in sorted(buckets.values())]},
            "ForAnyValue:StringEquals": {
                "kms:ResourceAliases": [naming.bucket_key_alias(bucket, account=account) for bucket in sorted(buckets)]
            },
        },
    )


def load_balancer_controller(target_group_arns: Sequence[str]) -> Document:
    """The AWS Load Balancer Controller, limited to registering pods in this program's target groups.

    The program declares load balancers, listeners and security group rules itself, so a TargetGroupBinding must not
    have `spec.networking`. Source: the controller's installation guide, "IAM permission subset for those who use
    TargetGroupBinding only", with the write calls narrowed to the site's own target groups.
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


def cluster_autoscaler(cluster_name: str, *, account: str, region: str) -> Document:
    """The Cluster Autoscaler, limited to the node groups of its own cluster.

    Source: kubernetes/autoscaler, `cluster-autoscaler/cloudprovider/aws/README.md`, "Full Cluster Autoscaler Features
    Policy", with the condition on tags of the Amazon EKS Best Practices Guide, "Cluster Autoscaler", "Employ least
    privileged access to the IAM role". Amazon EKS sets both tags.
    """
    describe = (
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeLaunchConfigurations",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeTags",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:GetInstanceTypesFromInstanceRequirements",
    )
    groups = f"arn:aws:eks:{region}:{account}:nodegroup/{cluster_name}/*"
    sizes = f"arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/eks-*"
    change = ("autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup")
    own = {
        "aws:ResourceTag/k8s.io/cluster-autoscaler/enabled": "true",
        f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster_name}": "owned",
    }
    return document(
        statement("DescribeGroups", describe, ("*",)),
        statement("ReadNodeGroups", ("eks:DescribeNodegroup",), (groups,)),
        statement("SizeGroups", change, (sizes,), condition={"StringEquals": own}),
    )


def prometheus(workspace_arn: str) -> Document:
    """Prometheus's pods: write to the workspace in the other region.

    Source: Amazon Managed Service for Prometheus User Guide, "IAM permissions and policies".
    """
    return document(statement("WriteMetrics", ("aps:RemoteWrite",), (workspace_arn,)))


def alertmanager(*, account: str, region: str) -> Document:
    """Alertmanager's pods: send text messages, and read their secret, which has AWS's own key.

    Source: Amazon SNS Developer Guide, "Identity-based policies": a message to a phone number has the resource `*`.
    """
    secret = f"arn:aws:secretsmanager:{region}:{account}:secret:{naming.ALERTING_SECRET}-??????"
    topics = statement("NoTopics", ("sns:Publish",), ("arn:aws:sns:*:*:*",)) | {"Effect": "Deny"}
    return document(
        statement("SendTexts", ("sns:Publish",), ("*",)),
        topics,
        statement("ReadAlerting", ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"), (secret,)),
    )


def alarm_topic(topic_arn: str, *, account: str, events: bool) -> Document:
    """The policy of a topic: alarms of the account may publish, and with `events` also rules of EventBridge.

    EventBridge sends no context that a condition could read, so its statement has none.
    Sources: Amazon SNS Developer Guide, "Example cases for Amazon SNS access control"; Amazon EventBridge User Guide,
    "Using resource-based policies for Amazon EventBridge", "Amazon SNS permissions".
    """
    own = {"StringEquals": {"aws:SourceAccount": account}}
    alarms = statement("PublishAlarms", ("sns:Publish",), (topic_arn,), condition=own)
    rules = statement("PublishEvents", ("sns:Publish",), (topic_arn,))
    by_alarms = alarms | {"Principal": {"Service": "cloudwatch.amazonaws.com"}}
    by_rules = rules | {"Principal": {"Service": "events.amazonaws.com"}}
    return document(by_alarms, by_rules) if events else document(by_alarms)


def flow_log_delivery(log_group_arn: str) -> Document:
    """The role with which VPC flow logs write to one log group.

    Source: Amazon VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs".
    """
    write = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    return document(
        statement("DeliverFlowLogs", write, (f"{log_group_arn}:*",)),
        statement("FindLogGroup", ("logs:DescribeLogGroups",), ("*",)),
    )
