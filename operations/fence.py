"""The fence: it stops writes and traffic of a site whose epoch has ended, without an operator.

Every few seconds it compares the newest claim in the ledger with the site's own database. It acts only on positive
evidence: a claim that names another database. A ledger that cannot be read changes nothing, because a broken dependency
must not stop a healthy region. The newest claim decides in both directions: a database that was drained for a handover,
and a replica that copied its read-only setting, take writes again when the newest claim names them.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from operations.database import DatabaseUnreachableError, OwnDatabase, Session
from operations.environment import Place, Reader
from operations.exit_codes import SUCCESS
from operations.job import until_stopped
from operations.ledger import Claim, HandoverRecord, JobLedger, LedgerUnreadableError
from operations.log import say
from operations.switch import OwnSwitch, SwitchUnreachableError


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
    switch: OwnSwitch
    drain: bool = False
    """Whether the site was asked to drain."""
    _closing: bool = field(default=False, init=False)
    """Whether closing was interrupted. New sessions are read-only then, but older ones may still write."""

    def look(self) -> Standing:
        """Compare, act, and return the resulting standing. Repeating it changes nothing."""
        try:
            claim = self.ledger.newest_claim()
            if claim is None:
                return Standing.UNKNOWN
            self._release_traffic(claim)
            with self.database.session() as session:
                return self._settle(claim, session)
        except (LedgerUnreadableError, DatabaseUnreachableError) as error:
            say("look failed", problem=str(error))
            return Standing.UNKNOWN

    def _release_traffic(self, claim: Claim) -> None:
        """Delete the takeover object. This comes first, so that a failing database does not keep the traffic here."""
        if claim.database.site == self.place.site:
            return
        try:
            if self.switch.release():
                say("traffic released", epoch=claim.epoch, leader=claim.database)
        except SwitchUnreachableError as error:
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
        if read_only and not self._resume(claim, session):
            return Standing.DRAINED
        return Standing.LEADS

    def _drain(self, claim: Claim, session: Session) -> None:
        recorded = self.ledger.handover_record(claim.epoch)
        if recorded is not None and session.is_read_only():
            return
        self._close(session)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        handover = HandoverRecord(claim.epoch, claim.database, session.written_to(), now)
        if self.ledger.note(handover):
            say("drained", epoch=claim.epoch, position=handover.position)

    def _close(self, session: Session) -> None:
        self._closing = True
        session.close_writes()
        self._closing = False

    def _resume(self, claim: Claim, session: Session) -> bool:
        """Open the database, unless the other site has taken the handover record. Returns whether it is open.

        The record is withdrawn before writes start: its position would no longer be the last one.
        """
        recorded = self.ledger.handover_record(claim.epoch)
        if recorded is not None and not self.ledger.withdraw(recorded):
            say("handover is taken", epoch=claim.epoch, taker=recorded.taker)
            return False
        session.open_writes()
        say("writes resumed", epoch=claim.epoch, leader=claim.database)
        return True


def main(environment: Mapping[str, str]) -> int:
    """Check until a signal arrives. Touches ALIVE_FILE after each check, for the pod's probes."""
    reader = Reader(environment)
    place, address, drain = reader.place(), reader.address(), reader.flag("DRAIN")
    bucket, seconds = reader.text("SWITCH_BUCKET"), reader.number("FENCE_SECONDS")
    alive, port = Path(reader.text("ALIVE_FILE")), int(reader.number("METRICS_PORT"))
    reader.done()
    fence = Fence(
        place,
        JobLedger.connect(place.region, place.ledger_table),
        OwnDatabase(address),
        OwnSwitch.connect(place.region, bucket),
        drain,
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
