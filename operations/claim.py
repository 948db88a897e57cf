"""The claim of an epoch: it lets a site's database lead, and no other database of the same epoch.

Its stack waits for it before the promotion. It may run again: an owner is never refused its own epoch.
"""

from __future__ import annotations

from collections.abc import Mapping

from operations.environment import Reader
from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.log import say
from operations.records import Claim


def claim(ledger: JobLedger, wanted: Claim) -> int:
    """Claim an epoch, and return an exit code: 0 claimed, 3 another database has it, 1 the ledger did not answer."""
    facts = {"epoch": wanted.epoch, "database": wanted.database}
    try:
        if ledger.put_claim(wanted):
            say("claimed", **facts)
            return SUCCESS
        owner = ledger.claim(wanted.epoch)
    except LedgerUnreadableError as error:
        say("not claimed", reason=str(error), **facts)
        return FAILURE
    say("refused", owner=owner and owner.database, **facts)
    return REFUSED


def main(environment: Mapping[str, str]) -> int:
    """Claim an epoch once. Reads EPOCH, DATABASE, AWS_REGION and LEDGER_TABLE."""
    reader = Reader(environment)
    place, epoch = reader.place(), int(reader.number("EPOCH"))
    reader.done()
    return claim(JobLedger.connect(place.region, place.ledger_table), Claim(epoch, place.database))
