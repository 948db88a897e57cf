"""The crisis ledger: one DynamoDB table with multi-Region strong consistency, built on separate tables in moto.

moto keeps the tables of the regions apart. Here every write reaches all replicas before it is acknowledged and needs
two of the three regions; a region that returns gets the missed writes before it answers. A table that is declared with
eventual consistency acknowledges a write at once, and the other regions get it later.
Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work", on both modes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

from recovery.naming import LEDGER_CHECKS, LEDGER_EVENTS, LEDGER_KEY, LEDGER_TABLE
from rehearsal.world.faults import Faults, RegionUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

Item = Mapping[str, str | int | bool]
"""An item of the ledger: flat values, including its key."""

_SERVICE: Final = "dynamodb"
_LAG_SECONDS = 1.0
"""Real seconds after which a write of an eventually consistent table reaches the other regions."""
_BATCH = 25
"""The most items that one BatchWriteItem takes. Source: Amazon DynamoDB API Reference, "BatchWriteItem"."""
_CONFIG = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)


class GlobalTable:
    """The ledger, for callers in each of its regions. One lock provides the strong consistency.

    Args:
        endpoint_url: moto's address. The table must exist in both replica regions before the first call.
        replicas: the two regions that hold a copy and answer.
        witness: the region that only counts for the majority. It answers no call.
        faults: the lost regions.
        declared: returns the record that the stand-in keeps of the table: `strong`, `regions` and `witness`. Without
            one, the table is strongly consistent in the regions above.
        credentials: access key and secret. moto separates accounts by them.
    """

    def __init__(
        self,
        endpoint_url: str,
        *,
        replicas: tuple[str, str],
        witness: str,
        faults: Faults,
        declared: Callable[[], Mapping[str, Any] | None] = lambda: None,
        credentials: tuple[str, str] = ("rehearsal", "rehearsal"),
    ) -> None:
        self._faults = faults
        self._regions = (*replicas, witness)
        self._declared = declared
        self._under_way: list[tuple[float, str, Item]] = []
        """Writes of an eventually consistent table: when they arrive, from where, and the item."""
        # boto3's default session is not safe to share between threads.
        session = boto3.session.Session(*credentials)
        self._clients: dict[str, DynamoDBClient] = {
            region: session.client(_SERVICE, region, endpoint_url=endpoint_url, config=_CONFIG) for region in replicas
        }
        self._missed: dict[str, dict[str, Item]] = {region: {} for region in replicas}
        self._lock = threading.RLock()

    def put_if_absent(self, region: str, item: Item) -> bool:
        """Write an item if its key does not exist. Returns whether it was written.

        Raises:
            RegionUnavailableError: if the caller's region or ledger, or the majority, is lost.
            ThrottledError: if the caller's ledger refuses.
        """
        with self._asked(region, "PutItem"):
            try:
                self._clients[region].put_item(
                    TableName=LEDGER_TABLE,
                    Item=_encode(item),
                    ConditionExpression="attribute_not_exists(#key)",
                    ExpressionAttributeNames={"#key": LEDGER_KEY},
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                    return False
                raise
            self._spread(region, item)
            return True

    def put(self, region: str, item: Item) -> None:
        """Write an item, replacing an existing one.

        Raises:
            RegionUnavailableError: if the caller's region or ledger, or the majority, is lost.
            ThrottledError: if the caller's ledger refuses.
        """
        with self._asked(region, "PutItem"):
            self._write(region, item)
            self._spread(region, item)

    def get(self, region: str, key: str) -> Item | None:
        """The item with a key, or None.

        Raises:
            RegionUnavailableError: if the caller's region or ledger, or the majority, is lost.
            ThrottledError: if the caller's ledger refuses.
        """
        with self._asked(region, "GetItem"):
            return self._read(region, key)

    def scan(self, region: str) -> list[Item]:
        """Every item, in no particular order.

        Raises:
            RegionUnavailableError: if the caller's region or ledger, or the majority, is lost.
            ThrottledError: if the caller's ledger refuses.
        """
        with self._asked(region, "Scan"):
            pages = self._clients[region].get_paginator("scan").paginate(TableName=LEDGER_TABLE)
            return [_decode(item) for page in pages for item in page["Items"]]

    def lose(self) -> None:
        """Lose the table in every region, with each item that a region has missed."""
        with self._lock:
            for region, client in self._clients.items():
                client.update_table(TableName=LEDGER_TABLE, DeletionProtectionEnabled=False)
                client.delete_table(TableName=LEDGER_TABLE)
                self._missed[region].clear()

    def mirror(self, region: str, key: str) -> None:
        """Replicate an item that a pod wrote to one region's table.

        Raises:
            RegionUnavailableError: if the caller's region, or the majority, is lost.
            KeyError: if the item does not exist.
        """
        with self._lock:
            self._enter(region, "GetItem")
            item = self._read(region, key)
            if item is None:
                raise KeyError(key)
            self._spread(region, item)

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """Let no other caller read or write during a block, such as a conditional write to one region's table."""
        with self._lock:
            yield

    def enter(self, region: str, operation: str) -> None:
        """Permit a call that goes directly to a region's table, which is up to date when this returns.

        Raises:
            RegionUnavailableError: if the caller's region, or the majority, is lost.
        """
        with self._lock:
            self._enter(region, operation)

    @contextmanager
    def _asked(self, region: str, operation: str) -> Generator[None]:
        self._faults.delay(_SERVICE, region)
        with self._lock:
            self._enter(region, operation)
            yield

    def _enter(self, region: str, operation: str) -> None:
        if region not in self._clients:
            raise ValueError(f"the ledger has no copy in {region}, only in {', '.join(self._clients)}")
        self._faults.check(_SERVICE, region, operation)
        record = self._declared()
        if record and region not in record["regions"]:
            raise RegionUnavailableError(_SERVICE, region, "the ledger has no copy there")
        regions = (*record["regions"], *filter(None, [record["witness"]])) if record else self._regions
        if self._is_strong and sum(map(self._serves, regions)) < 2:
            raise RegionUnavailableError(_SERVICE, region, "fewer than two of the ledger's three regions answer")
        self._catch_up()

    @property
    def _is_strong(self) -> bool:
        record = self._declared()
        return record is None or bool(record["strong"])

    def _serves(self, region: str) -> bool:
        return self._faults.serves(_SERVICE, region)

    def _catch_up(self) -> None:
        now, coming = time.monotonic(), self._under_way
        arrived = [entry for entry in coming if entry[0] <= now and self._serves(entry[1])]
        self._under_way = [entry for entry in coming if entry not in arrived]
        for _, origin, item in arrived:
            self._copy(origin, item)
        for region, missed in self._missed.items():
            if missed and self._serves(region):
                self._write_all(region, [*missed.values()])
                missed.clear()

    def _spread(self, origin: str, item: Item) -> None:
        if self._is_strong:
            self._copy(origin, item)
        else:
            self._under_way.append((time.monotonic() + _LAG_SECONDS, origin, item))

    def _copy(self, origin: str, item: Item) -> None:
        for region in self._clients:
            if region == origin:
                continue
            if self._serves(region):
                self._write(region, item)
            else:
                self._missed[region][str(item[LEDGER_KEY])] = item

    def _write(self, region: str, item: Item) -> None:
        self._clients[region].put_item(TableName=LEDGER_TABLE, Item=_encode(item))

    def _write_all(self, region: str, items: Sequence[Item]) -> None:
        """Write many items in a few calls: what other callers wait for meanwhile counts as simulated time."""
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            puts: list[WriteRequestTypeDef] = [{"PutRequest": {"Item": _encode(item)}} for item in batch]
            answer = self._clients[region].batch_write_item(RequestItems={LEDGER_TABLE: puts})
            assert not answer["UnprocessedItems"], "moto processes every item"

    def _read(self, region: str, key: str) -> Item | None:
        answer = self._clients[region].get_item(
            TableName=LEDGER_TABLE, Key={LEDGER_KEY: {"S": key}}, ConsistentRead=True
        )
        return _decode(answer["Item"]) if "Item" in answer else None


def event_keys(items: Iterable[Item]) -> set[str]:
    """The keys of the crisis events among some items. Those that health checks write are none."""
    keys = {str(item[LEDGER_KEY]) for item in items}
    return {key for key in keys if key.startswith(LEDGER_EVENTS[0]) and not key.startswith(LEDGER_CHECKS)}


def _encode(item: Item) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in item.items()}


def _decode(item: Mapping[str, Any]) -> Item:
    deserializer = TypeDeserializer()
    plain = {name: deserializer.deserialize(value) for name, value in item.items()}
    return cast("Item", {name: int(value) if isinstance(value, Decimal) else value for name, value in plain.items()})
