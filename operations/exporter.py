"""Write the heartbeat, and export what a recovery depends on as metrics for Prometheus.

The heartbeat is one row, written every minute at the leader. Its age in any database is the data that would be lost
with the leader now. It also keeps a replica of an idle leader from looking late.

The backups are read from the bucket and not reported by the jobs: a job that never ran, or a cluster that was away,
reports nothing, and the bucket shows it. Nothing is pushed, so no gateway keeps an old success alive.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from operations.backup_store import BackupStore, StoreError
from operations.database import OwnDatabase
from operations.environment import Place, Reader
from operations.exit_codes import SUCCESS
from operations.job import until_stopped
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.log import say
from operations.session import DatabaseUnreachableError

BACKUP_SECONDS = 300.0
"""The time between two looks at the bucket."""


class Metrics:
    """The metrics. One that cannot be measured now is NaN, so a stale value never looks fresh."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, prefix: str = "lifeline_") -> Gauge:
            made = Gauge(f"{prefix}{name}", text, registry=registry)
            made.set(math.nan)
            return made

        # The name that the exporter of the Prometheus community gives it, so that its dashboards fit.
        self.answers = gauge("pg_up", "1 if this site's database answered the last check, else 0", prefix="")
        self.heartbeat_age = gauge("heartbeat_age_seconds", "Age of the leader's newest heartbeat in this database")
        self.leads = gauge("database_leads", "1 if the newest claim names this site's database, else 0")
        self.checked = gauge("heartbeat_checked_timestamp_seconds", "Time of the last check that read the database")
        self.newest = gauge("backup_newest_timestamp_seconds", "Time of the newest backup, suspect or not")
        self.offered = gauge("backup_offered_timestamp_seconds", "Time of the newest backup that may be restored")
        self.proved = gauge("backup_proved_timestamp_seconds", "Time of the newest backup that a restore has proved")
        self.listed = gauge("backup_listed_timestamp_seconds", "Time at which the bucket was read last")


@dataclass
class Exporter:
    """The heartbeat and the metrics of one site."""

    place: Place
    ledger: JobLedger
    database: OwnDatabase
    store: BackupStore
    metrics: Metrics
    now: Callable[[], float] = time.time
    _next_listing: float = field(default=0.0, init=False)

    def look(self) -> None:
        """Write the heartbeat if this database leads, and measure. An error is logged, and its metrics are NaN."""
        self._beat()
        if self.now() >= self._next_listing:
            self._next_listing = self.now() + BACKUP_SECONDS
            self._list_backups()

    def _beat(self) -> None:
        metrics, leads = self.metrics, self._leads()
        try:
            with self.database.session() as session:
                if leads and not session.follows() and session.is_open():
                    session.write_heartbeat(str(self.place.database))
                metrics.heartbeat_age.set(session.heartbeat_age())
            metrics.answers.set(1)
            metrics.checked.set(self.now())
        except DatabaseUnreachableError as error:
            metrics.answers.set(0)
            metrics.heartbeat_age.set(math.nan)
            say("heartbeat failed", problem=str(error))

    def _leads(self) -> bool:
        """Whether the newest claim names this site's database. False if the ledger does not answer."""
        try:
            claim = self.ledger.newest_claim()
        except LedgerUnreadableError as error:
            self.metrics.leads.set(math.nan)
            say("claims not read", problem=str(error))
            return False
        leads = claim is not None and claim.database == self.place.database
        self.metrics.leads.set(int(leads))
        return leads

    def _list_backups(self) -> None:
        metrics = self.metrics
        try:
            newest = next(self.store.manifests(), None)
            offered = next(self.store.offered(), None)
            proved = next((entry for entry in self.store.manifests() if self.store.is_proved(entry.name)), None)
            moments = (newest, offered, proved)
            for gauge, entry in zip((metrics.newest, metrics.offered, metrics.proved), moments, strict=True):
                gauge.set(entry.moment.timestamp() if entry else math.nan)
            metrics.listed.set(self.now())
        except StoreError as error:
            say("backups not listed", problem=str(error))


def main(environment: Mapping[str, str]) -> int:
    """Run until the pod ends.

    Reads BACKUP_BUCKET, METRICS_PORT, HEARTBEAT_SECONDS and ALIVE_FILE besides the common settings.
    """
    reader = Reader(environment)
    place, address, bucket = reader.place(), reader.address(), reader.text("BACKUP_BUCKET")
    port, seconds = int(reader.number("METRICS_PORT")), reader.number("HEARTBEAT_SECONDS")
    alive = Path(reader.text("ALIVE_FILE"))
    reader.done()
    registry = CollectorRegistry()
    exporter = Exporter(
        place=place,
        ledger=JobLedger.connect(place.region, place.ledger_table),
        database=OwnDatabase(address, fenced=True),
        store=BackupStore.connect(place.region, bucket),
        metrics=Metrics(registry),
    )
    server, thread = start_http_server(port, registry=registry)
    say("exporting", own=place.database, port=port)
    try:
        until_stopped(exporter.look, seconds=seconds, alive=alive)
    finally:
        server.shutdown()
        thread.join()
    return SUCCESS
