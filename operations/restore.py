"""Fill the site's own empty database from a backup, in one transaction, and compare it with the manifest.

It runs when an epoch begins with a dump (`dump` in `lifeline:database.restores`), and needs only the bucket's region.
If it is interrupted, nothing was restored, and it can run again.

Exit codes: 0 restored (now or earlier), 1 failure (try again), 2 a wrong setting, 3 refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from operations import contents, postgres_programs
from operations.backup_store import BackupStore
from operations.database import OwnDatabase
from operations.environment import DatabaseAddress, Place, Reader
from operations.exit_codes import FAILURE, SUCCESS
from operations.job import JobRefusedError, exit_code
from operations.ledger import JobLedger, LedgerUnreadableError
from operations.log import say
from operations.manifest import Manifest
from operations.retry import patiently
from operations.session import DatabaseUnreachableError
from recovery.naming import LATEST_BACKUP

_OPTIONS = ("--single-transaction", "--no-comments")
"""RDS owns the extensions that it creates, and lets no one else comment on them."""
_EMPTY = (
    "SELECT NOT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE relkind IN ('r', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema')"
    " AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e'))"
)

_NOTE = "restored from "
"""The beginning of the database's comment after a restore. A dump does not contain the comment of its database."""


class RestoreRefusedError(JobRefusedError):
    """The restore would damage data, or there is nothing to restore."""


@dataclass(frozen=True, kw_only=True)
class Restore:
    """One restore."""

    place: Place
    ledger: JobLedger
    address: DatabaseAddress
    store: BackupStore
    backup: str
    """The name of the backup; or `latest`, the newest that is not suspect and failed no check."""

    def run(self) -> bool:
        """Restore, and return whether the database is the one of the manifest.

        Raises:
            RestoreRefusedError: if this database does not lead, is not empty, or there is no such backup.
            ConnectionError, CorruptDumpError, OSError, ProgramError, psycopg.Error: if the restore fails. Then the
                database is as empty as before.
        """
        if earlier := patiently(self._restored_from, psycopg.OperationalError):
            say("restored earlier", backup=earlier)
            return True
        patiently(self._require_leader, LedgerUnreadableError, DatabaseUnreachableError)
        manifest = self._manifest()
        if not self._is_empty():
            return self._is_restored(manifest)
        say("restore began", backup=manifest.name, taken_at=manifest.taken_at, bytes=manifest.dump_bytes)
        with postgres_programs.client_environment(self.address) as environment:
            postgres_programs.restore(environment, self.store.dump(manifest), _OPTIONS)
        return self._compare(manifest)

    def _restored_from(self) -> str:
        """The backup that an earlier run restored. Later changes are the platform's own."""
        with psycopg.connect(self.address.conninfo()) as connection:
            row = connection.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        note = str(row[0] or "") if row else ""
        return note.removeprefix(_NOTE) if note.startswith(_NOTE) else ""

    def _require_leader(self) -> None:
        claim = self.ledger.newest_claim()
        if claim is None or claim.database != self.place.database:
            leader = claim.database if claim else "no database"
            raise RestoreRefusedError(f"{self.place.database} does not lead: the newest claim names {leader}")
        with OwnDatabase(self.address).session() as session:
            if session.follows():
                raise RestoreRefusedError(f"{self.place.database} is a replica")

    def _manifest(self) -> Manifest:
        candidates = self.store.offered() if self.backup == LATEST_BACKUP else self.store.manifests()
        manifest = next((found for found in candidates if self.backup in (LATEST_BACKUP, found.name)), None)
        if manifest is None:
            raise RestoreRefusedError(f"{self.store.bucket} has no backup '{self.backup}'")
        return manifest

    def _is_empty(self) -> bool:
        with psycopg.connect(self.address.conninfo()) as connection:
            row = connection.execute(_EMPTY.encode()).fetchone()
        return bool(row and row[0])

    def _is_restored(self, manifest: Manifest) -> bool:
        """Whether a database that is not empty is restored already.

        Raises:
            RestoreRefusedError: if it has other data.
        """
        if not self._compare(manifest):
            raise RestoreRefusedError("the database is not empty, and its data is not that of the backup")
        return True

    def _compare(self, manifest: Manifest) -> bool:
        with psycopg.connect(self.address.conninfo()) as connection:
            restored = contents.read(connection)
        differences = manifest.contents.differences(restored)
        say("restored", backup=manifest.name, rows=dict(restored.rows), differences=differences)
        if not differences:
            self._note(manifest)
        return not differences

    def _note(self, manifest: Manifest) -> None:
        with psycopg.connect(self.address.conninfo(), autocommit=True) as connection:
            # A setting of our own would need a superuser, which RDS offers to no one.
            connection.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    sql.Identifier(self.address.name), sql.Literal(f"{_NOTE}{manifest.name}")
                )
            )


def main(environment: Mapping[str, str]) -> int:
    """Restore one backup.

    Reads BACKUP, RESTORE_BUCKET, RESTORE_REGION and DEADLINE_SECONDS besides the common settings.
    """
    reader = Reader(environment)
    place, address, backup = reader.place(), reader.address(), reader.text("BACKUP")
    store = (reader.text("RESTORE_REGION"), reader.text("RESTORE_BUCKET"))
    seconds = reader.number("DEADLINE_SECONDS")
    reader.done()
    restore = Restore(
        place=place,
        ledger=JobLedger.connect(place.region, place.ledger_table),
        address=address,
        store=BackupStore.connect(*store),
        backup=backup,
    )
    return exit_code("restore", lambda: SUCCESS if restore.run() else FAILURE, seconds=seconds)
