"""The crisis ledger as the jobs call it: items, and writes on a condition. Conditions are judged by moto's own code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from botocore.exceptions import ClientError
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from recovery.naming import LEDGER_KEY, LEDGER_TABLE

Attributes = dict[str, Any]
"""In DynamoDB's JSON."""


class Table:
    """The items. Each method is one request of DynamoDB's API, done in one moment."""

    def __init__(self) -> None:
        self.items: dict[str, Attributes] = {}
        self.changed: Callable[[str, Attributes | None, Attributes], None] = lambda _, __, ___: None
        """Called with a key and the item before and after a write."""

    def get_item(self, *, TableName: str, Key: Attributes, ConsistentRead: bool) -> Attributes:  # noqa: N803
        assert (TableName, ConsistentRead) == (LEDGER_TABLE, True)
        found = self.items.get(_key(Key))
        return {} if found is None else {"Item": found}

    def batch_get_item(self, *, RequestItems: Attributes) -> Attributes:  # noqa: N803
        ((table, asked),) = RequestItems.items()
        assert (table, asked.keys(), asked["ConsistentRead"]) == (LEDGER_TABLE, {"Keys", "ConsistentRead"}, True)
        keys = map(_key, asked["Keys"])
        return {"Responses": {table: [self.items[key] for key in keys if key in self.items]}, "UnprocessedKeys": {}}

    def put_item(self, *, TableName: str, Item: Attributes, **condition: Any) -> Attributes:  # noqa: N803
        self._check(TableName, Item, condition)
        self._set(_key(Item), Item)
        return {}

    def update_item(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: Attributes,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        **condition: Any,
    ) -> Attributes:
        self._check(TableName, Key, condition)
        names, values = condition["ExpressionAttributeNames"], condition["ExpressionAttributeValues"]
        changed = dict(self.items.get(_key(Key), Key))
        for assignment in UpdateExpression.removeprefix("SET ").split(", "):
            name, _, value = assignment.partition(" = ")
            changed[names.get(name, name)] = values[value]
        self._set(_key(Key), changed)
        return {}

    def _set(self, key: str, item: Attributes) -> None:
        before = self.items.get(key)
        self.items[key] = item
        self.changed(key, before, item)

    def _check(self, table: str, item: Attributes, condition: Attributes) -> None:
        assert table == LEDGER_TABLE
        if "ConditionExpression" not in condition:
            return
        expression = get_filter_expression(
            condition["ConditionExpression"],
            condition["ExpressionAttributeNames"],
            condition.get("ExpressionAttributeValues", {}),
        )
        key = _key(item)
        if not expression.expr(cast("Any", Item(DynamoType(item[LEDGER_KEY]), None, self.items.get(key, {})))):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException", "Message": key}}, "Write")


def _key(item: Attributes) -> str:
    return str(item[LEDGER_KEY]["S"])
