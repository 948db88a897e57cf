"""Restore the newest backup of the copy in the other region into a server in this pod, and compare the two.

A check that passes proves the backup, its replication and the keys. One that fails is recorded too, and the job goes on
with the backup before it, so that a good one is known. A fault of the surroundings proves nothing and is not recorded.

Exit codes: 0 the newest backup passed, 1 it failed or the check could not be made, 2 a wrong setting, 3 the disk is too
small.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from operations import contents, postgres_programs
from operations.backup_store import FAILED, PASSED, BackupStore, CorruptDumpError, TooLargeError
from operations.environment import DatabaseAddress, Reader
from operations.exit_codes import FAILURE, SUCCESS
from operations.job import JobFailedError, exit_code
from operations.log import say
from operations.manifest import Manifest, backup_name
from operations.postgres_programs import ProgramError
from operations.scratch import scratch_server
from recovery.naming import BACKUP_CHECKS

TRIES = 3
"""The most backups that one job restores."""
SPACE = 1.2
"""A restored database may need more space than the original, because its indexes are new and its log is kept."""
_SKEW = timedelta(minutes=1)
_SURROUNDINGS = re.compile(r"No space left|could not extend|could not write|File too large|connection to server")


class InconclusiveError(JobFailedError):
    """The check could not be made. It says nothing about the backup."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of restoring one backup."""

    backup: str
    bucket: str
    checked_at: str
    """In UTC, ISO 8601."""
    taken_at: str
    problems: tuple[str, ...]
    seconds: float
    """The time from the first byte to the end of the comparison: the least time that a restore takes."""
    rows: int
    """The rows of all tables in the manifest."""

    @property
    def passed(self) -> bool:
        """Whether the restored database is the one of the manifest."""
        return not self.problems

    @property
    def key(self) -> str:
        """The key of the record. It ends in the result, so that a listing tells it."""
        name = backup_name(datetime.fromisoformat(self.checked_at), secrets.token_hex(4))
        return f"{BACKUP_CHECKS}{self.backup}/{name}-{PASSED if self.passed else FAILED}.json"


@dataclass(frozen=True, kw_only=True)
class RestoreCheck:
    """The check of the newest backups in a copy."""

    copy: BackupStore
    """The bucket in the other region, which is read."""
    records: BackupStore
    """The site's own bucket, which the results are written to."""
    server: Callable[[], AbstractContextManager[DatabaseAddress]]
    """Starts an empty server."""
    free_bytes: Callable[[], int]
    oldest: timedelta
    """The greatest age that the newest backup may have."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> bool:
        """Check backups, the newest first, until one passes. Returns whether the newest passed and is young enough.

        Raises:
            TooLargeError: if the disk is too small.
            InconclusiveError, OSError, ProgramError, StoreError, psycopg.Error: if a check could not be made.
        """
        good = (manifest for manifest in self.copy.manifests() if not manifest.suspect)
        candidates = list(itertools.islice(good, TRIES))
        if not candidates:
            say("no backup", bucket=self.copy.bucket)
            return False
        young = self._is_young(candidates[0])
        for manifest in candidates:
            verdict = self._check(manifest)
            self.records.write(verdict.key, json.dumps(asdict(verdict), indent=1) + "\n")
            say("backup checked", **asdict(verdict), passed=verdict.passed)
            if verdict.passed:
                return young and manifest is candidates[0]
        say("no good backup", tried=[manifest.name for manifest in candidates])
        return False

    def _is_young(self, newest: Manifest) -> bool:
        age = self.clock() - newest.moment
        if age < -_SKEW:
            raise InconclusiveError(
                f"{newest.name} is from the future: compare the clocks of this pod and the database"
            )
        if age > self.oldest:
            say("newest backup is too old", backup=newest.name, age_seconds=int(age.total_seconds()))
        return age <= self.oldest

    def _check(self, manifest: Manifest) -> Verdict:
        needed, free = int(manifest.database_bytes * SPACE), self.free_bytes()
        if needed > free:
            raise TooLargeError(f"{manifest.name} needs {needed} bytes of disk, {free} are free")
        say("restore began", backup=manifest.name, bytes=manifest.dump_bytes)
        began = time.monotonic()
        with self.server() as address:
            problems = self._problems(manifest, address)
        return Verdict(
            backup=manifest.name,
            bucket=self.copy.bucket,
            checked_at=self.clock().isoformat(timespec="microseconds"),
            taken_at=manifest.taken_at,
            problems=problems,
            seconds=round(time.monotonic() - began, 3),
            rows=manifest.contents.total_rows,
        )

    def _problems(self, manifest: Manifest, address: DatabaseAddress) -> tuple[str, ...]:
        with postgres_programs.client_environment(address) as environment:
            try:
                postgres_programs.restore(environment, self.copy.dump(manifest))
            except CorruptDumpError as error:
                return (str(error),)
            except ProgramError as error:
                if _SURROUNDINGS.search(str(error)):
                    raise InconclusiveError(str(error)) from error
                return (str(error),)
        with psycopg.connect(address.conninfo()) as connection:
            return manifest.contents.differences(contents.read(connection))


def main(environment: Mapping[str, str]) -> int:
    """Check the newest backup.

    Reads AWS_REGION, BACKUP_BUCKET, COPY_BUCKET, COPY_REGION, SCRATCH_FOLDER, OLDEST_SECONDS and DEADLINE_SECONDS.
    """
    reader = Reader(environment)
    own, copy = reader.text("BACKUP_BUCKET"), reader.text("COPY_BUCKET")
    region, copy_region = reader.text("AWS_REGION"), reader.text("COPY_REGION")
    scratch, oldest = Path(reader.text("SCRATCH_FOLDER")), reader.number("OLDEST_SECONDS")
    seconds = reader.number("DEADLINE_SECONDS")
    reader.done()
    check = RestoreCheck(
        copy=BackupStore.connect(copy_region, copy),
        records=BackupStore.connect(region, own),
        server=lambda: scratch_server(scratch),
        free_bytes=lambda: shutil.disk_usage(scratch).free,
        oldest=timedelta(seconds=oldest),
    )
    return exit_code("check", lambda: SUCCESS if check.run() else FAILURE, seconds=seconds)
