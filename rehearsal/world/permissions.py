"""IAM for the pods of the offline world: a call is refused unless the declared role of its pod allows it.

A pod signs its calls with the region and the service account that EKS Pod Identity would give it a role for. The
decision is `policy.iam`'s, on the role's policies as they were applied. Not modelled: the uses of KMS keys, and the
policies of buckets and keys.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import boto3

from policy import iam
from policy.calls import LEADING_KEYS
from recovery.naming import LEDGER_KEY, LEDGER_TABLE

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_OBJECTS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "POST": "s3:PutObject",
    "DELETE": "s3:DeleteObject",
}
"""Source: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations"."""
_NAMED_BY_RDS = {"db": "DBInstanceIdentifier", "snapshot": "DBSnapshotIdentifier"}
_LIST = {"list-type", "prefix", "encoding-type", "continuation-token", "max-keys"}
"""The parameters of ListObjectsV2. Other ones make other calls, such as `?policy`."""


_KEPT_SECONDS = 1.0
"""Real seconds for which the policies of a role are kept although a resource has changed. A change of IAM takes seconds
to be seen everywhere."""


class UnknownCallError(Exception):
    """A call whose permission is not known here."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A call as it arrives at the gateway."""

    service: str
    region: str
    method: str
    path: str
    operation: str = ""
    body: bytes = b""


def identity(region: str, account: str) -> str:
    """The access key of the pods of a service account."""
    return f"{region}.{account}"


def item_call(operation: str, region: str, key: str) -> Received:
    """A call of DynamoDB on one item of the ledger: PutItem or GetItem."""
    item = {LEDGER_KEY: {"S": key}}
    body = {"TableName": LEDGER_TABLE, "Item" if operation == "PutItem" else "Key": item}
    encoded = json.dumps(body).encode()
    return Received(service="dynamodb", region=region, method="POST", path="/", operation=operation, body=encoded)


class Permissions:
    """The decisions of IAM on the calls of pods.

    Args:
        endpoint: moto's address.
        account: twelve digits.
        role: the ARN of the role of a service account in a region; None if it has none.
        changes: returns another number after each change of a resource, which may be one of a role.
    """

    def __init__(
        self, endpoint: str, account: str, role: Callable[[str, str], str | None], changes: Callable[[], int]
    ) -> None:
        session = boto3.session.Session("rehearsal", "rehearsal")
        self._iam: IAMClient = session.client("iam", "us-east-1", endpoint_url=endpoint)
        self._account = account
        self._role = role
        self._changes = changes
        self._documents: dict[str, tuple[float, int, list[Mapping[str, Any]]]] = {}

    def refusal(self, caller: str, received: Received) -> str | None:
        """The words with which AWS refuses a call; None if it is allowed.

        Raises:
            UnknownCallError: if the permission of the call is not known.
        """
        region, _, account = caller.partition(".")
        role = self._role(region, account)
        if role is None:
            return f"{caller} has no role"
        for request in wanted(received, self._account):
            if not self._allows(role, request):
                return f"User: {role} is not authorized to perform: {request.action} on resource: {request.resource}"
        return None

    def _allows(self, role: str, request: iam.Request) -> bool:
        # A role that was changed since is read again before its pods are refused.
        return any(
            any(iam.allows(document, request) for document in self._policies(role, again=again))
            for again in (False, True)
        )

    def _policies(self, role: str, *, again: bool) -> list[Mapping[str, Any]]:
        at, known, documents = self._documents.get(role, (float("-inf"), -1, list[Mapping[str, Any]]()))
        changes = self._changes()
        if again or (changes != known and time.monotonic() - at > _KEPT_SECONDS):
            name = role.rpartition("/")[2]
            names = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
            answers = [self._iam.get_role_policy(RoleName=name, PolicyName=entry) for entry in names]
            documents = [cast("Mapping[str, Any]", answer["PolicyDocument"]) for answer in answers]
            self._documents[role] = time.monotonic(), changes, documents
        return documents


def wanted(received: Received, account: str) -> Iterator[iam.Request]:
    """The permissions that a call needs.

    Raises:
        UnknownCallError: if they are not known.
    """
    if received.service == "s3":
        yield _of_bucket(received)
        return
    if received.service == "rds":
        yield from _of_instances(received, account)
        return
    body = json.loads(received.body or b"{}")
    if received.service == "dynamodb":
        yield from _of_ledger(received, f"arn:aws:dynamodb:{received.region}:{account}", body)
    elif (received.service, received.operation) == ("secretsmanager", "GetSecretValue"):
        # Secrets Manager ends an ARN in six characters of its own.
        arn = f"arn:aws:secretsmanager:{received.region}:{account}:secret:{body['SecretId']}-a1B2c3"
        yield iam.Request(action="secretsmanager:GetSecretValue", resource=arn)
    else:
        raise UnknownCallError(f"the permission of {received.service}:{received.operation} is not known")


def _of_ledger(received: Received, here: str, body: Mapping[str, Any]) -> Iterator[iam.Request]:
    action = f"dynamodb:{received.operation}"
    match received.operation:
        case "GetItem" | "UpdateItem":
            yield _of_item(action, f"{here}:table/{body['TableName']}", [body["Key"]])
        case "PutItem":
            yield _of_item(action, f"{here}:table/{body['TableName']}", [body["Item"]])
        case "BatchGetItem":
            for table, asked in body["RequestItems"].items():
                yield _of_item(action, f"{here}:table/{table}", asked["Keys"])
        case "Scan":  # it names no key
            yield iam.Request(action=action, resource=f"{here}:table/{body['TableName']}")
        case "ExportTableToPointInTime":
            yield iam.Request(action=action, resource=body["TableArn"])
        case "DescribeExport":
            # AWS names an export `table/NAME/export/ID`; moto puts more in front, and another word in the middle.
            table, _, end = str(body["ExportArn"]).rpartition("table/")[2].partition("/")
            yield iam.Request(action=action, resource=f"{here}:table/{table}/export/{end.rpartition('/')[2]}")
        case _:
            raise UnknownCallError(f"the permission of {action} is not known")


def _of_item(action: str, table: str, items: list[Mapping[str, Any]]) -> iam.Request:
    keys = tuple(str(item[LEDGER_KEY]["S"]) for item in items)
    return iam.Request(action=action, resource=table, context={LEADING_KEYS: keys})


def _of_instances(received: Received, account: str) -> Iterator[iam.Request]:
    """RDS takes its calls as forms, and names an instance and a snapshot by their identifiers."""
    form = {key: values[0] for key, values in parse_qs(received.body.decode()).items()}
    here, action = f"arn:aws:rds:{received.region}:{account}", f"rds:{form['Action']}"
    instance, snapshot = (f"{here}:{kind}:{form.get(key)}" for kind, key in _NAMED_BY_RDS.items())
    match form["Action"]:
        case "DescribeDBInstances":
            yield iam.Request(action=action, resource=instance)
        case "DescribeDBSnapshots":
            yield iam.Request(action=action, resource=snapshot)
        case "CreateDBSnapshot":
            yield iam.Request(action=action, resource=instance)
            yield iam.Request(action=action, resource=snapshot)
            yield iam.Request(action="rds:AddTagsToResource", resource=snapshot)
        case _:
            raise UnknownCallError(f"the permission of {action} is not known")


def _of_bucket(received: Received) -> iam.Request:
    """Requests name a bucket and a key in the path. A request without a key is about the bucket."""
    parts = urlsplit(received.path)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    if not key:
        if received.method != "GET" or not {"list-type"} <= set(query) <= _LIST:
            raise UnknownCallError(f"the permission of {received.method} {received.path} is not known")
        return iam.Request(action="s3:ListBucket", resource=f"arn:aws:s3:::{bucket}")
    action = _OBJECTS[received.method]
    if received.method == "DELETE" and "uploadId" in query:
        action = "s3:AbortMultipartUpload"
    if received.method in ("GET", "HEAD") and "versionId" in query:
        action = "s3:GetObjectVersion"
    return iam.Request(action=action, resource=f"arn:aws:s3:::{bucket}/{key}")
