"""Review the crisis events of the last day: how many there were, and the events for which no one was alerted.

An event is alerted when an escalation of the ledger names it. The job reads the whole table, once a day: the ledger
has no index, because a crisis must not wait for one. The log gets counts and keys, and nothing that a person wrote.

Exit codes: 0 each event was alerted, 1 the ledger does not answer (try again), 2 a wrong setting, 3 an event was not
alerted, or has no time: another run would find the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from operations.environment import Reader
from operations.exit_codes import REFUSED, SUCCESS
from operations.job import exit_code
from operations.ledger_items import LedgerUnreadableError, place_of
from operations.log import say
from recovery.naming import LEDGER_CHECKS, LEDGER_EVENTS, LEDGER_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WINDOW = timedelta(hours=25)
"""A day, and an hour more: a run that begins later than the one before leaves no gap."""
KEYS_PER_LINE = 100
_EVENT, _ESCALATION = LEDGER_EVENTS


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """The events of the window."""

    events: int
    escalations: int
    by_site: Mapping[str, int]
    keyword_only: int
    """The events that were found without a model."""
    missed: tuple[str, ...]
    """The keys of events that no escalation names, the oldest first."""
    undated: tuple[str, ...]
    """The keys of items without a time, of any age."""


@dataclass(frozen=True, kw_only=True)
class CrisisReview:
    """The review of one copy of the ledger."""

    client: DynamoDBClient
    table: str
    patience: timedelta
    """The time that an alert may take after its event."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> Reviewed:
        """Read the events of the window, with a strongly consistent read.

        Raises:
            LedgerUnreadableError: if the ledger does not answer.
        """
        now = self.clock()
        items = [*self._items(text_of(now - WINDOW))]
        events = {item[LEDGER_KEY]: item for item in items if item[LEDGER_KEY].startswith(_EVENT) and "at" in item}
        escalations = [item for item in items if item[LEDGER_KEY].startswith(_ESCALATION)]
        alerted = {f"{_EVENT}{item['event']}" for item in escalations if "event" in item}
        due = text_of(now - self.patience)
        missed = (item for key, item in events.items() if key not in alerted and item["at"] <= due)
        return Reviewed(
            events=len(events),
            escalations=len(escalations),
            by_site=dict(Counter(item.get("site", "unknown") for item in events.values())),
            keyword_only=sum(item.get("mode") == "keyword_only" for item in events.values()),
            missed=tuple(item[LEDGER_KEY] for item in sorted(missed, key=lambda item: item["at"])),
            undated=tuple(sorted(item[LEDGER_KEY] for item in items if "at" not in item)),
        )

    def _items(self, since: str) -> Iterator[dict[str, str]]:
        """The events and escalations since a time, and those without a time."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table,
            ConsistentRead=True,
            FilterExpression=(
                "(begins_with(#key, :event) OR begins_with(#key, :escalation)) AND NOT begins_with(#key, :check)"
                " AND (#at >= :since OR attribute_not_exists(#at))"
            ),
            ProjectionExpression="#key, #at, #site, #mode, #event",
            ExpressionAttributeNames={
                "#key": LEDGER_KEY, "#at": "at", "#site": "site", "#mode": "mode", "#event": "event",
            },
            ExpressionAttributeValues={
                ":event": {"S": _EVENT},
                ":escalation": {"S": _ESCALATION},
                ":check": {"S": LEDGER_CHECKS},
                ":since": {"S": since},
            },
        )  # fmt: skip
        try:
            for page in pages:
                yield from map(_plain, page["Items"])
        except (BotoCoreError, ClientError) as error:
            raise LedgerUnreadableError(str(error)) from error


def text_of(moment: datetime) -> str:
    """A moment as the platform's services write it in `at`: UTC, to the second, so that texts compare as times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(item: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(next(iter(value.values()))) for name, value in item.items()}


def tell(reviewed: Reviewed) -> int:
    """Log a review, and return the job's exit code."""
    say(
        "crisis events reviewed",
        events=reviewed.events,
        escalations=reviewed.escalations,
        by_site=reviewed.by_site,
        keyword_only=reviewed.keyword_only,
        missed=len(reviewed.missed),
        undated=len(reviewed.undated),
    )
    for step, keys in (("not alerted", reviewed.missed), ("without a time", reviewed.undated)):
        for start in range(0, len(keys), KEYS_PER_LINE):
            say(step, events=keys[start : start + KEYS_PER_LINE])
    return REFUSED if reviewed.missed or reviewed.undated else SUCCESS


def main(environment: Mapping[str, str]) -> int:
    """Review once. Reads AWS_REGION, LEDGER_TABLE, ALERT_SECONDS and DEADLINE_SECONDS."""
    reader = Reader(environment)
    region, table = place_of(reader.text("LEDGER_TABLE"), reader.text("AWS_REGION"))
    patience, seconds = timedelta(seconds=reader.number("ALERT_SECONDS")), reader.number("DEADLINE_SECONDS")
    reader.done()
    review = CrisisReview(client=boto3.client("dynamodb", region_name=region), table=table, patience=patience)
    return exit_code("crisis review", lambda: tell(review.run()), seconds=seconds)
