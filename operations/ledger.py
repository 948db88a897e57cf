"""The crisis ledger as the jobs use it: claims, ready marks, handover records and closings.

Every read is strongly consistent: with multi-Region strong consistency it sees each write acknowledged in any region.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from operations.deadline import Deadline
from operations.ledger_items import Item, LedgerUnreadableError, found, held, missing, place_of, put_absent
from operations.records import Claim, Closing, HandoverRecord, HandoverState
from recovery.naming import LEDGER_KEY, claim_key, closing_key, handover_key, ready_key
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


class JobLedger:
    """The ledger's copy in the job's own region, or in the peer's if its own has none."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._newest: Claim | None = None
        self._ready: Claim | None = None

    @classmethod
    def connect(cls, region: str, table: str, patience: Config = PATIENCE) -> Self:
        """The table, by its name in a region or by its ARN, with the credentials of the environment."""
        region, name = place_of(table, region)
        return cls(boto3.client("dynamodb", region_name=region, config=patience), name)

    def newest_claim(self, deadline: Deadline | None = None) -> Claim | None:
        """The claim of the newest epoch, or None if no epoch was ever claimed.

        Claims are never deleted, so the search continues from the newest claim seen before: one request, unless there
        is a newer one. It skips gaps: an epoch stays unclaimed if a stack file names it and its run never reaches the
        claim.

        Args:
            deadline: the moment after which nothing more is asked; None for never.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
            TooLateError: if the deadline passes.
        """
        asked = known = self._newest.epoch if self._newest else 0
        while ahead := range(asked + 1, known + LOOK_AHEAD + 1):
            items = found(self._client, self._table, map(claim_key, ahead), deadline)
            for epoch in ahead:
                if (item := items.get(claim_key(epoch))) is not None:
                    self._newest, known = _claim(epoch, item), epoch
            asked = ahead[-1]
        return self._newest

    def claim(self, epoch: int) -> Claim | None:
        """The claim of one epoch, or None if it was not claimed.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        item = self._get(claim_key(epoch))
        return _claim(epoch, item) if item is not None else None

    def claim_before(self, epoch: int, deadline: Deadline, of: DatabaseId | None = None) -> Claim | None:
        """The newest claim of an earlier epoch, or the newest by one database; None if there is none.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
            TooLateError: if the deadline passes.
        """
        for earlier in range(epoch - 1, 0, -1):
            deadline.left()
            claim = self.claim(earlier)
            if claim is not None and of in (None, claim.database):
                return claim
        return None

    def claim_after(self, epoch: int) -> Claim | None:
        """A claim of a later epoch, or None if there is none. It skips as many gaps as `newest_claim`.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        later = (self.claim(number) for number in range(epoch + 1, epoch + LOOK_AHEAD + 1))
        return next((claim for claim in later if claim is not None), None)

    def put_claim(self, claim: Claim) -> bool:
        """Claim an epoch for a database. Returns False if another database has it. Claiming it again has no effect.

        So neither a lost answer nor a run that died refuses an owner its own epoch.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        return held(
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
                self._ready = _claim(epoch, item)
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
        self._put_absent(ready_key(claim.epoch), database=str(claim.database), readyAt=at)

    def closing(self, epoch: int) -> Closing | None:
        """The closing of an epoch's leader, or None if it is not noted.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        item = self._get(closing_key(epoch))
        if item is None:
            return None
        database = DatabaseId.parse(item["database"]["S"])
        return Closing(epoch, database, item["position"]["S"], item["closedAt"]["S"])

    def note_closing(self, closing: Closing) -> bool:
        """Note that the leader of an epoch is closed. Returns False if that was noted before, which is never changed.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        return self._put_absent(
            closing_key(closing.epoch), database=str(closing.database), position=closing.position, closedAt=closing.at
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
        return held(
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
        return missing(self._client, self._table, keys)

    def _change(self, handover: HandoverRecord, **change: Any) -> bool:
        """Update a handover record on a condition. Returns whether the condition held."""
        key = {LEDGER_KEY: {"S": handover_key(handover.epoch)}}
        return held(lambda: self._client.update_item(TableName=self._table, Key=key, **change))

    def _put_absent(self, key: str, **words: str) -> bool:
        """Put an item on the condition that it is absent. Returns whether it was."""
        item = {LEDGER_KEY: {"S": key}, **{name: {"S": word} for name, word in words.items()}}
        return put_absent(self._client, self._table, item)

    def _get(self, key: str) -> Item | None:
        try:
            answer = self._client.get_item(TableName=self._table, Key={LEDGER_KEY: {"S": key}}, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise LedgerUnreadableError(str(error)) from error
        return cast("Item | None", answer.get("Item"))


def _claim(epoch: int, item: Item) -> Claim:
    return Claim(epoch, DatabaseId.parse(item["database"]["S"]))
