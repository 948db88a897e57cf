"""A region's copy of the ledger: the same items as those of a call by boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb import DynamoDBClient

from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from rehearsal.world.cloud import empty_account
from rehearsal.world.copies import TableCopy
from rehearsal.world.direct import ONE_AT_A_TIME
from tests.rehearsal.world.tables import make_ledger

REGION = "us-east-2"
EVENT = {LEDGER_KEY: {"S": "event#1"}, "attempt": {"N": "2"}, "kept": {"BOOL": True}}


@pytest.fixture(scope="module")
def client() -> Iterator[DynamoDBClient]:
    with empty_account() as url:
        session = boto3.session.Session("rehearsal", "rehearsal")
        client = session.client("dynamodb", REGION, endpoint_url=url)
        yield client
        client.close()


@pytest.fixture
def copy(client: DynamoDBClient) -> Iterator[TableCopy]:
    make_ledger(client)
    found = TableCopy(REGION)
    yield found
    if LEDGER_TABLE in client.list_tables()["TableNames"]:
        found.lose()


def test_a_call_reads_what_the_copy_wrote(client: DynamoDBClient, copy: TableCopy) -> None:
    assert copy.put_if_absent(EVENT)
    assert not copy.put_if_absent(EVENT | {"attempt": {"N": "3"}})
    key = {LEDGER_KEY: EVENT[LEDGER_KEY]}
    assert client.get_item(TableName=LEDGER_TABLE, Key=key).get("Item") == EVENT  # pyright: ignore[reportArgumentType]
    copy.put(EVENT | {"attempt": {"N": "3"}})
    assert client.scan(TableName=LEDGER_TABLE)["Items"] == [EVENT | {"attempt": {"N": "3"}}]


def test_the_copy_reads_what_a_call_wrote(client: DynamoDBClient, copy: TableCopy) -> None:
    client.put_item(TableName=LEDGER_TABLE, Item=EVENT)  # pyright: ignore[reportArgumentType]
    assert copy.get("event#1") == EVENT
    assert copy.get("event#2") is None
    assert copy.scan() == [EVENT]


def test_a_protected_table_can_be_lost(client: DynamoDBClient, copy: TableCopy) -> None:
    client.update_table(TableName=LEDGER_TABLE, DeletionProtectionEnabled=True)
    copy.lose()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.scan(TableName=LEDGER_TABLE)


@pytest.mark.parametrize(
    "ask",
    [
        lambda copy: copy.put(EVENT),
        lambda copy: copy.put_if_absent(EVENT),
        lambda copy: copy.get("event#1"),
        lambda copy: copy.scan(),
    ],
    ids=["put", "put if absent", "get", "scan"],
)
def test_it_waits_for_a_call_that_moto_answers(copy: TableCopy, ask: Callable[[TableCopy], object]) -> None:
    with ThreadPoolExecutor(1) as pool:
        with ONE_AT_A_TIME:
            asked = pool.submit(ask, copy)
            assert not wait([asked], timeout=0.1).done
        asked.result(10)
