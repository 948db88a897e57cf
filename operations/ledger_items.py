"""Requests to the ledger: many items at once, and writes on a condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from operations.deadline import Deadline
from recovery.naming import LEDGER_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH = 100
"""The most items of one BatchGetItem. Source: Amazon DynamoDB API Reference."""
_ROUNDS = 8
"""DynamoDB answers a part of a batch if the table is throttled. The rest is asked for again, so many times."""


Item = dict[str, Any]
"""An item in DynamoDB's JSON."""


class LedgerUnreadableError(ConnectionError):
    """The ledger did not answer, which proves nothing."""


def place_of(table: str, region: str) -> tuple[str, str]:
    """The region and the name of a table: an ARN names both, and a name is one in `region`.

    A client needs the region, because an endpoint has the tables of its own region only.
    """
    if not table.startswith("arn:"):
        return region, table
    _, _, _, region, _, resource = table.split(":", 5)
    return region, resource.partition("/")[2]


def held(write: Callable[[], object]) -> bool:
    """Make a conditional write. Returns whether its condition held.

    Raises:
        LedgerUnreadableError: if the ledger does not answer.
    """
    try:
        write()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            return False
        raise LedgerUnreadableError(str(error)) from error
    except BotoCoreError as error:
        raise LedgerUnreadableError(str(error)) from error
    return True


def put_absent(client: DynamoDBClient, table: str, item: Item) -> bool:
    """Put an item on the condition that its key is absent. Returns whether it was.

    Raises:
        LedgerUnreadableError: if the ledger does not answer.
    """
    return held(
        lambda: client.put_item(
            TableName=table,
            Item=item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": LEDGER_KEY},
        )
    )


def missing(client: DynamoDBClient, table: str, keys: Iterable[str]) -> list[str]:
    """The keys that have no item, by strongly consistent reads.

    Raises:
        LedgerUnreadableError: if the ledger does not answer, or answers too slowly.
    """
    asked = sorted(set(keys))
    present: set[str] = set()
    for start in range(0, len(asked), _BATCH):
        present |= found(client, table, asked[start : start + _BATCH], only_keys=True).keys()
    return [key for key in asked if key not in present]


def found(
    client: DynamoDBClient,
    table: str,
    keys: Iterable[str],
    deadline: Deadline | None = None,
    *,
    only_keys: bool = False,
) -> dict[str, Item]:
    """The items with some keys, at most 100, by strongly consistent reads. Keys without an item are left out.

    Args:
        client: of the region of the table.
        table: its name.
        keys: the items' keys.
        deadline: the moment after which nothing more is asked; None for never.
        only_keys: whether the items' keys are enough.

    Raises:
        LedgerUnreadableError: if the ledger does not answer, or answers too slowly.
        TooLateError: if the deadline passes.
    """
    asked = [{LEDGER_KEY: {"S": key}} for key in keys]
    names = {"ProjectionExpression": "#key", "ExpressionAttributeNames": {"#key": LEDGER_KEY}} if only_keys else {}
    request: dict[str, Any] = {table: {"Keys": asked, "ConsistentRead": True, **names}}
    items: dict[str, Item] = {}
    for _ in range(_ROUNDS):
        if deadline is not None:
            deadline.left()
        try:
            answer = client.batch_get_item(RequestItems=request)
        except (BotoCoreError, ClientError) as error:
            raise LedgerUnreadableError(str(error)) from error
        answered = cast("dict[str, list[Item]]", answer["Responses"]).get(table, [])
        items |= {item[LEDGER_KEY]["S"]: item for item in answered}
        request = cast("dict[str, Any]", answer.get("UnprocessedKeys"))
        if not request:
            return items
    raise LedgerUnreadableError(f"{len(asked)} items were not read in {_ROUNDS} requests")
