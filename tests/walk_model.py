"""A model of the cloud for the random walk: failing regions, databases as sets of writes, a ledger of conditions."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from operations.deadline import Deadline
from operations.instance import AVAILABLE
from operations.ledger import LedgerUnreadableError
from operations.records import Claim, Closing, HandoverRecord
from operations.session import DatabaseUnreachableError
from recovery.timeline import DatabaseId


@dataclass
class Database:
    """The writes in one database, its source, and whether its default makes sessions read-only."""

    writes: set[int] = field(default_factory=set[int])
    source: DatabaseId | None = None
    read_only: bool = False
    decided: int = 0
    """The newest epoch for which a fence has closed or opened it."""
    lease: float = -math.inf
    """When a strict fence of it has last read the ledger."""

    @property
    def takes_writes(self) -> bool:
        return self.source is None and not self.read_only


@dataclass(frozen=True)
class Copies:
    """The locked copies of one night: a dump of the leader, and an export of the ledger."""

    writes: frozenset[int]
    events: frozenset[int]


@dataclass
class Cloud:
    """The shared state. A lost region answers nothing and changes nothing."""

    lost: set[str] = field(default_factory=set[str])
    cut: set[str] = field(default_factory=set[str])
    """The sites that serve, and reach no ledger."""
    now: float = 0.0
    wait: Callable[[], None] = lambda: None
    """Happens while a promotion waits."""
    databases: dict[DatabaseId, Database] = field(default_factory=dict[DatabaseId, Database])
    claims: dict[int, DatabaseId] = field(default_factory=dict[int, DatabaseId])
    handovers: dict[int, HandoverRecord] = field(default_factory=dict[int, HandoverRecord])
    files: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    """The stack file with which an epoch was claimed, which version control still has."""
    closings: dict[int, Closing] = field(default_factory=dict[int, Closing])
    events: set[int] = field(default_factory=set[int])
    ready: dict[int, DatabaseId] = field(default_factory=dict[int, DatabaseId])
    """The databases that were marked as ready, by epoch."""
    gone: dict[str, str] = field(default_factory=dict[str, str])
    """The regions of the sites that are lost for good, by name. They are in `lost` too."""
    copies: Copies | None = None
    reads_at: dict[str, str] = field(default_factory=dict[str, str])
    """The peer in whose region a site uses the ledger, of each site whose own region has no copy of it."""
    has_globals: bool = False
    """Whether the zone, the ledger and the passwords exist."""

    def copy(self) -> Cloud:
        databases = {id_: replace(found, writes=set(found.writes)) for id_, found in self.databases.items()}
        return replace(
            self,
            databases=databases,
            handovers=dict(self.handovers),
            closings=dict(self.closings),
            ready=dict(self.ready),
        )

    def reads(self, site: str) -> bool:
        """Whether the ledger answers a site."""
        return not {site, self.reads_at.get(site)} & (self.lost | self.cut)

    def back_up(self) -> None:
        """Copy the newest leader's database and the ledger, if the leader's region answers."""
        leader = self.claims.get(max(self.claims, default=0))
        if leader in self.databases and leader.site not in self.lost:
            self.copies = Copies(frozenset(self.databases[leader].writes), frozenset(self.events))

    def lose_everything(self, sites: dict[str, str]) -> None:
        """Both regions return with nothing but the copies and the zone, which is global."""
        self.gone |= sites
        self.lost = {*self.gone}
        for stored in (self.databases, self.claims, self.handovers, self.files, self.closings, self.events, self.ready):
            stored.clear()

    def replicate(self) -> None:
        for id_, database in self.databases.items():
            if database.source in self.databases and not {id_.site, database.source.site} & self.lost:
                database.writes |= self.databases[database.source].writes
                database.read_only = self.databases[database.source].read_only
                database.decided = self.databases[database.source].decided
                database.lease = self.databases[database.source].lease


@dataclass
class View:
    """The cloud as the jobs of one site see it: the ledger, the own database."""

    cloud: Cloud
    own: DatabaseId

    def newest_claim(self, _: Deadline | None = None) -> Claim | None:
        self._reach()
        return Claim(max(self.cloud.claims), self.cloud.claims[max(self.cloud.claims)]) if self.cloud.claims else None

    def handover_record(self, epoch: int) -> HandoverRecord | None:
        self._reach()
        return self.cloud.handovers.get(epoch)

    def claim(self, epoch: int) -> Claim | None:
        self._reach()
        return Claim(epoch, self.cloud.claims[epoch]) if epoch in self.cloud.claims else None

    def claim_before(self, epoch: int, _: Deadline, of: DatabaseId | None = None) -> Claim | None:
        self._reach()
        earlier = [led for led, database in self.cloud.claims.items() if led < epoch and of in (None, database)]
        return Claim(max(earlier), self.cloud.claims[max(earlier)]) if earlier else None

    def note_closing(self, closing: Closing) -> bool:
        self._reach()
        assert not self._database.takes_writes, f"{closing.database} takes writes"
        return self.cloud.closings.setdefault(closing.epoch, closing) is closing

    def note(self, handover: HandoverRecord) -> bool:
        self._reach()
        if self._is_taken(handover.epoch):
            return False
        self.cloud.handovers[handover.epoch] = handover
        return True

    def take(self, handover: HandoverRecord, taker: DatabaseId) -> bool:
        self._reach()
        if self.cloud.handovers.get(handover.epoch) not in (handover, replace(handover, taker=taker)):
            return False
        self.cloud.handovers[handover.epoch] = replace(handover, taker=taker)
        return True

    def withdraw(self, handover: HandoverRecord) -> bool:
        self._reach()
        if self._is_taken(handover.epoch):
            return False
        del self.cloud.handovers[handover.epoch]
        return True

    def _is_taken(self, epoch: int) -> bool:
        recorded = self.cloud.handovers.get(epoch)
        return recorded is not None and recorded.taker is not None

    def status(self) -> str:
        self._reach()
        return AVAILABLE

    def mark_ready(self, claim: Claim, _: str) -> None:
        self._reach()
        assert self._database.takes_writes, f"{claim.database} takes no writes"
        self.cloud.ready.setdefault(claim.epoch, claim.database)

    @contextmanager
    def session(self, _: Deadline | None = None) -> Generator[View]:
        if self.own.site in self.cloud.lost or self.own not in self.cloud.databases:
            raise DatabaseUnreachableError(str(self.own))
        yield self

    def follows(self) -> bool:
        return self._database.source is not None

    def is_closed(self) -> bool:
        return self._database.read_only

    def is_open(self) -> bool:
        return not self._database.read_only

    def close_writes(self, epoch: int) -> bool:
        self._decide(epoch)
        closed, self._database.read_only = self._database.read_only, True
        return not closed

    def open_writes(self, epoch: int) -> None:
        self._decide(epoch)
        self._database.read_only = False

    def decided(self) -> int:
        return self._database.decided

    def renew_lease(self, age: float) -> None:
        self._database.lease = self.cloud.now - age

    def lease_age(self) -> float:
        return self.cloud.now - self._database.lease

    def _decide(self, epoch: int) -> None:
        if epoch < self._database.decided:
            raise DatabaseUnreachableError(f"epoch {epoch} is over")
        self._database.decided = epoch

    def written_to(self) -> str:
        return str(len(self._database.writes))

    def replayed(self, position: str) -> bool:
        return len(self._database.writes) >= int(position)

    @property
    def _database(self) -> Database:
        return self.cloud.databases[self.own]

    def _reach(self) -> None:
        if not self.cloud.reads(self.own.site):
            raise LedgerUnreadableError("the region is lost")
