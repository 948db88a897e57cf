"""The crisis ledger as the jobs use it: who claimed which epoch, and where a drained leader stopped.

Every read is strongly consistent: with multi-Region strong consistency it sees what was acknowledged anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from recovery.naming import LEDGER_KEY, claim_key, handover_key
from recovery.timeline import DatabaseId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PATIENCE = Config(
    connect_timeout=2, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=2
)
"""Seconds. A look that hangs is worse than one that fails: the next one is a few seconds away."""

LOOK_AHEAD = 3
"""How many epochs after the newest known claim are asked for: two in a row that nobody claimed are seen past."""


class LedgerUnreadable(ConnectionError):  # noqa: N818 - reads as what is the case
    """The ledger did not answer. That is no evidence of anything."""


@dataclass(frozen=True)
class Claim:
    """Which database leads an epoch."""

    epoch: int
    database: DatabaseId


@dataclass(frozen=True)
class Handover:
    """Where a drained leader stopped: nothing is committed in it after this position."""

    epoch: int
    database: DatabaseId
    position: str
    """A position of the write-ahead log, such as `0/3000148`."""
    at: str
    """When, in UTC, ISO 8601."""


class JobLedger:
    """The ledger's copy in the job's own region."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._newest: Claim | None = None

    @classmethod
    def connect(cls, region: str, table: str) -> Self:
        """The table in a region, with the credentials of the environment."""
        return cls(boto3.client("dynamodb", region_name=region, config=PATIENCE), table)

    def newest_claim(self) -> Claim | None:
        """The claim of the newest epoch, or None if nobody ever claimed one.

        Claims are never taken back, so the search goes on from the newest one that was seen. It looks past gaps: an
        epoch that a stack file names, and whose run never came to claim it, stays free while later ones are taken.

        Raises:
            LedgerUnreadable: if the ledger does not answer.
        """
        epoch = self._newest.epoch if self._newest else 0
        ahead = epoch + LOOK_AHEAD
        while epoch < ahead:
            epoch += 1
            found = self._get(claim_key(epoch))
            if found is not None:
                self._newest = Claim(epoch, DatabaseId.parse(found["database"]["S"]))
                ahead = epoch + LOOK_AHEAD
        return self._newest

    def handover(self, epoch: int) -> Handover | None:
        """Where the leader of an epoch stopped, or None if it was not drained or goes on.

        Raises:
            LedgerUnreadable: if the ledger does not answer.
        """
        found = self._get(handover_key(epoch))
        if found is None or found["withdrawn"]["BOOL"]:
            return None
        database = DatabaseId.parse(found["database"]["S"])
        return Handover(epoch, database, found["position"]["S"], found["drainedAt"]["S"])

    def record(self, handover: Handover, *, withdrawn: bool = False) -> None:
        """Write where a leader stopped, or that this no longer holds because it goes on.

        Raises:
            LedgerUnreadable: if the ledger does not answer.
        """
        item = {
            LEDGER_KEY: {"S": handover_key(handover.epoch)},
            "database": {"S": str(handover.database)},
            "position": {"S": handover.position},
            "drainedAt": {"S": handover.at},
            "withdrawn": {"BOOL": withdrawn},
        }
        try:
            self._client.put_item(TableName=self._table, Item=cast("Any", item))
        except (BotoCoreError, ClientError) as error:
            raise LedgerUnreadable(str(error)) from error

    def _get(self, key: str) -> dict[str, Any] | None:
        try:
            answer = self._client.get_item(TableName=self._table, Key={LEDGER_KEY: {"S": key}}, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise LedgerUnreadable(str(error)) from error
        return cast("dict[str, Any] | None", answer.get("Item"))
