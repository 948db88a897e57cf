"""The fence: a site whose epoch is over stops taking writes and traffic, also when nobody is there.

Every few seconds it compares the newest claim in the ledger with the site's own database, and acts on positive evidence
alone: a claim that names another database. A ledger that cannot be read changes nothing, for a broken dependency must
not stop a healthy region. The newest claim decides in both directions, so that a database which was drained for a
handover, and with it the replica that copied its settings, takes writes again once the newest claim names it.
"""

from __future__ import annotations

import enum
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from operations.database import DatabaseUnreachable, OwnDatabase, Session
from operations.environment import Place, Reader
from operations.ledger import Claim, Handover, JobLedger, LedgerUnreadable
from operations.log import say
from operations.switch import OwnSwitch, SwitchUnreachable


class Standing(enum.StrEnum):
    """What a look found, after acting on it."""

    LEADS = "leads"
    """The newest claim names the site's own database: it takes writes."""
    DRAINED = "drained"
    """It leads, and was asked to stop for a handover: it is read-only, and its last position is in the ledger."""
    FOLLOWS = "follows"
    """A replica: it cannot be written."""
    SUPERSEDED = "superseded"
    """A newer claim names another database: this one is read-only."""
    UNKNOWN = "unknown"
    """The ledger or the database did not answer: nothing was changed."""


@dataclass
class Fence:
    """One site's fence."""

    place: Place
    ledger: JobLedger
    database: OwnDatabase
    switch: OwnSwitch
    drain: bool = False
    """Whether the site was asked to hand over."""
    _closing: bool = field(default=False, init=False)
    """Whether closing broke off: new sessions are read-only then, and older ones may still write."""

    def look(self) -> Standing:
        """Compare, act, and say what holds now. Doing it again changes nothing."""
        try:
            claim = self.ledger.newest_claim()
            if claim is None:
                return Standing.UNKNOWN
            self._give_traffic_back(claim)
            with self.database.session() as session:
                return self._settle(claim, session)
        except (LedgerUnreadable, DatabaseUnreachable) as error:
            say("look failed", problem=str(error))
            return Standing.UNKNOWN

    def _give_traffic_back(self, claim: Claim) -> None:
        """Traffic is freed first: a database that does not answer must not keep it here, nor a switch the writes."""
        if claim.database.site == self.place.site:
            return
        try:
            if self.switch.release():
                say("traffic released", epoch=claim.epoch, leader=claim.database)
        except SwitchUnreachable as error:
            say("traffic not released", problem=str(error))

    def _settle(self, claim: Claim, session: Session) -> Standing:
        if session.follows():
            return Standing.FOLLOWS
        read_only = session.is_read_only()
        if claim.database != self.place.database:
            if self._closing or not read_only:
                self._close(session)
                say("fenced", epoch=claim.epoch, leader=claim.database, own=self.place.database)
            return Standing.SUPERSEDED
        if self.drain:
            self._drain(claim, session)
            return Standing.DRAINED
        if read_only:
            self._resume(claim, session)
        return Standing.LEADS

    def _drain(self, claim: Claim, session: Session) -> None:
        recorded = self.ledger.handover(claim.epoch)
        if recorded is not None and session.is_read_only():
            return
        self._close(session)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        handover = Handover(claim.epoch, claim.database, session.written_to(), now)
        self.ledger.record(handover)
        say("drained", epoch=claim.epoch, position=handover.position)

    def _close(self, session: Session) -> None:
        self._closing = True
        session.close_writes()
        self._closing = False

    def _resume(self, claim: Claim, session: Session) -> None:
        """The token goes before the writes come: a position that is no longer the last one must not be handed over."""
        recorded = self.ledger.handover(claim.epoch)
        if recorded is not None:
            self.ledger.record(recorded, withdrawn=True)
        session.open_writes()
        say("writes resumed", epoch=claim.epoch, leader=claim.database)


def main(environment: Mapping[str, str]) -> int:
    """Look until told to stop. ALIVE_FILE is touched after each look, for a probe of the cluster's."""
    reader = Reader(environment)
    place, address, drain = reader.place(), reader.address(), reader.flag("DRAIN")
    bucket, seconds = reader.text("SWITCH_BUCKET"), reader.number("FENCE_SECONDS")
    alive = Path(reader.text("ALIVE_FILE"))
    reader.done()
    fence = Fence(
        place,
        JobLedger.connect(place.region, place.ledger_table),
        OwnDatabase(address),
        OwnSwitch.connect(place.region, bucket),
        drain,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    before: Standing | None = None
    while not stop.is_set():
        standing = fence.look()
        alive.touch()
        if standing is not before:
            say("standing", own=place.database, standing=standing)
            before = standing
        stop.wait(seconds)
    return 0
