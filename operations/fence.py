"""The fence: it stops the writes of a site whose epoch has ended, without an operator.

Every few seconds it compares the newest claim in the ledger with the site's own database. It acts only on positive
evidence: a claim that names another database. A ledger that cannot be read changes nothing, because a broken dependency
must not stop a healthy region, unless the site asks for a lease (`lifeline:fence: strict`). The newest claim decides in
both directions: a database that was drained for a handover, and a replica that was promoted closed, take writes again
when the newest claim names them.

A database that it closes for good gets a note in the ledger, with its last position. The wait of a promotion reads it.

When its site has been built for the epoch that it leads, and the database takes writes, the fence writes the epoch's
ready mark. The switches of both sites read it, and the web traffic follows.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from operations import clock
from operations.database import OwnDatabase
from operations.deadline import Deadline, TooLateError
from operations.environment import Place, Reader
from operations.exit_codes import SUCCESS
from operations.job import until_stopped
from operations.ledger import QUICK, JobLedger, LedgerUnreadableError
from operations.log import say
from operations.records import Claim, Closing, HandoverRecord
from operations.session import DatabaseUnreachableError, Session

LOOK_SECONDS = 6.0
"""The limit of one check. Together with the time between two checks it bounds how long a superseded leader writes on:
see `tests/operations/test_fence_bound.py`."""


class Standing(enum.StrEnum):
    """The result of one check, after the fence has acted on it."""

    LEADS = "leads"
    """The newest claim names the site's own database, which takes writes."""
    DRAINED = "drained"
    """The site leads and was asked to drain: its database is read-only, and the handover record is in the ledger."""
    FOLLOWS = "follows"
    """The site's database is a replica and cannot be written."""
    SUPERSEDED = "superseded"
    """A newer claim names another database, so this one is read-only."""
    UNKNOWN = "unknown"
    """The ledger or the database did not answer. Nothing was changed."""


class Metrics:
    """The result of the newest check, for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fenced = Gauge(
            "lifeline_fence_closed", "1 if this site's database is superseded, else 0", registry=registry
        )
        self._seen = Gauge(
            "lifeline_fence_seen_timestamp_seconds",
            "Time of the newest check in which the ledger and the database answered",
            registry=registry,
        )
        self._fenced.set(math.nan)
        self._seen.set(math.nan)

    def show(self, standing: Standing, now: float) -> None:
        """Set them. A check without a result keeps the older one, whose age then shows it."""
        if standing is not Standing.UNKNOWN:
            self._fenced.set(int(standing is Standing.SUPERSEDED))
            self._seen.set(now)


@dataclass
class Fence:
    """One site's fence."""

    place: Place
    ledger: JobLedger
    database: OwnDatabase
    epoch: int
    """The epoch that the site's settings name. They change as the last step of a flip."""
    drain: bool = False
    """Whether the site was asked to drain."""
    lease: float = 0.0
    """The seconds for which a leader takes writes without reading the ledger; 0 if it takes them forever."""
    _marked: int = field(default=0, init=False)
    """The epoch whose ready mark was written."""
    _noted: int = field(default=0, init=False)
    """The newest epoch for which the closing was noted."""

    def look(self) -> Standing:
        """Compare, act, and return the resulting standing. Repeating it changes nothing.

        It lasts at most LOOK_SECONDS, and a call of the ledger more (`operations.ledger.CALL_SECONDS`). After
        LOOK_SECONDS it changes no database. To end a lease, it may last LOOK_SECONDS more.
        """
        began, deadline = clock.monotonic(), Deadline.after(LOOK_SECONDS)
        try:
            claim = self._newest_claim(deadline)
            if claim is None:
                return Standing.UNKNOWN
            with self.database.session(deadline) as session:
                if self.lease and claim.database == self.place.database and not session.follows():
                    session.renew_lease(clock.monotonic() - began)
                return self._settle(claim, session, deadline)
        except (LedgerUnreadableError, DatabaseUnreachableError, TooLateError) as error:
            say("look failed", problem=str(error))
            return Standing.UNKNOWN

    def _newest_claim(self, deadline: Deadline) -> Claim | None:
        try:
            return self.ledger.newest_claim(deadline)
        except (LedgerUnreadableError, TooLateError):
            if self.lease:
                self._give_up_old_lease()
            raise

    def _give_up_old_lease(self) -> None:
        """Close a leader that has not read the ledger for longer than its lease: it may be superseded.

        It gets a time limit of its own, because the ledger may have used up that of the look.
        """
        with self.database.session(Deadline.after(LOOK_SECONDS)) as session:
            if session.follows() or session.lease_age() <= self.lease:
                return
            if session.close_writes(session.decided()):
                say("lease is over", own=self.place.database, seconds=self.lease)

    def _settle(self, claim: Claim, session: Session, deadline: Deadline) -> Standing:
        if session.follows():
            return Standing.FOLLOWS
        if claim.database != self.place.database:
            if session.close_writes(claim.epoch):
                say("fenced", epoch=claim.epoch, leader=claim.database, own=self.place.database)
            self._note_closing(claim, session, deadline)
            return Standing.SUPERSEDED
        if self.drain:
            self._drain(claim, session)
            return Standing.DRAINED
        if not session.is_open() and not self._resume(claim, session):
            return Standing.DRAINED
        self._mark_ready(claim)
        return Standing.LEADS

    def _note_closing(self, newest: Claim, session: Session, deadline: Deadline) -> None:
        """Note where this leader stopped, once: the promotion of another one waits until its replica has everything."""
        if self._noted == newest.epoch:
            return
        led = self.ledger.claim_before(newest.epoch, deadline, of=self.place.database)
        if led is not None:
            closing = Closing(led.epoch, led.database, session.written_to(), clock.now())
            if self.ledger.note_closing(closing):
                say("closing noted", epoch=closing.epoch, position=closing.position)
        self._noted = newest.epoch

    def _mark_ready(self, claim: Claim) -> None:
        """Let the traffic follow, once. Not before the workloads have the new role: the settings name another epoch."""
        if claim.epoch != self.epoch or claim.epoch == self._marked:
            return
        self.ledger.mark_ready(claim, clock.now())
        self._marked = claim.epoch
        say("ready", epoch=claim.epoch, leader=claim.database)

    def _drain(self, claim: Claim, session: Session) -> None:
        recorded = self.ledger.handover_record(claim.epoch)
        if recorded is not None and session.is_closed():
            return
        session.close_writes(claim.epoch)
        handover = HandoverRecord(claim.epoch, claim.database, session.written_to(), clock.now())
        if self.ledger.note(handover):
            say("drained", epoch=claim.epoch, position=handover.position)

    def _resume(self, claim: Claim, session: Session) -> bool:
        """Open the database, unless the other site has taken the handover record. Returns whether it is open.

        The record is withdrawn before writes start: its position would no longer be the last one.
        """
        recorded = self.ledger.handover_record(claim.epoch)
        if recorded is not None and not self.ledger.withdraw(recorded):
            say("handover is taken", epoch=claim.epoch, taker=recorded.taker)
            return False
        session.open_writes(claim.epoch)
        say("writes resumed", epoch=claim.epoch, leader=claim.database)
        return True


def main(environment: Mapping[str, str]) -> int:
    """Check until a signal arrives. Touches ALIVE_FILE after each check, for the pod's probes."""
    reader = Reader(environment)
    place, address, drain = reader.place(), reader.address(), reader.flag("DRAIN")
    epoch, seconds = int(reader.number("EPOCH")), reader.number("FENCE_SECONDS")
    lease = reader.number("LEASE_SECONDS", 0.0)
    alive, port = Path(reader.text("ALIVE_FILE")), int(reader.number("METRICS_PORT"))
    reader.done()
    fence = Fence(
        place,
        JobLedger.connect(place.region, place.ledger_table, QUICK),
        OwnDatabase(address),
        epoch,
        drain,
        lease,
    )
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    before: Standing | None = None

    def look() -> None:
        nonlocal before
        standing = fence.look()
        metrics.show(standing, time.time())
        if standing is not before:
            say("standing", own=place.database, standing=standing)
            before = standing

    server, thread = start_http_server(port, registry=registry)
    try:
        until_stopped(look, seconds=seconds, alive=alive)
    finally:
        server.shutdown()
        thread.join()
    return SUCCESS
