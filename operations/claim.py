"""The claim of an epoch: it lets a site's database lead, and no other database of the same epoch.

Its stack waits for it before the promotion. It may run again: an owner is never refused its own epoch.

It is refused if the timeline of the stack is not the one that the ledger knows: its file was copied from a stack whose
own claim was refused. A claim that begins a promotion is also refused if the promotion cannot follow. RDS must know the
replica: otherwise the old leader would be fenced, and nothing could lead. And no later epoch may be claimed: a run that
was interrupted and goes on when others have gone further would open a second leader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from operations.deadline import Deadline, TooLateError
from operations.environment import Reader, SettingError
from operations.exit_codes import FAILURE, REFUSED, SUCCESS
from operations.instance import InstanceUnknownError, OwnInstance
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.log import say
from operations.records import Claim
from recovery.timeline import DatabaseId

_SECONDS = 60.0
"""The most for the search of the claim before. It is one read, unless epochs were skipped."""


def claim(
    ledger: JobLedger, wanted: Claim, earlier: Sequence[DatabaseId] = (), replica: OwnInstance | None = None
) -> int:
    """Claim an epoch, and return an exit code: 0 claimed, 3 refused, 1 the ledger or RDS did not answer.

    Args:
        ledger: the ledger.
        wanted: the claim.
        earlier: the leaders of the epochs before, in the stack's timeline.
        replica: the database, if its promotion follows; None if the site led the epoch before, or with a new database.
    """
    facts: dict[str, object] = {"epoch": wanted.epoch, "database": wanted.database}
    try:
        refusal = _refusal(ledger, wanted, earlier, replica)
        if not refusal and not ledger.put_claim(wanted):
            owner = ledger.claim(wanted.epoch)
            refusal = {"owner": owner and owner.database}
    except (LedgerUnreadableError, InstanceUnknownError, TooLateError) as error:
        say("not claimed", reason=str(error), **facts)
        return FAILURE
    if refusal:
        say("refused", **refusal, **facts)
        return REFUSED
    say("claimed", **facts)
    return SUCCESS


def _refusal(
    ledger: JobLedger, wanted: Claim, earlier: Sequence[DatabaseId], replica: OwnInstance | None
) -> dict[str, object]:
    """The reason for which the epoch must not be claimed; empty if it may be."""
    before = ledger.claim_before(wanted.epoch, Deadline.after(_SECONDS)) if earlier else None
    if before is not None and before.database != earlier[before.epoch - 1]:
        named = earlier[before.epoch - 1]
        return {"reason": f"{before.database} has claimed epoch {before.epoch}, and the timeline names {named}"}
    if replica is None:
        return {}
    if not replica.exists():
        return {"reason": f"{replica.identifier} does not exist: it was never built, or is deleted"}
    later = ledger.claim_after(wanted.epoch)
    return {"reason": f"epoch {later.epoch} is claimed by {later.database} already"} if later is not None else {}


def main(environment: Mapping[str, str]) -> int:
    """Claim an epoch once. Reads EPOCH, EARLIER, DATABASE, PROMOTES, AWS_REGION and LEDGER_TABLE."""
    reader = Reader(environment)
    place, epoch, promotes = reader.place(), int(reader.number("EPOCH")), reader.flag("PROMOTES")
    earlier = reader.databases("EARLIER")
    reader.done()
    if len(earlier) not in (0, epoch - 1):
        raise SettingError(f"EARLIER names {len(earlier)} databases, expected {epoch - 1}")
    replica = OwnInstance.connect(place) if promotes else None
    return claim(JobLedger.connect(place.region, place.ledger_table), Claim(epoch, place.database), earlier, replica)
