"""The gate of a planned switchover: a replica is promoted once it has all that the drained leader committed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from operations.database import DatabaseUnreachable, OwnDatabase
from operations.environment import Reader
from operations.ledger import Handover, JobLedger, LedgerUnreadable
from operations.log import say

WELL, NOT_WELL, REFUSED = 0, 1, 3


@dataclass(frozen=True)
class Gate:
    """What is awaited, and for how long."""

    ledger: JobLedger
    database: OwnDatabase
    epoch: int
    """The epoch that ends."""
    patience: float
    """Seconds."""
    accept_loss: bool = False
    """Whether a replica that is behind may be promoted all the same."""

    def wait(self) -> int:
        """An exit code: 0 to promote, 3 if the leader is not drained or the replica behind, 1 if that is not known."""
        deadline = time.monotonic() + self.patience
        while True:
            code, why = self._look()
            if code == WELL or time.monotonic() > deadline:
                break
            time.sleep(min(1.0, self.patience / 20))
        if code == REFUSED and self.accept_loss:
            say("loss accepted", epoch=self.epoch, **why)
            return WELL
        say("may promote" if code == WELL else "must not promote", epoch=self.epoch, **why)
        return code

    def _look(self) -> tuple[int, dict[str, object]]:
        try:
            token = self.ledger.handover(self.epoch)
            with self.database.session() as session:
                if not session.follows():
                    return WELL, {"reason": "promoted already"}
                return self._compare(token, replayed=token is not None and session.replayed(token.position))
        except (LedgerUnreadable, DatabaseUnreachable) as error:
            return NOT_WELL, {"reason": str(error)}

    def _compare(self, token: Handover | None, *, replayed: bool) -> tuple[int, dict[str, object]]:
        if token is None:
            return REFUSED, {"reason": "the leader is not drained: set lifeline:switchover.drain in its stack first"}
        facts: dict[str, object] = {"leader": token.database, "position": token.position, "drained_at": token.at}
        if not replayed:
            return REFUSED, {"reason": "the replica is behind the position where the leader stopped", **facts}
        return WELL, {"reason": "the replica has all of it", **facts}


def main(environment: Mapping[str, str]) -> int:
    """Wait at the gate. Reads ENDING_EPOCH, ACCEPT_LOSS and PATIENCE_SECONDS besides place and address."""
    reader = Reader(environment)
    place, address = reader.place(), reader.address()
    epoch, patience = int(reader.number("ENDING_EPOCH")), reader.number("PATIENCE_SECONDS")
    accept_loss = reader.flag("ACCEPT_LOSS")
    reader.done()
    ledger = JobLedger.connect(place.region, place.ledger_table)
    return Gate(ledger, OwnDatabase(address), epoch, patience, accept_loss).wait()
