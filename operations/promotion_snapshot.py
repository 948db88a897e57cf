"""Take one snapshot of a database after its promotion.

A promoted replica has no point in time before its promotion, and until the reseed it is the only copy of the data. The
flip itself takes no snapshot, because it would wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from operations.database import OwnDatabase
from operations.environment import Place, Reader
from operations.exit_codes import SUCCESS
from operations.instance import AVAILABLE, InstanceUnknownError, OwnInstance
from operations.job import JobFailedError, exit_code
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.log import say
from operations.session import DatabaseUnreachableError
from recovery.naming import promotion_snapshot


@dataclass(frozen=True)
class PromotionSnapshot:
    """The snapshot of one database."""

    place: Place
    ledger: JobLedger
    database: OwnDatabase
    instance: OwnInstance

    def take(self) -> int:
        """Take the snapshot unless it exists or the database was not promoted.

        Raises:
            JobFailedError: if the ledger, the database or RDS does not answer.
        """
        try:
            reason = self._take()
        except (LedgerUnreadableError, DatabaseUnreachableError, InstanceUnknownError) as error:
            raise JobFailedError(str(error)) from error
        say(reason, database=str(self.place.database))
        return SUCCESS

    def _take(self) -> str:
        own, claim = self.place.database, self.ledger.newest_claim()
        if claim is None or claim.database != own:
            return "another database leads"
        if claim.epoch == own.epoch:
            return "the database leads since it was created, so it has every point in time"
        name = promotion_snapshot(own, claim.epoch)
        if self.instance.has_snapshot(name):
            return "the snapshot exists"
        with self.database.session() as session:
            if session.follows():
                return "the promotion has not ended"
        status = self.instance.status()
        if status != AVAILABLE:
            return f"the instance is {status}, expected {AVAILABLE}"
        self.instance.take_snapshot(name, {"lifeline:site": own.site, "lifeline:epoch": str(claim.epoch)})
        return "snapshot begun"


def main(environment: Mapping[str, str]) -> int:
    """Look once. Reads DEADLINE_SECONDS besides the common settings."""
    reader = Reader(environment)
    place, address = reader.place(), reader.address()
    seconds = reader.number("DEADLINE_SECONDS")
    reader.done()
    job = PromotionSnapshot(
        place, JobLedger.connect(place.region, place.ledger_table), OwnDatabase(address), OwnInstance.connect(place)
    )
    return exit_code("promotion snapshot", job.take, seconds=seconds)
