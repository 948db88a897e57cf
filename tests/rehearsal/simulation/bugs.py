"""Bugs that are planted in the jobs and in the order of a run, one at a time. The simulation must find each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from unittest.mock import patch

from psycopg import sql

from operations import ledger, ledger_items
from operations.fence import Fence, Standing
from operations.handover import Gate
from operations.ledger import JobLedger
from operations.ledger_items import held
from operations.promotion_wait import PromotionWait
from operations.records import Claim, Closing, HandoverRecord
from operations.session import Session
from recovery.naming import LEDGER_KEY, closing_key, ready_key
from rehearsal.simulation import jobs, stack
from rehearsal.simulation.clients import SimulatedInstance
from rehearsal.simulation.cluster import Cluster
from rehearsal.simulation.stack import Stack
from stacks.config import SiteConfig


@dataclass(frozen=True)
class Bug:
    """A change of the program."""

    name: str
    target: Any
    attribute: str
    replacement: Any
    law: str
    """The law that the shortest history breaks, or a part of its name; several are separated by `|`."""

    @contextmanager
    def planted(self) -> Generator[None]:
        with patch.object(self.target, self.attribute, self.replacement):
            yield


# A guard is removed.


def _claims_without_a_condition(self: JobLedger, wanted: Claim) -> bool:
    return held(lambda: self._client.put_item(TableName=self._table, Item=cast("Any", wanted.item)))


def _claims_only_once(self: JobLedger, wanted: Claim) -> bool:
    return ledger_items.put_absent(self._client, self._table, wanted.item)


def _knows_every_replica(self: SimulatedInstance) -> bool:
    return True


def _keeps_sessions(self: Session, began_by: object) -> int:
    return 0


def _asks_sessions_once(self: Session, began_by: object) -> int:
    _end_others(self, began_by)
    return 0


_end_others = Session._end_others


def _alters_without_the_right(self: Session, default: Any, right: Any, epoch: int) -> None:
    with self._connection.transaction():
        self._decide(epoch)
        self._connection.execute("UPDATE lifeline.closing SET at = NULL, setting = NULL")
        self._connection.execute(sql.SQL("ALTER DATABASE {} ").format(self._database) + default)


def _decides_for_any_epoch(self: Session, epoch: int) -> None:
    self._connection.execute("CREATE SCHEMA IF NOT EXISTS lifeline")


def _is_superseded_and_waits(self: Fence, newest: Claim, session: Session, deadline: Any) -> Standing:
    if newest.database != self.place.database and not session.follows():
        return Standing.SUPERSEDED
    return _settle(self, newest, session, deadline)


_settle = Fence._settle


def _withdraws_a_taken_record(self: JobLedger, handover: HandoverRecord) -> bool:
    return self._change(
        handover,
        UpdateExpression="SET #state = :withdrawn",
        ConditionExpression="attribute_exists(#state)",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":withdrawn": {"S": "withdrawn"}},
    )


def _notes_over_a_taken_record(self: JobLedger, handover: HandoverRecord) -> bool:
    return held(
        lambda: self._client.put_item(
            TableName=self._table,
            Item={
                LEDGER_KEY: {"S": f"handover#{handover.epoch}"},
                "database": {"S": str(handover.database)},
                "position": {"S": handover.position},
                "drainedAt": {"S": handover.at},
                "state": {"S": "drained"},
            },
        )
    )


def _takes_any_record(self: JobLedger, handover: HandoverRecord, taker: Any) -> bool:
    return self._change(
        handover,
        UpdateExpression="SET #state = :taken, taker = :taker",
        ConditionExpression="attribute_exists(#state)",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":taken": {"S": "taken"}, ":taker": {"S": str(taker)}},
    )


def _has_replayed(self: Session, position: str) -> bool:
    return True


def _passes_the_gate(self: Gate, record: HandoverRecord | None, *, replayed: bool) -> str | None:
    return None


def _trusts_any_record(self: PromotionWait, epoch: int) -> str | None:
    closing, record = self.ledger.closing(epoch), self.ledger.handover_record(epoch)
    return closing.position if closing else record.position if record else None


def _closes_again(self: JobLedger, closing: Closing) -> bool:
    return held(
        lambda: self._client.put_item(
            TableName=self._table,
            Item={
                LEDGER_KEY: {"S": closing_key(closing.epoch)},
                "database": {"S": str(closing.database)},
                "position": {"S": closing.position},
                "closedAt": {"S": closing.at},
            },
        )
    )


def _marks_again(self: JobLedger, claimed: Claim, at: str) -> None:
    item = {LEDGER_KEY: {"S": ready_key(claimed.epoch)}, "database": {"S": str(claimed.database)}, "readyAt": {"S": at}}
    held(lambda: self._client.put_item(TableName=self._table, Item=cast("Any", item)))


def _never_ends_a_lease(self: Fence) -> None:
    return None


def _ignores_exit_codes(self: Stack, name: str, kind: str, work: Callable[[], object], **options: int) -> None:
    try:
        _job(self, name, kind, work, **options)
    except stack.RefusedError:
        self.state.jobs.add(name)


_job = Stack._job


# An order is swapped.


def _notes_before_it_closes(self: Fence, newest: Claim, session: Session, deadline: Any) -> Standing:
    if not session.follows() and newest.database != self.place.database:
        self._note_closing(newest, session, deadline)
    return _settle(self, newest, session, deadline)


def _notes_before_it_drains(self: Fence, claimed: Claim, session: Session) -> None:
    if self.ledger.handover_record(claimed.epoch) is not None and session.is_closed():
        return
    self.ledger.note(HandoverRecord(claimed.epoch, claimed.database, session.written_to(), "2027-01-15T08:00:00"))
    session.close_writes(claimed.epoch)


def _opens_before_it_withdraws(self: Fence, claimed: Claim, session: Session) -> bool:
    session.open_writes(claimed.epoch)
    recorded = self.ledger.handover_record(claimed.epoch)
    return recorded is None or self.ledger.withdraw(recorded)


def _marks_before_it_opens(self: Fence, newest: Claim, session: Session, deadline: Any) -> Standing:
    if newest.database == self.place.database and not self.drain:
        self._mark_ready(newest)
    return _settle(self, newest, session, deadline)


def _promotes_before_it_claims(self: Stack, config: SiteConfig) -> None:
    self._gate(config)
    self._waits(config)
    self._databases(config)
    self._claims(config)
    self._settle(config)


def _promotes_before_it_waits(self: Stack, config: SiteConfig) -> None:
    self._gate(config)
    self._claims(config)
    self._databases(config)
    self._waits(config)
    self._settle(config)


def _keeps_old_pods(self: Cluster, settings: Any) -> None:
    self.settings = settings
    if len(self.fences) > 1:
        self.fences[0].process.kill()
    self._begin_fences(self._rolling)


# A bound is halved, or a read is older than it seems.


def _remembers_the_newest_claim(self: JobLedger, deadline: Any = None) -> Claim | None:
    return self._newest or _newest_claim(self, deadline)


_newest_claim = JobLedger.newest_claim


def _looks_one_epoch_back(self: JobLedger, epoch: int, deadline: Any, of: Any = None) -> Claim | None:
    earlier = self.claim(epoch - 1) if epoch > 1 else None
    return earlier if earlier is not None and of in (None, earlier.database) else None


def _knows_no_later_claim(self: JobLedger, epoch: int) -> Claim | None:
    return None


BUGS = (
    Bug("a claim has no condition", JobLedger, "put_claim", _claims_without_a_condition, "an epoch has one owner"),
    Bug("a claim cannot be repeated", JobLedger, "put_claim", _claims_only_once, "recovery"),
    Bug(
        "an epoch is claimed for no replica",
        SimulatedInstance,
        "exists",
        _knows_every_replica,
        "recovery",
    ),
    Bug("an old run goes on", JobLedger, "claim_after", _knows_no_later_claim, "an epoch that is over does not begin"),
    Bug("sessions are not ended", Session, "_end_others", _keeps_sessions, "a noted position is the last"),
    Bug("sessions may end later", Session, "_end_others", _asks_sessions_once, "a noted position is the last"),
    Bug("the right to write stays", Session, "_alter", _alters_without_the_right, ""),
    Bug("a delayed fence opens again", Session, "_decide", _decides_for_any_epoch, ""),
    Bug("a superseded leader stays open", Fence, "_settle", _is_superseded_and_waits, ""),
    Bug("a taken record is withdrawn", JobLedger, "withdraw", _withdraws_a_taken_record, "a taken record stays"),
    Bug("a taken record is replaced", JobLedger, "note", _notes_over_a_taken_record, "a taken record stays"),
    Bug("a record that has changed is taken", JobLedger, "take", _takes_any_record, ""),
    Bug("the gate asks for nothing", Gate, "_refusal", _passes_the_gate, "a planned change loses nothing"),
    Bug("a replica that is behind is promoted", Session, "replayed", _has_replayed, "loses nothing"),
    Bug("a drain that may end counts as a closing", PromotionWait, "_position", _trusts_any_record, ""),
    Bug("a closing is noted again", JobLedger, "note_closing", _closes_again, "marks stay"),
    Bug("a ready mark is written again", JobLedger, "mark_ready", _marks_again, "marks stay"),
    Bug("a lease does not end", Fence, "_give_up_old_lease", _never_ends_a_lease, ""),
    Bug("a run goes on when a Job was refused", Stack, "_job", _ignores_exit_codes, ""),
    Bug("a closing is noted before it is done", Fence, "_settle", _notes_before_it_closes, ""),
    Bug("a drain is noted before it is done", Fence, "_drain", _notes_before_it_drains, ""),
    Bug("a database opens before its record is withdrawn", Fence, "_resume", _opens_before_it_withdraws, ""),
    Bug("a site is ready before its database is open", Fence, "_settle", _marks_before_it_opens, ""),
    Bug("the promotion comes before the claim", Stack, "deploy", _promotes_before_it_claims, ""),
    Bug("the promotion comes before the wait", Stack, "deploy", _promotes_before_it_waits, ""),
    Bug("old and new fences run together", Cluster, "roll", _keeps_old_pods, ""),
    Bug("the newest claim is read once", JobLedger, "newest_claim", _remembers_the_newest_claim, ""),
    Bug("the fence looks one epoch ahead", ledger, "LOOK_AHEAD", 1, ""),
    Bug("the wait looks one epoch back", JobLedger, "claim_before", _looks_one_epoch_back, ""),
    Bug("the wait is a tenth", jobs, "PROMOTION_WAIT_SECONDS", 2, ""),
    Bug("the wait for a lease is a fifth", jobs, "STRICT_WAIT_SECONDS", 12, ""),
)
