"""The crisis ledger: one DynamoDB table with multi-Region strong consistency, over a stand-in that has regions apart.

moto keeps each region's table for itself. Here every write reaches all replicas before it is acknowledged, needs two of
the three regions, and a region that comes back gets what it missed before it answers.
Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work", multi-Region strong consistency.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from rehearsal.world.faults import FaultSwitch, RegionUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, str | int | bool]
"""What the ledger holds: flat values, among them its key."""

_SERVICE: Final = "dynamodb"
_CONFIG = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)


class GlobalTable:
    """The ledger as a caller in one of its regions finds it. One lock stands for its strong consistency.

    Args:
        endpoint_url: the stand-in for AWS. The table exists there in both replica regions before the first call.
        replicas: the two regions that hold a copy and answer.
        witness: the region that only makes a majority possible; it answers nobody.
        faults: which regions are lost.
        credentials: access key and secret, for a stand-in that tells accounts apart by them.
    """

    def __init__(
        self,
        endpoint_url: str,
        *,
        replicas: tuple[str, str],
        witness: str,
        faults: FaultSwitch,
        credentials: tuple[str, str] = ("rehearsal", "rehearsal"),
    ) -> None:
        self._faults = faults
        self._regions = (*replicas, witness)
        # A session of its own: boto3's default one is not safe to share between threads.
        session = boto3.session.Session(*credentials)
        self._clients: dict[str, DynamoDBClient] = {
            region: session.client(_SERVICE, region, endpoint_url=endpoint_url, config=_CONFIG) for region in replicas
        }
        self._missed: dict[str, dict[str, Item]] = {region: {} for region in replicas}
        self._lock = threading.Lock()

    def put_if_absent(self, region: str, item: Item) -> bool:
        """Write an item unless there is one of its key; whether it was written.

        Raises:
            RegionUnavailable: if the caller's region, or the majority, is lost.
        """
        with self._lock:
            self._enter(region, "PutItem")
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
        """Write an item over what there was.

        Raises:
            RegionUnavailable: if the caller's region, or the majority, is lost.
        """
        with self._lock:
            self._enter(region, "PutItem")
            self._write(region, item)
            self._spread(region, item)

    def get(self, region: str, key: str) -> Item | None:
        """The item of a key, or None.

        Raises:
            RegionUnavailable: if the caller's region, or the majority, is lost.
        """
        with self._lock:
            self._enter(region, "GetItem")
            return self._read(region, key)

    def scan(self, region: str) -> list[Item]:
        """Every item, in no order.

        Raises:
            RegionUnavailable: if the caller's region, or the majority, is lost.
        """
        with self._lock:
            self._enter(region, "Scan")
            pages = self._clients[region].get_paginator("scan").paginate(TableName=LEDGER_TABLE)
            return [_decode(item) for page in pages for item in page["Items"]]

    def mirror(self, region: str, key: str) -> None:
        """Carry an item over that was written to one region's table past this object, as a Pulumi program does.

        Raises:
            RegionUnavailable: if the caller's region, or the majority, is lost.
            KeyError: if there is no such item.
        """
        with self._lock:
            self._enter(region, "GetItem")
            item = self._read(region, key)
            if item is None:
                raise KeyError(key)
            self._spread(region, item)

    def enter(self, region: str, operation: str) -> None:
        """Let a call pass that goes to a region's table past this object; the table there is up to date then.

        Raises:
            RegionUnavailable: if the caller's region, or the majority, is lost.
        """
        with self._lock:
            self._enter(region, operation)

    def _enter(self, region: str, operation: str) -> None:
        if region not in self._clients:
            raise ValueError(f"the ledger has no copy in {region}, only in {', '.join(self._clients)}")
        self._faults.check(_SERVICE, region, operation)
        if sum(map(self._faults.reachable, self._regions)) < 2:
            raise RegionUnavailable(_SERVICE, region, "fewer than two of the ledger's three regions answer")
        self._catch_up()

    def _catch_up(self) -> None:
        for region, missed in self._missed.items():
            if missed and self._faults.reachable(region):
                for item in missed.values():
                    self._write(region, item)
                missed.clear()

    def _spread(self, origin: str, item: Item) -> None:
        for region in self._clients:
            if region == origin:
                continue
            if self._faults.reachable(region):
                self._write(region, item)
            else:
                self._missed[region][str(item[LEDGER_KEY])] = item

    def _write(self, region: str, item: Item) -> None:
        self._clients[region].put_item(TableName=LEDGER_TABLE, Item=_encode(item))

    def _read(self, region: str, key: str) -> Item | None:
        answer = self._clients[region].get_item(
            TableName=LEDGER_TABLE, Key={LEDGER_KEY: {"S": key}}, ConsistentRead=True
        )
        return _decode(answer["Item"]) if "Item" in answer else None


def _encode(item: Item) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in item.items()}


def _decode(item: Mapping[str, Any]) -> Item:
    deserializer = TypeDeserializer()
    plain = {name: deserializer.deserialize(value) for name, value in item.items()}
    return cast("Item", {name: int(value) if isinstance(value, Decimal) else value for name, value in plain.items()})
