"""The gate of a planned switchover: it lets a replica be promoted when it has all that the drained leader committed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from operations.database import DatabaseUnreachableError, OwnDatabase
from operations.environment import Reader
from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.instance import AVAILABLE, InstanceUnknownError, OwnInstance
from operations.ledger import HandoverRecord, JobLedger, LedgerUnreadableError
from operations.log import say


@dataclass(frozen=True)
class Gate:
    """The epoch to wait for, and for how long."""

    ledger: JobLedger
    database: OwnDatabase
    epoch: int
    """The epoch that ends."""
    patience: float
    """The time limit, in seconds."""
    instance: OwnInstance
    accept_loss: bool = False
    """Whether a replica that is behind may be promoted."""

    def wait(self) -> int:
        """Wait, and return an exit code: 0 promote, 3 the leader is not drained or the replica is behind, 1 unknown."""
        deadline = time.monotonic() + self.patience
        while True:
            code, why = self._look()
            if code == SUCCESS or time.monotonic() > deadline:
                break
            time.sleep(min(1.0, self.patience / 20))
        if code == REFUSED and self.accept_loss:
            say("loss accepted", epoch=self.epoch, **why)
            return SUCCESS
        say("may promote" if code == SUCCESS else "must not promote", epoch=self.epoch, **why)
        return code

    def _look(self) -> tuple[int, dict[str, object]]:
        try:
            record = self.ledger.handover_record(self.epoch)
            with self.database.session() as session:
                if not session.follows():
                    return SUCCESS, {"reason": "promoted already"}
                code, why = self._compare(record, replayed=record is not None and session.replayed(record.position))
            status = self.instance.status()
        except (LedgerUnreadableError, DatabaseUnreachableError, InstanceUnknownError) as error:
            return FAILURE, {"reason": str(error)}
        # RDS refuses to promote any other, and the claim is made before the promotion.
        return (code, why) if status == AVAILABLE else (FAILURE, {"reason": f"RDS says that the replica is {status}"})

    def _compare(self, record: HandoverRecord | None, *, replayed: bool) -> tuple[int, dict[str, object]]:
        if record is None:
            return REFUSED, {"reason": "the leader is not drained: set lifeline:switchover.drain in its stack first"}
        facts: dict[str, object] = {"leader": record.database, "position": record.position, "drained_at": record.at}
        if not replayed:
            return REFUSED, {"reason": "the replica is behind the position where the leader stopped", **facts}
        return SUCCESS, {"reason": "the replica has everything", **facts}


def main(environment: Mapping[str, str]) -> int:
    """Wait at the gate. Reads ENDING_EPOCH, ACCEPT_LOSS and PATIENCE_SECONDS besides the common settings."""
    reader = Reader(environment)
    place, address = reader.place(), reader.address()
    epoch, patience = int(reader.number("ENDING_EPOCH")), reader.number("PATIENCE_SECONDS")
    accept_loss = reader.flag("ACCEPT_LOSS")
    reader.done()
    ledger = JobLedger.connect(place.region, place.ledger_table)
    return Gate(ledger, OwnDatabase(address), epoch, patience, OwnInstance.connect(place), accept_loss).wait()
