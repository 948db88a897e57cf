"""Dump the site's own database into the site's backup bucket, and write what the dump contains.

The dump is streamed: it needs no disk, and the same memory whatever its size. The manifest is written last. A dump that
has much less than the last good one is suspect: it is kept and not offered for a restore, and the job fails.

Exit codes: 0 success, 1 failure (try again), 2 a wrong setting, 3 the database must not be dumped, or the dump is
suspect.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg

from operations import contents, postgres_programs
from operations.backup_store import BackupStore, part_bytes
from operations.contents import WATCHED, Contents
from operations.database import OwnDatabase
from operations.environment import DatabaseAddress, Place, Reader
from operations.exit_codes import REFUSED, SUCCESS
from operations.job import JobFailedError, exit_code, uninterrupted
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.log import say
from operations.manifest import Manifest, backup_name, dump_key
from operations.postgres_programs import Dump, ProgramError
from operations.retry import patiently
from operations.session import DatabaseUnreachableError
from operations.source import Source, SourceRefusedError, require_source

SKEW_SECONDS = 60.0
"""AWS refuses a request that is more than 15 minutes off; the order of backups needs more than that."""
_SESSION = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c default_transaction_read_only=on"


class BackupError(JobFailedError):
    """The backup cannot be trusted, or cannot be made now."""


@dataclass(frozen=True, kw_only=True)
class Floors:
    """The least that a backup must contain."""

    rows: int
    """The least number of rows in each watched table."""
    ratio: float
    """The least part of the rows and of the bytes of the last good backup, such as 0.8."""

    def reasons(self, manifest: Manifest, last: Manifest | None) -> Iterator[str]:
        """Why a backup is suspect."""
        rows = manifest.contents.rows
        for table in WATCHED:
            if rows.get(table, 0) < self.rows:
                yield f"{table} has {rows.get(table, 0)} rows, expected at least {self.rows}"
        if last is None:
            return
        before = last.contents.rows
        compared = [(f"rows of {table}", before.get(table, 0), rows.get(table, 0)) for table in WATCHED]
        compared.append(("rows of all tables", last.contents.total_rows, manifest.contents.total_rows))
        compared.append(("bytes of the dump", last.dump_bytes, manifest.dump_bytes))
        for what, then, now in compared:
            if now < then * self.ratio:
                yield f"{what}: {now} instead of {then} in {last.name}"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The server at the time of the snapshot."""

    position: str
    moment: datetime
    server: str
    client: str
    bytes: int
    snapshot: str
    """The identifier of the snapshot, which the dump uses too."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup."""

    place: Place
    ledger: JobLedger
    address: DatabaseAddress
    store: BackupStore
    floors: Floors
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> Manifest:
        """Make the backup and return its manifest, which may be suspect.

        Raises:
            SourceRefusedError, TooLargeError: if this database is not to be dumped.
            BackupError, ConnectionError, OSError, ProgramError, psycopg.Error: if the backup fails.
        """
        source = patiently(self._source, LedgerUnreadableError, DatabaseUnreachableError)
        last = next(self.store.offered(), None)
        with psycopg.connect(self.address.conninfo(), options=_SESSION) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            facts = self._facts(connection)
            self._require_order(facts.moment, last)
            name = backup_name(facts.moment, secrets.token_hex(4))
            say("backup began", name=name, database=self.place.database, role=source.role, bytes=facts.bytes)
            counted, dump = self._dump(connection, name, facts)
        manifest = self._manifest(name, source, facts, counted, dump)
        self._require_stored(manifest)
        manifest = replace(manifest, suspect=tuple(self.floors.reasons(manifest, last)))
        self.store.write(manifest.key, manifest.to_json())
        say("manifest written", name=name, suspect=manifest.suspect, rows=counted.total_rows)
        return manifest

    def _source(self) -> Source:
        with OwnDatabase(self.address).session() as session:
            return require_source(self.place, self.ledger, session)

    def _facts(self, connection: contents.Connection) -> Facts:
        row = connection.execute(
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text,"
            " clock_timestamp(), current_setting('server_version'), pg_database_size(current_database()),"
            " pg_export_snapshot()"
        ).fetchone()
        assert row is not None, "a query without a table has one row"
        position, moment, server, size, snapshot = row
        client = postgres_programs.version("pg_dump")
        facts = Facts(position=position, moment=moment, server=server, client=client, bytes=size, snapshot=snapshot)
        skew = abs((self.clock() - facts.moment).total_seconds())
        if skew > SKEW_SECONDS:
            raise BackupError(f"the clocks of this pod and of the database differ by {skew:.0f} s")
        if postgres_programs.major_version(client) != postgres_programs.major_version(server):
            raise SourceRefusedError(f"pg_dump has version {client}, the server {server}: their majors must be equal")
        return facts

    def _require_order(self, moment: datetime, last: Manifest | None) -> None:
        if last is not None and last.moment > moment + timedelta(seconds=SKEW_SECONDS):
            raise BackupError(f"the last good backup is of {last.taken_at}, after the time of the database")

    def _dump(self, connection: contents.Connection, name: str, facts: Facts) -> tuple[Contents, Dump]:
        """Upload the dump, and read the contents of the same snapshot meanwhile."""
        part, reading = part_bytes(facts.bytes), None
        with (
            postgres_programs.client_environment(self.address) as environment,
            Dump(environment, facts.snapshot) as dump,
            ThreadPoolExecutor(1) as pool,
        ):
            try:
                with uninterrupted():
                    reading = pool.submit(contents.read, connection)
                self.store.upload(dump, dump_key(name), part)
                say("dump uploaded", name=name, bytes=dump.bytes, entries=dump.entries)
                return reading.result(), dump
            except ProgramError as error:
                # A query that fails ends the transaction, and with it the snapshot that the dump needs.
                raise (reading.exception() if reading and reading.done() else None) or error from None
            finally:
                _cancel(reading, connection)

    def _manifest(self, name: str, source: Source, facts: Facts, counted: Contents, dump: Dump) -> Manifest:
        return Manifest(
            name=name,
            database=str(self.place.database),
            role=source.role,
            epoch=source.epoch,
            taken_at=facts.moment.astimezone(UTC).isoformat(timespec="microseconds"),
            position=facts.position,
            server_version=facts.server,
            client_version=facts.client,
            database_bytes=facts.bytes,
            dump_bytes=dump.bytes,
            sha256=dump.sha256,
            entries=dump.entries,
            contents=counted,
        )

    def _require_stored(self, manifest: Manifest) -> None:
        stored = self.store.stored(manifest.dump_key)
        if stored.bytes != manifest.dump_bytes:
            raise BackupError(f"the bucket has {stored.bytes} bytes of a dump of {manifest.dump_bytes}")
        if stored.locked_until is None:
            raise BackupError(f"the bucket {self.store.bucket} does not lock its objects")


def _cancel(reading: Future[Contents] | None, connection: contents.Connection) -> None:
    """Cancel the query that runs, until there is none. Between two queries there is nothing to cancel."""
    while reading is not None and not reading.done():
        with suppress(psycopg.Error):  # the next attempt may reach the database
            connection.cancel_safe(timeout=5)
        wait([reading], timeout=0.2)


def main(environment: Mapping[str, str]) -> int:
    """Make one backup.

    Reads BACKUP_BUCKET, MINIMUM_ROWS, MINIMUM_RATIO and DEADLINE_SECONDS besides the common settings.
    """
    reader = Reader(environment)
    place, address, bucket = reader.place(), reader.address(), reader.text("BACKUP_BUCKET")
    floors = Floors(rows=int(reader.number("MINIMUM_ROWS")), ratio=reader.number("MINIMUM_RATIO"))
    seconds = reader.number("DEADLINE_SECONDS")
    reader.done()
    store, ledger = BackupStore.connect(place.region, bucket), JobLedger.connect(place.region, place.ledger_table)
    backup = Backup(place=place, ledger=ledger, address=address, store=store, floors=floors)

    def work() -> int:
        return REFUSED if backup.run().suspect else SUCCESS

    return exit_code("backup", work, seconds=seconds)
