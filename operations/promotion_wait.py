"""Let a replica be promoted when the old leader is closed and the replica has all that it committed, or after a while.

It runs in every flip, between the claim of an epoch and the promotion. The old leader's fence reads the claim, closes
its database and notes the last position in the ledger. A fence that is gone with its region notes nothing, so the wait
is bounded: it is a little longer than a fence that runs may need. Nothing that goes wrong here stops the promotion,
but a later claim does: then others have gone further, and a promotion would open a second leader.

Exit codes: 0 promote, 2 a wrong setting, 3 a later epoch is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from operations import clock
from operations.database import OwnDatabase
from operations.deadline import Deadline, TooLateError
from operations.environment import Reader
from operations.exit_codes import REFUSED, SUCCESS
from operations.ledger import QUICK, JobLedger, LedgerUnreadableError
from operations.log import say
from operations.session import DatabaseUnreachableError
from recovery.timeline import DatabaseId


class LateError(Exception):
    """A later epoch is claimed, so this one is over."""


@dataclass(frozen=True)
class PromotionWait:
    """One wait."""

    ledger: JobLedger
    database: OwnDatabase
    own: DatabaseId
    """The replica."""
    epoch: int
    """The epoch that it has claimed."""
    patience: float
    """The longest wait, in seconds."""
    promotes: bool = True
    """Whether the promotion follows. It does not in the run of a site that led the epoch, and leads no more."""

    def wait(self) -> bool:
        """Wait until the replica may be promoted without a loss, or the time is over. Returns whether it may.

        It ends at most one call of the ledger after the time (`operations.ledger.CALL_SECONDS`).

        Raises:
            LateError: if the replica must not be promoted.
        """
        deadline = Deadline.after(self.patience)
        why = "there was no time to look"
        while True:
            try:
                safe, why = self._look(deadline)
                if safe:
                    say("may promote", epoch=self.epoch, reason=why)
                    return True
                clock.sleep(min(deadline.left(), 1.0, self.patience / 20))
            except TooLateError:
                say("promotes although rows may be lost", epoch=self.epoch, reason=why)
                return False

    def _look(self, deadline: Deadline) -> tuple[bool, str]:
        """Whether it is safe to promote, and why.

        Raises:
            TooLateError: if the deadline cut the look short. Then the reason of the look before is the right one.
            LateError: if the replica must not be promoted.
        """
        try:
            before = self.ledger.claim_before(self.epoch, deadline)
            if before is None:
                return True, "no database led before"
            self._check_newest()
            with self.database.session(deadline) as session:
                if not session.follows():
                    return True, "promoted already"
                position = self._position(before.epoch)
                if position is None:
                    return False, f"{before.database} is not known to be closed"
                if not session.replayed(position):
                    return False, f"the replica is behind {position}, where {before.database} stopped"
                return True, f"{before.database} is closed, and the replica has everything"
        except (LedgerUnreadableError, DatabaseUnreachableError) as error:
            deadline.left()
            return False, str(error)

    def _check_newest(self) -> None:
        later = self.ledger.claim_after(self.epoch) if self.promotes else None
        if later is not None:
            raise LateError(f"epoch {later.epoch} is claimed by {later.database}")

    def _position(self, epoch: int) -> str | None:
        """Where the leader of an epoch stopped: at its closing, or earlier at its drain; None if it is not known."""
        closing = self.ledger.closing(epoch)
        if closing is not None:
            return closing.position
        record = self.ledger.handover_record(epoch)
        return record.position if record is not None and record.taker == self.own else None


def main(environment: Mapping[str, str]) -> int:
    """Wait once. Reads EPOCH_CLAIMED, PATIENCE_SECONDS and PROMOTES besides the common settings."""
    reader = Reader(environment)
    place, address = reader.place(), reader.address()
    epoch, patience = int(reader.number("EPOCH_CLAIMED")), reader.number("PATIENCE_SECONDS")
    promotes = reader.flag("PROMOTES")
    reader.done()
    ledger = JobLedger.connect(place.region, place.ledger_table, QUICK)
    try:
        PromotionWait(ledger, OwnDatabase(address), place.database, epoch, patience, promotes).wait()
    except LateError as error:
        say("must not promote", epoch=epoch, reason=str(error))
        return REFUSED
    return SUCCESS
