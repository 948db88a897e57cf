"""The crisis ledger: one DynamoDB table with multi-Region strong consistency, built on separate tables in moto.

moto keeps the tables of the regions apart. Here every write reaches all replicas before it is acknowledged and needs
two of the three regions; a region that returns gets the missed writes before it answers. A table that is declared with
eventual consistency acknowledges a write at once, and the other regions get it later.
Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work", on both modes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from recovery.naming import LEDGER_CHECKS, LEDGER_EVENTS, LEDGER_KEY
from rehearsal.world.copies import TableCopy
from rehearsal.world.faults import Faults, RegionUnavailableError

Item = Mapping[str, str | int | bool]
"""An item of the ledger: flat values, including its key."""

_SERVICE: Final = "dynamodb"
_LAG_SECONDS = 1.0
"""Real seconds after which a write of an eventually consistent table reaches the other regions."""


class GlobalTable:
    """The ledger, for callers in each of its regions. One lock provides the strong consistency.

    Args:
        replicas: the two regions that hold a copy and answer. The table must exist in both before the first call.
        witness: the region that only counts for the majority. It answers no call.
        faults: the lost regions.
        declared: returns the record that the stand-in keeps of the table: `strong`, `regions` and `witness`. Without
            one, the table is strongly consistent in the regions above.
    """

    def __init__(
        self,
        *,
        replicas: tuple[str, str],
        witness: str,
        faults: Faults,
        declared: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        self._faults = faults
        self._regions = (*replicas, witness)
        self._declared = declared
        self._under_way: list[tuple[float, str, Item]] = []
        """Writes of an eventually consistent table: when they arrive, from where, and the item."""
        self._copies = {region: TableCopy(region) for region in replicas}
        self._missed: dict[str, dict[str, Item]] = {region: {} for region in replicas}
        self._lock = threading.RLock()

    def put_if_absent(self, region: str, item: Item) -> bool:
        """Write an item if its key does not exist. Returns whether it was written.

        Raises:
            RegionUnavailableError: if the caller's region or ledger, or the majority, is lost.
            ThrottledError: if the caller's ledger refuses.
        """
        with self._asked(region, "PutItem"):
            written = self._copies[region].put_if_absent(_encode(item))
            if written:
                self._spread(region, item)
            return written

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
            return [_decode(item) for item in self._copies[region].scan()]

    def lose(self) -> None:
        """Lose the table in every region, with each item that a region has missed."""
        with self._lock:
            for region, copy in self._copies.items():
                copy.lose()
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
        if region not in self._copies:
            raise ValueError(f"the ledger has no copy in {region}, only in {', '.join(self._copies)}")
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
                for item in missed.values():
                    self._write(region, item)
                missed.clear()

    def _spread(self, origin: str, item: Item) -> None:
        if self._is_strong:
            self._copy(origin, item)
        else:
            self._under_way.append((time.monotonic() + _LAG_SECONDS, origin, item))

    def _copy(self, origin: str, item: Item) -> None:
        for region in self._copies:
            if region == origin:
                continue
            if self._serves(region):
                self._write(region, item)
            else:
                self._missed[region][str(item[LEDGER_KEY])] = item

    def _write(self, region: str, item: Item) -> None:
        self._copies[region].put(_encode(item))

    def _read(self, region: str, key: str) -> Item | None:
        found = self._copies[region].get(key)
        return None if found is None else _decode(found)


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
