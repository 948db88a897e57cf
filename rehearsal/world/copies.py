"""One region's copy of the ledger, as moto keeps it.

People, health checks and jobs ask the ledger thousands of times. moto's model answers in a thirtieth of the time of a
call by boto3, which is spent on the request: on its signature, its parser, and the same for the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.exceptions import ConditionalCheckFailed

from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from rehearsal.world.direct import ONE_AT_A_TIME

Encoded = Mapping[str, Any]
"""An item in DynamoDB's JSON."""


class TableCopy:
    """The ledger's table in one region of the account. It must exist when it is asked.

    Args:
        region: the region.
    """

    def __init__(self, region: str) -> None:
        self._model = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][region]

    def put(self, item: Encoded) -> None:
        """Write an item, replacing an existing one."""
        with ONE_AT_A_TIME:
            self._model.put_item(LEDGER_TABLE, dict(item))

    def put_if_absent(self, item: Encoded) -> bool:
        """Write an item if its key does not exist. Returns whether it was written."""
        with ONE_AT_A_TIME:
            try:
                self._model.put_item(
                    LEDGER_TABLE,
                    dict(item),
                    condition_expression="attribute_not_exists(#key)",
                    expression_attribute_names={"#key": LEDGER_KEY},
                )
            except ConditionalCheckFailed:
                return False
            return True

    def get(self, key: str) -> Encoded | None:
        """The item with a key, or None."""
        with ONE_AT_A_TIME:
            found = self._model.get_item(LEDGER_TABLE, {LEDGER_KEY: {"S": key}})
            return None if found is None else found.to_json()["Attributes"]

    def get_many(self, keys: Iterable[str]) -> list[Encoded] | None:
        """The items with some keys, without those that do not exist. None if the table does not exist."""
        with ONE_AT_A_TIME:
            if LEDGER_TABLE not in self._model.tables:
                return None
            found = [self._model.get_item(LEDGER_TABLE, {LEDGER_KEY: {"S": key}}) for key in keys]
            return [item.to_json()["Attributes"] for item in found if item is not None]

    def scan(self) -> list[Encoded]:
        """Every item, in no particular order."""
        with ONE_AT_A_TIME:
            return [item.to_json()["Attributes"] for item in self._model.get_table(LEDGER_TABLE).all_items()]

    def lose(self) -> None:
        """Lose the table with its items, whatever protects it."""
        with ONE_AT_A_TIME:
            del self._model.tables[LEDGER_TABLE]
