"""Exports and logs in scenarios: the CronJobs' own commands, and the reading of their copies in the other region."""

from __future__ import annotations

import gzip
import json
from typing import Any

from components.database_logs import log_group_name
from operations.ledger_export import items_of
from procedures.checks import Check
from recovery.naming import (
    BACKUP_CONFIGURATION,
    CONFIGURATION_CRON_JOB,
    LEDGER_CRON_JOB,
    LEDGER_KEY,
    LEDGER_RECORDS,
    LOG_EVENTS,
    backup_bucket,
    copy_name,
    database_identifier,
    ledger_bucket,
    log_bucket,
)
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.providers.kubernetes.api import CLUSTER_SCOPED, ApiError, Key, KubernetesApi
from rehearsal.scenarios.actions import Reporter


def export_checks(environment: Environment, reporter: Reporter, site: SiteWorld) -> tuple[Check, ...]:
    """Export the configuration and the ledger, write a line to a log, and read the copies of all three.

    Raises:
        ApiError: if a job fails.
    """
    return (
        *_configuration_checks(environment, reporter, site),
        ledger_check(environment, reporter, site),
        _log_check(environment, site),
    )


def _configuration_checks(environment: Environment, reporter: Reporter, site: SiteWorld) -> tuple[Check, ...]:
    """Run the CronJob that exports the configuration, and apply its copy to an empty cluster.

    Raises:
        ApiError: if the job fails.
    """
    environment.console.save_state(site)
    said = environment.pods_of(site).run_cron_job(CONFIGURATION_CRON_JOB)
    exported = next(line for line in said if line["step"] == "configuration exported")
    reporter.say(f"{CONFIGURATION_CRON_JOB}: {exported['name']}, {exported['objects']} objects")
    environment.replicate_buckets()
    bucket = copy_name(backup_bucket(site.name, account=site.config.account))
    text = environment.console.text(bucket, f"{BACKUP_CONFIGURATION}{exported['name']}/objects.json")
    state = environment.console.text(bucket, f"{BACKUP_CONFIGURATION}{exported['name']}/resources.json")
    refused = _apply_to_empty_cluster(site, json.loads(text)["items"])
    password = environment.postgres[database_identifier(site.config.own_database)].password
    return (
        Check(
            "an empty cluster takes every object of the exported configuration",
            passed=not refused and exported["objects"] > 0,
            detail=f"{exported['objects']} objects" if not refused else "; ".join(refused),
        ),
        Check(
            "the exported configuration contains no secret",
            passed=password not in text + state and '"password": "[secret]"' in state,
            detail=f"{len(json.loads(state))} resources of the stack",
        ),
    )


def ledger_check(environment: Environment, reporter: Reporter, site: SiteWorld) -> Check:
    """Run the CronJob that exports the ledger, and compare the copy of the export with the ledger before it.

    Raises:
        ApiError: if the job fails.
    """
    before = {str(item[LEDGER_KEY]) for item in environment.account.ledger.scan(site.config.ledger_region)}
    said = environment.pods_of(site).run_cron_job(LEDGER_CRON_JOB)
    exported = next(line for line in said if line["step"] == "ledger exported")
    reporter.say(f"{LEDGER_CRON_JOB}: {exported['name']}, {exported['items']} items")
    environment.replicate_buckets()
    copy = environment.console.store(copy_name(ledger_bucket(site.name, account=site.config.account)))
    record = json.loads(copy.text(f"{LEDGER_RECORDS}{exported['name']}.json"))
    copied = {item[LEDGER_KEY]["S"] for item in items_of(copy, record["files"])}
    events = [key for key in before if key.startswith("event#")]
    return Check(
        "the copy of the ledger's export has every crisis event of that moment",
        passed=before <= copied and len(events) > 0,
        detail=f"{len(events)} crisis events then, {len(copied)} items copied",
    )


def _log_check(environment: Environment, site: SiteWorld) -> Check:
    """Moto delivers at once, so this proves the path and not its time."""
    line = "a line of the database's log"
    group = log_group_name(database_identifier(site.config.own_database), "postgresql")
    environment.console.write_log(site, group, line)
    environment.replicate_buckets()
    copy = environment.console.store(copy_name(log_bucket(site.name, account=site.config.account)))
    keys = [key for key in copy.keys(LOG_EVENTS) if line in _unpacked(b"".join(copy.open(key)))]
    return Check("a line of the database's log is in the other region", passed=len(keys) == 1, detail=", ".join(keys))


def _unpacked(content: bytes) -> str:
    return gzip.decompress(content).decode()


def _apply_to_empty_cluster(site: SiteWorld, objects: list[dict[str, Any]]) -> list[str]:
    """Apply a namespace's objects to a cluster that has only cluster-wide objects. Returns the refusals."""
    cluster = KubernetesApi(site.config.cluster.version)
    declared = [entry for kind in (*sorted(CLUSTER_SCOPED), "Release") for entry in site.cluster.list(kind)]
    waiting = [entry for entry in declared if not _exists(cluster, entry)] + objects
    while True:
        refusals = [(entry, reason) for entry in waiting if (reason := _refusal(cluster, entry))]
        # An object may need a later one. Another round helps as long as one more object is taken.
        if not refusals or len(refusals) == len(waiting):
            return [reason for _, reason in refusals]
        waiting = [entry for entry, _ in refusals]


def _exists(cluster: KubernetesApi, entry: dict[str, Any]) -> bool:
    key = Key.of(entry)
    return cluster.get(key.api_version, key.kind, key.name, key.namespace) is not None


def _refusal(cluster: KubernetesApi, entry: dict[str, Any]) -> str:
    try:
        cluster.apply(entry)
    except ApiError as error:
        return str(error)
    return ""
