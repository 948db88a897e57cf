"""The calls of a pod need what AWS says, and are decided by the role of its service account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from components.permissions import document, ledger_keys, statement
from policy.calls import LEADING_KEYS
from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from rehearsal.world.cloud import empty_account
from rehearsal.world.permissions import Permissions, Received, UnknownCallError, identity, item_call, wanted

ACCOUNT = "123456789012"
HERE = f"us-west-2:{ACCOUNT}"
TABLE = f"arn:aws:dynamodb:{HERE}:table/{LEDGER_TABLE}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/fence"


def item(key: str) -> dict[str, Any]:
    return {LEDGER_KEY: {"S": key}}


def call(service: str, operation: str, **body: Any) -> Received:
    return Received(
        service=service,
        region="us-west-2",
        method="POST",
        path="/",
        operation=operation,
        body=json.dumps(body).encode(),
    )


def s3(method: str, path: str) -> Received:
    return Received(service="s3", region="us-west-2", method=method, path=path)


def put(key: str) -> Received:
    return call("dynamodb", "PutItem", TableName=LEDGER_TABLE, Item=item(key))


@pytest.mark.parametrize(
    ("received", "action", "resource", "keys"),
    [
        (put("event#1"), "dynamodb:PutItem", TABLE, ("event#1",)),
        (
            call("dynamodb", "GetItem", TableName=LEDGER_TABLE, Key=item("epoch#1")),
            "dynamodb:GetItem",
            TABLE,
            ("epoch#1",),
        ),
        (
            call("dynamodb", "BatchGetItem", RequestItems={LEDGER_TABLE: {"Keys": [item("a"), item("b")]}}),
            "dynamodb:BatchGetItem",
            TABLE,
            ("a", "b"),
        ),
        (call("dynamodb", "Scan", TableName=LEDGER_TABLE), "dynamodb:Scan", TABLE, ()),
        (
            call("dynamodb", "ExportTableToPointInTime", TableArn=TABLE),
            "dynamodb:ExportTableToPointInTime",
            TABLE,
            (),
        ),
        (
            call("dynamodb", "DescribeExport", ExportArn=f"{TABLE}/export/7"),
            "dynamodb:DescribeExport",
            f"{TABLE}/export/7",
            (),
        ),
        (
            call("dynamodb", "DescribeExport", ExportArn=f"arn:aws:dynamodb:{HERE}:table/{TABLE}/import/7"),
            "dynamodb:DescribeExport",
            f"{TABLE}/export/7",
            (),
        ),
        (
            call("secretsmanager", "GetSecretValue", SecretId="lifeline/git"),
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:{HERE}:secret:lifeline/git-a1B2c3",
            (),
        ),
        (s3("GET", "/b?list-type=2&prefix=dumps%2F"), "s3:ListBucket", "arn:aws:s3:::b", ()),
        (s3("GET", "/b/dumps/a%20b"), "s3:GetObject", "arn:aws:s3:::b/dumps/a b", ()),
        (s3("HEAD", "/b/k"), "s3:GetObject", "arn:aws:s3:::b/k", ()),
        (s3("GET", "/b/k?versionId=1"), "s3:GetObjectVersion", "arn:aws:s3:::b/k", ()),
        (s3("HEAD", "/b/k?versionId=1"), "s3:GetObjectVersion", "arn:aws:s3:::b/k", ()),
        (s3("PUT", "/b/k?partNumber=1&uploadId=u"), "s3:PutObject", "arn:aws:s3:::b/k", ()),
        (s3("POST", "/b/k?uploads"), "s3:PutObject", "arn:aws:s3:::b/k", ()),
        (s3("DELETE", "/b/k"), "s3:DeleteObject", "arn:aws:s3:::b/k", ()),
        (s3("DELETE", "/b/k?uploadId=u"), "s3:AbortMultipartUpload", "arn:aws:s3:::b/k", ()),
    ],
)
def test_a_call_needs_the_permission_that_aws_names(
    received: Received, action: str, resource: str, keys: tuple[str, ...]
) -> None:
    (request,) = wanted(received, ACCOUNT)
    assert (request.action, request.resource, request.context.get(LEADING_KEYS, ())) == (action, resource, keys)


@pytest.mark.parametrize("operation", ["PutItem", "GetItem"])
def test_a_call_on_one_item_is_as_boto3_makes_it(operation: str) -> None:
    (request,) = wanted(item_call(operation, "us-west-2", "event#e1"), ACCOUNT)
    assert (request.action, request.resource) == (f"dynamodb:{operation}", TABLE)
    assert request.context[LEADING_KEYS] == ("event#e1",)


@pytest.mark.parametrize(
    "received",
    [
        call("dynamodb", "DeleteItem", TableName=LEDGER_TABLE),
        call("kms", "Decrypt"),
        s3("GET", "/b?policy"),
        s3("GET", "/b?list-type=2&policy"),
        s3("DELETE", "/b"),
    ],
)
def test_a_call_whose_permission_is_not_known_is_never_passed(received: Received) -> None:
    with pytest.raises(UnknownCallError):
        list(wanted(received, ACCOUNT))


@pytest.fixture
def iam() -> Iterator[Any]:
    with empty_account() as url:
        client = boto3.session.Session("rehearsal", "rehearsal").client("iam", "us-east-1", endpoint_url=url)
        client.create_role(RoleName="fence", AssumeRolePolicyDocument=json.dumps(document()))
        yield client


def allow(iam: Any, *patterns: str) -> None:
    entry = statement("Put", ("dynamodb:PutItem",), (TABLE,), condition=ledger_keys(*patterns))
    iam.put_role_policy(RoleName="fence", PolicyName="fence", PolicyDocument=json.dumps(document(entry)))


@pytest.fixture
def changes() -> list[int]:
    """The number of changes of resources."""
    return [0]


@pytest.fixture
def permissions(iam: Any, changes: list[int]) -> Permissions:
    roles = {("us-west-2", "fence"): ROLE}
    return Permissions(
        iam.meta.endpoint_url, ACCOUNT, lambda region, account: roles.get((region, account)), lambda: changes[0]
    )


FENCE = identity("us-west-2", "fence")


def test_the_role_of_a_pod_decides(iam: Any, permissions: Permissions) -> None:
    allow(iam, "handover#*")
    assert permissions.refusal(FENCE, put("handover#1")) is None
    refusal = permissions.refusal(FENCE, put("epoch#1"))
    assert refusal == f"User: {ROLE} is not authorized to perform: dynamodb:PutItem on resource: {TABLE}"


def test_a_role_is_read_again_before_its_pods_are_refused(iam: Any, permissions: Permissions) -> None:
    allow(iam, "handover#*")
    assert permissions.refusal(FENCE, put("ready#1")) is not None
    allow(iam, "handover#*", "ready#*")
    assert permissions.refusal(FENCE, put("ready#1")) is None


def test_a_right_that_is_taken_away_is_gone_soon(
    iam: Any, permissions: Permissions, changes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(iam, "handover#*", "ready#*")
    assert permissions.refusal(FENCE, put("ready#1")) is None
    allow(iam, "handover#*")
    changes[0] += 1
    assert permissions.refusal(FENCE, put("ready#1")) is None, "as IAM, it takes a while"
    monkeypatch.setattr("rehearsal.world.permissions._KEPT_SECONDS", 0.0)
    assert permissions.refusal(FENCE, put("ready#1")) is not None
    allow(iam, "handover#*", "ready#*")
    assert permissions.refusal(FENCE, put("ready#1")) is None
    allow(iam, "handover#*")
    assert permissions.refusal(FENCE, put("ready#1")) is None, "no change was told, so nothing is read"


@pytest.mark.parametrize("caller", ["rehearsal", "us-east-2.fence", "us-west-2.other", ""])
def test_a_caller_without_a_role_may_do_nothing(iam: Any, permissions: Permissions, caller: str) -> None:
    allow(iam, "*")
    assert permissions.refusal(caller, put("handover#1")) == f"{caller} has no role"
