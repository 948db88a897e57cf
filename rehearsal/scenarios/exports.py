"""The export of the configuration in scenarios: the CronJob's own command, and an empty cluster that takes its copy."""

from __future__ import annotations

import json
from typing import Any

from recovery.naming import BACKUP_CONFIGURATION, CONFIGURATION_CRON_JOB, backup_copy_bucket, database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.providers.kubernetes.api import CLUSTER_SCOPED, ApiError, Key, KubernetesApi
from rehearsal.report import Check
from rehearsal.scenarios.actions import Reporter


def export_checks(environment: Environment, reporter: Reporter, site: SiteWorld) -> tuple[Check, ...]:
    """Run the CronJob that exports the configuration, and apply its copy to an empty cluster.

    Raises:
        ApiError: if the job fails.
    """
    environment.save_state(site)
    said = environment.pods[site.name].run_cron_job(CONFIGURATION_CRON_JOB)
    exported = next(line for line in said if line["step"] == "configuration exported")
    reporter.say(f"{CONFIGURATION_CRON_JOB}: {exported['name']}, {exported['objects']} objects")
    environment.replicate_buckets()
    bucket = backup_copy_bucket(site.name, account=site.config.account)
    text = environment.text(bucket, f"{BACKUP_CONFIGURATION}{exported['name']}/objects.json")
    state = environment.text(bucket, f"{BACKUP_CONFIGURATION}{exported['name']}/resources.json")
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
