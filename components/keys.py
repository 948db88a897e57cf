"""The encryption keys of one site, one per purpose: access to one kind of data is no access to another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.permissions import Document, Statement, document, statement
from components.site import Site
from recovery.naming import PROJECT

DELETION_WINDOW_DAYS = 30
"""The longest time for which KMS allows a deletion to be cancelled."""

ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
"""The administrators' permissions for a key: everything except using it."""

CRYPTOGRAPHY = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")

SCALING_ROLE = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
"""The role that launches the nodes of a managed group. It must be able to use the key of their disks.

Source: Amazon EC2 Auto Scaling User Guide, "Required AWS KMS key policy for use with encrypted volumes".
"""


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    """The site whose keys are created."""

    site: Site


class Keys(pulumi.ComponentResource):
    """Four symmetric keys, rotated every year, each with the alias `alias/lifeline-<site>-<purpose>`."""

    cluster_arn: pulumi.Output[str]
    """For Kubernetes secrets and the disks of nodes."""
    database_arn: pulumi.Output[str]
    """For database storage, snapshots and Performance Insights."""
    logs_arn: pulumi.Output[str]
    """For CloudWatch log groups in this region."""
    secrets_arn: pulumi.Output[str]
    """For Secrets Manager."""

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Keys", name, {}, opts)
        own = {"account": args.site.account, "region": args.site.region}
        self.cluster_arn = self._key(
            name, args, "cluster", cluster_key_policy(**own), tier="platform", data="credentials"
        )
        self.database_arn = self._key(name, args, "database", service_key_policy("rds", **own), tier="data", data="phi")
        self.logs_arn = self._key(name, args, "logs", logs_key_policy(**own), tier="platform", data="operational")
        secrets = service_key_policy("secretsmanager", **own)
        self.secrets_arn = self._key(name, args, "secrets", secrets, tier="platform", data="credentials")
        self.register_outputs({})

    def _key(
        self, name: str, args: KeysArgs, purpose: str, policy: Document, *, tier: str, data: str
    ) -> pulumi.Output[str]:
        return symmetric_key(
            f"{name}-{purpose}",
            site=args.site,
            purpose=purpose,
            region=args.site.region,
            policy=policy,
            tier=tier,
            data=data,
            parent=self,
        )


def symmetric_key(
    name: str,
    *,
    site: Site,
    purpose: str,
    region: str,
    policy: Document,
    tier: str,
    data: str,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """A rotated key and its alias in a region, of the site or of the other one. Returns the key's ARN."""
    label = f"{PROJECT}-{site.name}-{purpose}"
    elsewhere = site.elsewhere(region)
    key = aws.kms.Key(
        name,
        description=f"Lifeline {site.name}: {purpose}",
        policy=json.dumps(policy),
        enable_key_rotation=True,
        deletion_window_in_days=DELETION_WINDOW_DAYS,
        region=elsewhere,
        tags=site.tags.of(tier=tier, data=data, name=label),
        opts=pulumi.ResourceOptions(parent=parent, protect=site.protect),
    )
    aws.kms.Alias(
        f"{name}-alias",
        name=f"alias/{label}",
        target_key_id=key.key_id,
        region=elsewhere,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return key.arn


def service_key_policy(*services: str, account: str, region: str) -> Document:
    """A key that principals of the account use through some services only, if their own IAM policies allow it."""
    via = [f"{service}.{region}.amazonaws.com" for service in services]
    return document(
        _administration(account),
        _key_statement(
            "UseThroughService",
            (*CRYPTOGRAPHY, "kms:CreateGrant"),
            principal={"AWS": _root(account)},
            condition={"StringEquals": {"kms:ViaService": via[0] if len(via) == 1 else via}},
        ),
    )


def logs_key_policy(*, account: str, region: str) -> Document:
    """A key that CloudWatch Logs uses for log groups of this account and region.

    Source: CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS KMS".
    """
    groups = f"arn:aws:logs:{region}:{account}:log-group:*"
    return document(
        _administration(account),
        _key_statement(
            "UseByLogs",
            CRYPTOGRAPHY,
            principal={"Service": f"logs.{region}.amazonaws.com"},
            condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        ),
    )


def cluster_key_policy(*, account: str, region: str) -> Document:
    """A key for EKS, and for the disks of Auto Scaling's nodes.

    EKS takes a grant in the name of the principal that creates a cluster. The condition `kms:GrantIsForAWSResource` is
    not supported for CreateCluster, so that grant has none: IAM decides which principals of the account may create it.
    Source: Amazon EKS User Guide, "Default envelope encryption for all Kubernetes API Data".
    """
    # A condition names the role, not a principal: KMS refuses a policy whose principal does not exist yet.
    scaling = {
        "StringEquals": {"kms:CallerAccount": account},
        "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{account}:role/{SCALING_ROLE}"},
    }
    for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    ec2 = {"StringEquals": {"kms:ViaService": f"ec2.{region}.amazonaws.com"}}
    return document(
        _administration(account),
        _key_statement("GrantToClusters", ("kms:CreateGrant",), principal={"AWS": _root(account)}),
        _key_statement("UseForDisks", CRYPTOGRAPHY, principal={"AWS": _root(account)}, condition=ec2),
        _key_statement("UseByScaling", CRYPTOGRAPHY, principal={"AWS": "*"}, condition=scaling),
        _key_statement("GrantByScaling", ("kms:CreateGrant",), principal={"AWS": "*"}, condition=scaling | for_aws),
    )


def _administration(account: str) -> Statement:
    return _key_statement("Administer", ADMINISTRATION, principal={"AWS": _root(account)})


def _root(account: str) -> str:
    """The account itself. Its IAM policies decide which principals may act."""
    return f"arn:aws:iam::{account}:root"


def _key_statement(
    sid: str, actions: tuple[str, ...], *, principal: Mapping[str, str], condition: Mapping[str, Any] | None = None
) -> Statement:
    # In a key policy, "*" means this key only.
    return statement(sid, actions, ("*",), condition=condition) | {"Principal": dict(principal)}
