"""The ledger's table in an empty account."""

from __future__ import annotations

from mypy_boto3_dynamodb import DynamoDBClient

from recovery.naming import LEDGER_KEY, LEDGER_TABLE


def make_ledger(client: DynamoDBClient) -> None:
    """Make the table in the region of a client."""
    client.create_table(
        TableName=LEDGER_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": LEDGER_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": LEDGER_KEY, "AttributeType": "S"}],
    )
