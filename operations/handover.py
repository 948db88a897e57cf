"""The gate of a planned switchover: it lets a replica be promoted when it has all that the drained leader committed.

It takes the handover record by one conditional write. From then on the old leader cannot resume, whatever happens to
this run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from operations import clock
from operations.database import OwnDatabase
from operations.environment import Reader
from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.instance import AVAILABLE, InstanceUnknownError, OwnInstance
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.log import say
from operations.records import HandoverRecord
from operations.session import DatabaseUnreachableError
from recovery.timeline import DatabaseId


@dataclass(frozen=True)
class Gate:
    """The epoch to wait for, and for how long."""

    ledger: JobLedger
    database: OwnDatabase
    epoch: int
    """The epoch that ends."""
    leader: DatabaseId
    """The database that leads it."""
    own: DatabaseId
    """The replica."""
    patience: float
    """The time limit, in seconds."""
    instance: OwnInstance
    accept_loss: bool = False
    """Whether a replica that is still behind when the time is over may be promoted."""

    def wait(self) -> int:
        """Wait, and return an exit code: 0 promote, 3 the leader is not drained or the replica is behind, 1 unknown."""
        deadline = clock.monotonic() + self.patience
        while True:
            last = clock.monotonic() > deadline
            code, why = self._look(accept_loss=self.accept_loss and last)
            if code == SUCCESS or last:
                break
            clock.sleep(min(1.0, self.patience / 20))
        say("may promote" if code == SUCCESS else "must not promote", epoch=self.epoch, **why)
        return code

    def _look(self, *, accept_loss: bool) -> tuple[int, dict[str, object]]:
        try:
            if self.ledger.claim(self.epoch + 1) is not None:
                return SUCCESS, {"reason": "the next epoch is claimed already"}
            record = self.ledger.handover_record(self.epoch)
            with self.database.session() as session:
                if not session.follows():
                    return SUCCESS, {"reason": "promoted already"}
                refusal = self._refusal(record, replayed=record is not None and session.replayed(record.position))
            status = self.instance.status()
            # RDS refuses to promote any other, and the claim is made before the promotion.
            if status != AVAILABLE:
                return FAILURE, {"reason": f"RDS says that the replica is {status}"}
            return self._decide(record, refusal, accept_loss=accept_loss)
        except (LedgerUnreadableError, DatabaseUnreachableError, InstanceUnknownError) as error:
            return FAILURE, {"reason": str(error)}

    def _refusal(self, record: HandoverRecord | None, *, replayed: bool) -> str | None:
        if record is None:
            return "the leader is not drained: set lifeline:switchover.drain in its stack first"
        if record.database != self.leader:
            return f"the record is of {record.database}, and {self.leader} leads"
        if record.taker not in (None, self.own):
            return f"{record.taker} has taken the record"
        return None if replayed else "the replica is behind the position where the leader stopped"

    def _decide(
        self, record: HandoverRecord | None, refusal: str | None, *, accept_loss: bool
    ) -> tuple[int, dict[str, object]]:
        facts = {} if record is None else _facts(record)
        if refusal is not None and not accept_loss:
            return REFUSED, {"reason": refusal, **facts}
        # Also with an accepted loss: the leader must not resume.
        if record is not None and not self.ledger.take(record, self.own) and not accept_loss:
            return REFUSED, {"reason": "the handover record has changed", **facts}
        return SUCCESS, {"reason": f"loss accepted: {refusal}" if refusal else "the replica has everything", **facts}


def _facts(record: HandoverRecord) -> dict[str, object]:
    return {"leader": record.database, "position": record.position, "drained_at": record.at}


def main(environment: Mapping[str, str]) -> int:
    """Wait at the gate. Reads ENDING_EPOCH, LEADER, ACCEPT_LOSS and PATIENCE_SECONDS besides the common settings."""
    reader = Reader(environment)
    place, address = reader.place(), reader.address()
    epoch, leader = int(reader.number("ENDING_EPOCH")), reader.database("LEADER")
    patience = reader.number("PATIENCE_SECONDS")
    accept_loss = reader.flag("ACCEPT_LOSS")
    reader.done()
    ledger = JobLedger.connect(place.region, place.ledger_table)
    instance = OwnInstance.connect(place)
    return Gate(ledger, OwnDatabase(address), epoch, leader, place.database, patience, instance, accept_loss).wait()
