"""The list of calls is true: the jobs' modules make them, and the variables in them exist."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

import boto3
import pytest

from policy.calls import APPLICATION, CALLS
from tests.harness import ROOT

OPERATIONS = ROOT / "operations"
MODULES = {
    "claim": "claim",
    "crisis-review": "crisis_review",
    "fence": "fence",
    "handover": "handover",
    "postgresql-backup": "backup",
    "recovery-exporter": "exporter",
    "restore-check": "restore_check",
    "restore": "restore",
    "configuration-export": "configuration_export",
    "ledger-export": "ledger_export",
    "ledger-restore": "ledger_restore",
    "promotion-snapshot": "promotion_snapshot",
    "promotion-wait": "promotion_wait",
    "roles": "roles",
    "switch": "switch",
}
"""The job of each service account."""
NOT_OURS = (
    *APPLICATION,
    "alertmanager",
    "prometheus",
    "aws-load-balancer-controller",
    "cluster-autoscaler",
    "fluent-bit",
)
ACTIONS = {"s3:HeadObject": {"s3:GetObject"}, "s3:ListObjectsV2": {"s3:ListBucket"}}
"""Operations whose permission has another name: Amazon S3 User Guide, "Required permissions for Amazon S3 API
operations"."""
UPLOAD = {"s3:PutObject", "s3:AbortMultipartUpload"}
FOLLOWS = {
    "s3:ListBucket": "without it, S3 answers 403 instead of 404 for a missing object",
    "s3:GetObjectRetention": "a HEAD answers the lock of an object to those only who may read it",
    "rds:AddTagsToResource": "RDS demands it for the tags of a new snapshot",
    "s3:PutObjectAcl": "DynamoDB writes an export with it",
    "kms:Decrypt": "S3 uses the key of a bucket that no stack declares any more",
    "secretsmanager:DescribeSecret": "the driver of the mounted secrets reads the version first",
    "secretsmanager:GetSecretValue": "the driver of the mounted secrets reads it",
}
"""Calls that no line of the jobs makes, with their reason."""


@cache
def operations() -> dict[str, str]:
    """The operations of AWS by the names of their methods."""
    clients = {
        name: boto3.client(name, region_name="us-east-2") for name in ("dynamodb", "rds", "s3", "secretsmanager")
    }
    return {
        method: f"{name}:{operation}"
        for name, client in clients.items()
        for method, operation in client.meta.method_to_api_mapping.items()
    }


def imported(module: str) -> set[str]:
    """A module of the jobs, and all modules of the jobs that it imports."""
    modules, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        modules.add(name)
        for node in ast.walk(ast.parse((OPERATIONS / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "operations":
                names = (
                    [(node.module or "").partition(".")[2]]
                    if "." in (node.module or "")
                    else [a.name for a in node.names]
                )
                waiting += [entry for entry in names if (OPERATIONS / f"{entry}.py").exists() and entry not in modules]
    return modules


def made(module: str) -> Iterator[str]:
    """The actions that the lines of a job and of its modules need."""
    for name in imported(module):
        for node in ast.walk(ast.parse((OPERATIONS / f"{name}.py").read_text())):
            match node:
                case ast.Attribute(attr=method) | ast.Constant(value=str(method)) if method in operations():
                    yield from ACTIONS.get(operations()[method], {operations()[method]})
                case ast.Name(id="TransferManager"):
                    yield from UPLOAD
                case _:
                    pass


@pytest.mark.parametrize("account", MODULES)
def test_a_listed_call_is_made(account: str) -> None:
    listed = {call.action for call in CALLS[account]}
    assert listed - set(made(MODULES[account])) <= set(FOLLOWS)


def test_every_account_is_a_job_or_another_program() -> None:
    assert set(CALLS) == {*MODULES, *NOT_OURS}
