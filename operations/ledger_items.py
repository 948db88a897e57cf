"""Requests to the ledger: many items at once, and writes on a condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from recovery.naming import LEDGER_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH = 100
"""The most items of one BatchGetItem. Source: Amazon DynamoDB API Reference."""
_ROUNDS = 8
"""DynamoDB answers a part of a batch if the table is throttled. The rest is asked for again, so many times."""


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


def put_absent(client: DynamoDBClient, table: str, item: dict[str, Any]) -> bool:
    """Put an item, in DynamoDB's JSON, on the condition that its key is absent. Returns whether it was.

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
        present |= _present(client, table, asked[start : start + _BATCH])
    return [key for key in asked if key not in present]


def _present(client: DynamoDBClient, table: str, keys: list[str]) -> set[str]:
    request: dict[str, Any] = {
        table: {
            "Keys": [{LEDGER_KEY: {"S": key}} for key in keys],
            "ConsistentRead": True,
            "ProjectionExpression": "#key",
            "ExpressionAttributeNames": {"#key": LEDGER_KEY},
        }
    }
    present: set[str] = set()
    for _ in range(_ROUNDS):
        try:
            answer = client.batch_get_item(RequestItems=request)
        except (BotoCoreError, ClientError) as error:
            raise LedgerUnreadableError(str(error)) from error
        present |= {str(item[LEDGER_KEY].get("S")) for item in answer["Responses"].get(table, ())}
        request = cast("dict[str, Any]", answer.get("UnprocessedKeys"))
        if not request:
            return present
    raise LedgerUnreadableError(f"{len(keys)} items were not read in {_ROUNDS} requests")
