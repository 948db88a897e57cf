"""Backups in scenarios: the CronJobs' own commands, and the replication that S3 would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operations.manifest import Manifest, manifest_key
from procedures.checks import Check
from recovery.naming import (
    BACKUP_CRON_JOB,
    DATABASE_NAME,
    RESTORE_CHECK_CRON_JOB,
    RESTORE_JOB,
    backup_bucket,
    copy_name,
    database_identifier,
)
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.scenarios.actions import Reporter
from rehearsal.scenarios.losses import users_in


@dataclass(frozen=True)
class Night:
    """The backup of one night."""

    manifest: Manifest
    users: frozenset[str]
    """The ids of the users that were committed before it began."""
    proof: Mapping[str, Any]
    """The record of the restore check."""


def archive_crisis_events(environment: Environment, site: SiteWorld) -> None:
    """Add earlier crisis events, which the platform has archived from the ledger: a dump without any is suspect."""
    with environment.postgres[database_identifier(site.config.own_database)].connect() as connection:
        connection.execute("INSERT INTO crisis_events SELECT 'earlier-' || n, 'ml' FROM generate_series(1, 40) AS n")


def back_up_and_prove(environment: Environment, reporter: Reporter, site: SiteWorld) -> Night:
    """Run the backup's CronJob, let S3 replicate, and run the restore check, which reads the copy.

    Raises:
        ApiError: if a job fails.
    """
    users = users_in(environment, site)
    pods = environment.pods_of(site)
    written = pods.run_cron_job(BACKUP_CRON_JOB)[-1]
    reporter.say(f"{BACKUP_CRON_JOB}: {written['name']}, {written['rows']} rows")
    copied = environment.replicate_buckets()
    reporter.say(f"S3 replication (modelled): {', '.join(copied)}")
    proof = pods.run_cron_job(RESTORE_CHECK_CRON_JOB)[-1]
    reporter.say(f"{RESTORE_CHECK_CRON_JOB}: {proof['backup']} of {proof['bucket']} restored in {proof['seconds']} s")
    bucket = copy_name(backup_bucket(site.name, account=site.config.account), site.config.copies.generation)
    manifest = Manifest.parse(environment.console.text(bucket, manifest_key(written["name"])))
    return Night(manifest, frozenset(users), proof)


def restore_checks(environment: Environment, site: SiteWorld, night: Night, restored: set[str]) -> tuple[Check, ...]:
    """Compare a database that was restored from the night's dump with the night.

    The Job counts with integrity-check.sql before any other pod knows the database.
    """
    line = environment.pods_of(site).log(f"{RESTORE_JOB}-{site.config.own_database.epoch}")[-1]
    counts = {table: (line["rows"].get(table), rows) for table, rows in night.manifest.contents.rows.items()}
    differing = {table: pair for table, pair in counts.items() if pair[0] != pair[1]}
    return (
        Check(
            "the copy in the other region was proved by a restore",
            passed=not night.proof["problems"] and night.proof["backup"] == night.manifest.name,
            detail=f"{night.proof['rows']} rows of {night.proof['bucket']}",
        ),
        Check(
            f"integrity-check.sql counts in {DATABASE_NAME} what the dump contained",
            passed=not differing and not line["differences"],
            detail=", ".join(f"{table} {rows}" for table, (rows, _) in sorted(counts.items())),
        ),
        Check(
            "every user of that night is restored from the dump",
            passed=night.users <= restored and len(night.users) > 0,
            detail=f"{len(night.users)} users then, {len(night.users & restored)} of them restored",
        ),
    )
