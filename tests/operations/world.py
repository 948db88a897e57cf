"""The environment of a job: a ledger in memory, a real database, and the logged lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.dynamo_type import Item as Stored
from psycopg import sql

from operations.database import OwnDatabase
from operations.environment import DatabaseAddress
from operations.fence import Fence
from operations.instance import OwnInstance
from operations.ledger import JobLedger
from operations.records import Claim
from recovery.naming import (
    DATABASE_APPLICATION,
    DATABASE_NAME,
    DATABASE_USER,
    DATABASE_WRITERS,
    LEDGER_KEY,
    LEDGER_TABLE,
)
from recovery.timeline import DatabaseId
from rehearsal.world.server import Server

REFUSED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "GetItem")
SILENT = EndpointConnectionError(endpoint_url="https://dynamodb.example")


FenceOf = Callable[..., Fence]


def nothing() -> None:
    """Called during an operation; does nothing by default."""


class Table:
    """The ledger's table, with the claims that the program writes: one per epoch, from the first."""

    def __init__(self, *claims: str) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.failure: Exception | None = None
        self.before_read: Callable[[], None] = nothing
        self.before_write: Callable[[], None] = nothing
        self.lost_answers = 0
        for epoch, database in enumerate(claims, start=1):
            item = Claim(epoch, DatabaseId.parse(database)).item
            self.items[item[LEDGER_KEY]["S"]] = item

    def get_item(self, *, TableName: str, Key: dict[str, Any], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert (TableName, ConsistentRead) == (LEDGER_TABLE, True)
        self.before_read()
        self._fail()
        found = self.items.get(Key[LEDGER_KEY]["S"])
        return {} if found is None else {"Item": found}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, asked),) = RequestItems.items()
        assert (table, asked.keys(), asked["ConsistentRead"]) == (LEDGER_TABLE, {"Keys", "ConsistentRead"}, True)
        self.before_read()
        self._fail()
        keys = [key[LEDGER_KEY]["S"] for key in asked["Keys"]]
        return {"Responses": {table: [self.items[key] for key in keys if key in self.items]}, "UnprocessedKeys": {}}

    def put_item(self, *, TableName: str, Item: dict[str, Any], **condition: Any) -> dict[str, Any]:  # noqa: N803
        key = self._write(TableName, Item, condition)
        self.items[key] = Item
        return self._answer()

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: dict[str, Any],  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        **condition: Any,
    ) -> dict[str, Any]:
        key = self._write(TableName, Key, condition)
        for assignment in UpdateExpression.removeprefix("SET ").split(", "):
            name, _, value = assignment.partition(" = ")
            names, values = condition["ExpressionAttributeNames"], condition["ExpressionAttributeValues"]
            self.items.setdefault(key, dict(Key))[names.get(name, name)] = values[value]
        return self._answer()

    def _write(self, table: str, item: dict[str, Any], condition: dict[str, Any]) -> str:
        assert table == LEDGER_TABLE
        self.before_write()
        self._fail()
        key = item[LEDGER_KEY]["S"]
        expression = get_filter_expression(
            condition["ConditionExpression"],
            condition["ExpressionAttributeNames"],
            condition.get("ExpressionAttributeValues", {}),
        )
        if not expression.expr(cast("Any", Stored(DynamoType(item[LEDGER_KEY]), None, self.items.get(key, {})))):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException", "Message": key}}, "Write")
        return key

    def _answer(self) -> dict[str, Any]:
        """Answer a write that is done. The answer may be lost."""
        if self.lost_answers:
            self.lost_answers -= 1
            raise SILENT
        return {}

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class Instances:
    """RDS, with one instance. `snapshots` are the identifiers of its snapshots."""

    def __init__(self, status: str = "available", *, failure: Exception | None = None) -> None:
        self.status = status
        self.snapshots: dict[str, dict[str, str]] = {}
        self.failure = failure

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803
        self._fail()
        return {"DBInstances": [{"DBInstanceIdentifier": DBInstanceIdentifier, "DBInstanceStatus": self.status}]}

    def describe_db_snapshots(self, *, DBSnapshotIdentifier: str) -> dict[str, Any]:  # noqa: N803
        self._fail()
        if DBSnapshotIdentifier not in self.snapshots:
            raise ClientError({"Error": {"Code": "DBSnapshotNotFound", "Message": "none"}}, "DescribeDBSnapshots")
        return {"DBSnapshots": [{"DBSnapshotIdentifier": DBSnapshotIdentifier}]}

    def create_db_snapshot(
        self,
        *,
        DBInstanceIdentifier: str,  # noqa: N803
        DBSnapshotIdentifier: str,  # noqa: N803
        Tags: list[dict[str, str]],  # noqa: N803
    ) -> dict[str, Any]:
        self._fail()
        assert self.status == "available", "RDS refuses a snapshot of any other"
        self.snapshots[DBSnapshotIdentifier] = {tag["Key"]: tag["Value"] for tag in Tags}
        return {"DBSnapshot": {"DBInstanceIdentifier": DBInstanceIdentifier}}

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def ledger(table: Table) -> JobLedger:
    return JobLedger(cast("Any", table), LEDGER_TABLE)


def instance(instances: Instances, identifier: str = "lifeline-secondary-1") -> OwnInstance:
    return OwnInstance(cast("Any", instances), identifier)


def database(server: Server, folder: Path) -> OwnDatabase:
    """A server's address in the form that a job reads, with the password in a file."""
    file = folder / f"{server.name}-password"
    file.write_text(f"{server.password}\n")
    return OwnDatabase(DatabaseAddress("127.0.0.1", server.port, DATABASE_NAME, DATABASE_USER, file))


def set_by_hand(server: Server, *, read_only: bool) -> None:
    """Set a database's default, as an administrator at a console would."""
    change = "SET default_transaction_read_only = on" if read_only else "RESET default_transaction_read_only"
    with server.connect("postgres") as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} ").format(sql.Identifier(DATABASE_NAME)) + sql.SQL(change))


def forget_closings(server: Server) -> None:
    """Make a database writable, as if no fence had ever closed or opened it."""
    set_by_hand(server, read_only=False)
    with server.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS lifeline.closing")
        if (
            connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (DATABASE_APPLICATION,)).fetchone()
            is not None
        ):
            right = sql.SQL("GRANT {} TO {}")
            connection.execute(right.format(*map(sql.Identifier, (DATABASE_WRITERS, DATABASE_APPLICATION))))


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The logged lines, without their times."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [{key: value for key, value in line.items() if key != "at"} for line in lines]
