"""The crisis ledger as the jobs use it: claims, ready marks and handover records.

Every read is strongly consistent: with multi-Region strong consistency it sees each write acknowledged in any region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from operations.deadline import Deadline
from operations.records import Claim, HandoverRecord, HandoverState
from recovery.naming import LEDGER_KEY, claim_key, handover_key, ready_key
from recovery.timeline import DatabaseId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PATIENCE = Config(
    connect_timeout=2, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=2
)
"""Seconds. A check that fails is better than one that waits: the next check follows in a few seconds."""

QUICK = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}, max_pool_connections=2)
"""Seconds. For the fence, which looks again after a few seconds anyway."""
CALL_SECONDS = 2.0
"""The longest that one call with QUICK waits: for a connection, and for an answer."""

LOOK_AHEAD = 3
"""The number of epochs after the newest known claim that are read. It allows for two unclaimed epochs in a row."""

_BATCH = 100
"""The most items of one BatchGetItem. Source: Amazon DynamoDB API Reference."""
_ROUNDS = 8
"""DynamoDB answers a part of a batch if the table is throttled. The rest is asked for again, so many times."""


class LedgerUnreadableError(ConnectionError):
    """The ledger did not answer, which proves nothing."""


class JobLedger:
    """The ledger's copy in the job's own region."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._newest: Claim | None = None
        self._ready: Claim | None = None

    @classmethod
    def connect(cls, region: str, table: str, patience: Config = PATIENCE) -> Self:
        """The table in a region, with the credentials of the environment."""
        return cls(boto3.client("dynamodb", region_name=region, config=patience), table)

    def newest_claim(self, deadline: Deadline | None = None) -> Claim | None:
        """The claim of the newest epoch, or None if no epoch was ever claimed.

        Claims are never deleted, so the search continues from the newest claim seen before. It skips gaps: an epoch
        stays unclaimed if a stack file names it and its run never reaches the claim.

        Args:
            deadline: the moment after which nothing more is asked; None for never.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
            TooLateError: if the deadline passes.
        """
        epoch = self._newest.epoch if self._newest else 0
        ahead = epoch + LOOK_AHEAD
        while epoch < ahead:
            epoch += 1
            if deadline is not None:
                deadline.left()
            claim = self.claim(epoch)
            if claim is not None:
                self._newest = claim
                ahead = epoch + LOOK_AHEAD
        return self._newest

    def claim(self, epoch: int) -> Claim | None:
        """The claim of one epoch, or None if it was not claimed.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        item = self._get(claim_key(epoch))
        return Claim(epoch, DatabaseId.parse(item["database"]["S"])) if item is not None else None

    def put_claim(self, claim: Claim) -> bool:
        """Claim an epoch for a database. Returns False if another database has it. Claiming it again has no effect.

        So neither a lost answer nor a run that died refuses an owner its own epoch.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        return _held(
            lambda: self._client.put_item(
                TableName=self._table,
                Item=cast("Any", claim.item),
                ConditionExpression="attribute_not_exists(#key) OR #database = :own",
                ExpressionAttributeNames={"#key": LEDGER_KEY, "#database": "database"},
                ExpressionAttributeValues={":own": {"S": str(claim.database)}},
            )
        )

    def newest_ready(self) -> Claim | None:
        """The newest claim whose database has taken writes since its flip ended, or None if there is none.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        claim = self.newest_claim()
        known = self._ready.epoch if self._ready else 0
        for epoch in range(claim.epoch if claim else 0, known, -1):
            item = self._get(ready_key(epoch))
            if item is not None:
                self._ready = Claim(epoch, DatabaseId.parse(item["database"]["S"]))
                break
        return self._ready

    def mark_ready(self, claim: Claim, at: str) -> None:
        """Note that the database of a claim takes writes and its site may take the traffic. A mark is never changed.

        Args:
            claim: the claim of the epoch.
            at: the time in UTC, ISO 8601.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        item = {
            LEDGER_KEY: {"S": ready_key(claim.epoch)},
            "database": {"S": str(claim.database)},
            "readyAt": {"S": at},
        }
        _held(
            lambda: self._client.put_item(
                TableName=self._table,
                Item=cast("Any", item),
                ConditionExpression="attribute_not_exists(#key)",
                ExpressionAttributeNames={"#key": LEDGER_KEY},
            )
        )

    def handover_record(self, epoch: int) -> HandoverRecord | None:
        """The handover record of an epoch, or None if the leader was not drained or has resumed.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        item = self._get(handover_key(epoch))
        if item is None or item["state"]["S"] == HandoverState.WITHDRAWN:
            return None
        taker = item.get("taker", {}).get("S")
        return HandoverRecord(
            epoch,
            DatabaseId.parse(item["database"]["S"]),
            item["position"]["S"],
            item["drainedAt"]["S"],
            DatabaseId.parse(taker) if taker else None,
        )

    def note(self, handover: HandoverRecord) -> bool:
        """Write a handover record. Returns False if an earlier one is taken, which then stays as it is.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        item = {
            LEDGER_KEY: {"S": handover_key(handover.epoch)},
            "database": {"S": str(handover.database)},
            "position": {"S": handover.position},
            "drainedAt": {"S": handover.at},
            "state": {"S": HandoverState.DRAINED},
        }
        return _held(
            lambda: self._client.put_item(
                TableName=self._table,
                Item=cast("Any", item),
                ConditionExpression="attribute_not_exists(#key) OR #state <> :taken",
                ExpressionAttributeNames={"#key": LEDGER_KEY, "#state": "state"},
                ExpressionAttributeValues={":taken": {"S": HandoverState.TAKEN}},
            )
        )

    def take(self, handover: HandoverRecord, taker: DatabaseId) -> bool:
        """Take a handover record for a database. Returns False if it has changed or another database has taken it.

        From then on the leader cannot resume. Taking it again has no effect.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        return self._change(
            handover,
            UpdateExpression="SET #state = :taken, taker = :taker",
            ConditionExpression=(
                "#database = :leader AND #position = :position"
                " AND (#state = :drained OR (#state = :taken AND taker = :taker))"
            ),
            ExpressionAttributeNames={"#state": "state", "#database": "database", "#position": "position"},
            ExpressionAttributeValues={
                ":drained": {"S": HandoverState.DRAINED},
                ":taken": {"S": HandoverState.TAKEN},
                ":taker": {"S": str(taker)},
                ":leader": {"S": str(handover.database)},
                ":position": {"S": handover.position},
            },
        )

    def withdraw(self, handover: HandoverRecord) -> bool:
        """Withdraw a handover record because the leader resumes. Returns False if it is taken.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        return self._change(
            handover,
            UpdateExpression="SET #state = :withdrawn",
            ConditionExpression="#state <> :taken",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={
                ":withdrawn": {"S": HandoverState.WITHDRAWN},
                ":taken": {"S": HandoverState.TAKEN},
            },
        )

    def missing(self, keys: Iterable[str]) -> list[str]:
        """The keys that have no item.

        Raises:
            LedgerUnreadableError: if the ledger does not answer, or answers too slowly.
        """
        asked = sorted(set(keys))
        present: set[str] = set()
        for start in range(0, len(asked), _BATCH):
            present |= self._present(asked[start : start + _BATCH])
        return [key for key in asked if key not in present]

    def _present(self, keys: list[str]) -> set[str]:
        request: dict[str, Any] = {
            self._table: {
                "Keys": [{LEDGER_KEY: {"S": key}} for key in keys],
                "ConsistentRead": True,
                "ProjectionExpression": "#key",
                "ExpressionAttributeNames": {"#key": LEDGER_KEY},
            }
        }
        present: set[str] = set()
        for _ in range(_ROUNDS):
            try:
                answer = self._client.batch_get_item(RequestItems=request)
            except (BotoCoreError, ClientError) as error:
                raise LedgerUnreadableError(str(error)) from error
            present |= {str(item[LEDGER_KEY].get("S")) for item in answer["Responses"].get(self._table, ())}
            request = cast("dict[str, Any]", answer.get("UnprocessedKeys"))
            if not request:
                return present
        raise LedgerUnreadableError(f"{len(keys)} items were not read in {_ROUNDS} requests")

    def _change(self, handover: HandoverRecord, **change: Any) -> bool:
        """Update a handover record on a condition. Returns whether the condition held."""
        key = {LEDGER_KEY: {"S": handover_key(handover.epoch)}}
        return _held(lambda: self._client.update_item(TableName=self._table, Key=key, **change))

    def _get(self, key: str) -> dict[str, Any] | None:
        try:
            answer = self._client.get_item(TableName=self._table, Key={LEDGER_KEY: {"S": key}}, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise LedgerUnreadableError(str(error)) from error
        return cast("dict[str, Any] | None", answer.get("Item"))


def _held(write: Callable[[], object]) -> bool:
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
