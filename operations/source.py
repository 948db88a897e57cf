"""Whether a database is the right one to back up: the leader, or a replica of it that has caught up."""

from __future__ import annotations

from dataclasses import dataclass

from operations.environment import Place
from operations.job import JobRefusedError
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.session import Session

LEADER = "leader"
REPLICA = "replica"
BEHIND_SECONDS = 300.0
"""A replica that is further behind is not backed up."""


class SourceRefusedError(JobRefusedError):
    """The database must not be backed up: it does not have the platform's present data."""


@dataclass(frozen=True)
class Source:
    """The role of the database, and the epoch of the newest claim."""

    role: str
    epoch: int


def require_source(place: Place, ledger: JobLedger, session: Session) -> Source:
    """The role in which the site's own database is backed up.

    Raises:
        SourceRefusedError: if it is fenced, stale, behind, or not promoted yet.
        LedgerUnreadableError: if the ledger does not answer, or no epoch was claimed.
        DatabaseUnreachableError: if the database does not answer.
    """
    claim = ledger.newest_claim()
    if claim is None:
        raise LedgerUnreadableError("no epoch was claimed")
    follows = session.follows()
    if claim.database == place.database:
        if follows:
            raise SourceRefusedError(f"{place.database} is to lead epoch {claim.epoch} and is not promoted yet")
        return Source(LEADER, claim.epoch)
    if not follows:
        raise SourceRefusedError(f"{place.database} is fenced: {claim.database} leads epoch {claim.epoch}")
    seeded_from = ledger.claim(place.database.epoch)
    if seeded_from is None or seeded_from.database != claim.database:
        raise SourceRefusedError(f"{place.database} is stale: it does not follow {claim.database}")
    if not session.has_caught_up(BEHIND_SECONDS):
        raise SourceRefusedError(f"{place.database} has lost its leader, or is more than {BEHIND_SECONDS:g} s behind")
    return Source(REPLICA, claim.epoch)
