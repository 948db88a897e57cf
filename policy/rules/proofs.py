"""Rules on the proof of what a recovery uses: tested copies, an alert for each risk, and the fence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from components.kube.jobs import FENCE
from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, site_rule
from policy.rules.buckets import BUCKET, EXPIRY, LOCK, REPLICATION, access_logs, is_in_another_region, settings
from policy.rules.callers import environment
from policy.rules.databases import INSTANCE
from policy.rules.independence import RULES_OBJECT, alerting_rules
from policy.rules.ledger import TABLE
from policy.rules.workloads import CRON_JOB, DEPLOYMENT, is_placeholder, pod
from recovery.naming import LEDGER_CRON_JOB, RESTORE_CHECK_CRON_JOB

PROVED_BY = {INSTANCE: RESTORE_CHECK_CRON_JOB, TABLE: LEDGER_CRON_JOB}
"""The job that restores or reads the copies of each kind of data."""
REPLICA_ALERTS = ("DatabaseReplicationBehind", "UserDataObjectiveAtRisk")
BACKUP_ALERTS = ("BackupMissing", "BackupNotProved", "BackupsUnknown")
STREAM = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
_BACKUPS = "docs/backups.md"
_REGION = re.compile(r"[?&]region=([a-z0-9-]+)")


@site_rule(
    "site-copy-proved",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(D)", "164.308(a)(7)(ii)(A)"),
        remediation="Declare the CronJob that tests the copies, and let it read a locked bucket in the other region.",
        reference=f"{_BACKUPS}; NIST SP 800-34, 'Test, training and exercise'",
        incident="gitlab-2017",
    ),
)
def copy_proved(site: Site) -> Iterator[tuple[Resource, str]]:
    """The copies of each kind of data are read back every day, from a locked bucket in the other region."""
    jobs = {job.get("metadata", "name"): job for job in site.of(CRON_JOB)}
    for type_, name in PROVED_BY.items():
        for resource in site.of(type_):
            job = jobs.get(name)
            if job is None:
                yield resource, f"no CronJob {name} tests its copies"
                continue
            if job.get("spec", "suspend"):
                yield job, "spec.suspend is true, expected false"
            yield from _locked_copy(site, job)


def _locked_copy(site: Site, job: Resource) -> Iterator[tuple[Resource, str]]:
    variables = environment(site, str((pod(job) or {}).get("serviceAccountName")))
    name, region = variables.get("COPY_BUCKET"), variables.get("COPY_REGION")
    for bucket in site.of(BUCKET):
        if bucket.get("bucket") == name and is_in_another_region(site, bucket):
            if not settings(site, bucket, LOCK):
                yield bucket, "it has no lock, and its copies count as proof"
            if region != bucket.get("region"):
                yield job, f"COPY_REGION is {region}, expected {bucket.get('region')}"
            return
    if UNKNOWN not in (name, region):
        yield job, f"COPY_BUCKET is {name}, expected a bucket of this site in the other region"


def _logs(site: Site) -> set[str]:
    """The buckets of logs, and their copies."""
    streams = {urn for entry in site.of(STREAM) for urn in entry.links.get("extendedS3Configuration", ())}
    written = streams | access_logs(site)
    copied = [entry for entry in site.of(REPLICATION) if written & set(entry.links.get("bucket", ()))]
    return written | {urn for entry in copied for urn in entry.links.get("rules", ())}


@site_rule(
    "site-retention-by-class",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(A)", "164.312(b)", "164.312(c)(1)"),
        remediation="Let objects expire after the shortest time of their class of data, or not at all.",
        reference=f"{_BACKUPS}; Amazon S3 User Guide, 'Managing the lifecycle of objects'",
        incident="unisuper-2024",
    ),
)
def retention_by_class(
    site: Site, *, phi_days: int = 35, credentials_days: int = 35, operational_days: int = 365
) -> Iterator[tuple[Resource, str]]:
    """Data is kept as long as its class needs: backups until the last proof is old, logs for a year."""
    shortest = {"phi": phi_days, "credentials": credentials_days, "operational": operational_days}
    traces = _logs(site)
    for bucket in site.of(BUCKET):
        floor = operational_days if bucket.urn in traces else shortest.get(str(bucket.get("tags", "lifeline:data")))
        for entry in settings(site, bucket, EXPIRY) if floor else ():
            for rule in entry.items("rules"):
                days: Any = (rule.get("expiration") or {}).get("days")
                if rule.get("status") == "Enabled" and isinstance(days, int) and days < (floor or 0):
                    yield bucket, f"objects of {rule.get('id')} expire after {days} days, expected at least {floor}"


@site_rule(
    "site-fence-runs",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Declare the fence with two pods, which look for a newer claim at least every ten seconds.",
        reference="docs/adr/0008-the-newest-claim-decides-who-writes.md",
        incident="gitlab-2017",
    ),
)
def fence_runs(site: Site, *, minimum_pods: int = 2, maximum_seconds: int = 10) -> Iterator[tuple[Resource, str]]:
    """A superseded leader stops writing within seconds: the fence runs at each site that has a database."""
    fences = [entry for entry in site.of(DEPLOYMENT) if entry.get("metadata", "name") == FENCE]
    if not fences:
        yield from ((instance, "no fence watches it") for instance in site.of(INSTANCE))
    for fence in fences:
        replicas: Any = fence.get("spec", "replicas")
        if not isinstance(replicas, int) or replicas < minimum_pods:
            yield fence, f"spec.replicas is {replicas}, expected at least {minimum_pods}"
        seconds = str(environment(site, FENCE).get("FENCE_SECONDS"))
        if not seconds.isdigit() or int(seconds) > maximum_seconds:
            yield fence, f"FENCE_SECONDS is {seconds}, expected at most {maximum_seconds}"


@site_rule(
    "prometheus-rule-each-risk",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)", "164.312(b)", "90 FR 898 (proposed): 48 hours"),
        remediation="Declare an alert for each tier, each daily job, the replica and the backups, which pages.",
        reference="docs/alerts.md",
        incident="gitlab-2017",
    ),
)
def each_risk(site: Site) -> Iterator[tuple[Resource, str]]:
    """Each tier, daily job, replica and backup has an alert that fires when it fails."""
    alerts = [rule for entry in site.of(RULES_OBJECT) for rule in alerting_rules(entry)]
    names = {rule["alert"] for rule in alerts}
    tiers = {(rule.get("labels") or {}).get("tier") for rule in alerts}
    jobs = {(rule.get("labels") or {}).get("cronjob") for rule in alerts if rule["alert"] == "JobOverdue"}
    for deployment in site.of(DEPLOYMENT):
        tier = deployment.get("metadata", "labels", "lifeline/tier")
        if tier in ("crisis", "hotline", "core") and tier not in tiers and not is_placeholder(deployment):
            yield deployment, f"no alert is about its tier, {tier}"
    for job in site.of(CRON_JOB):
        if job.get("metadata", "name") not in jobs:
            yield job, f"no alert says that {job.get('metadata', 'name')} did not run"
    for instance in site.of(INSTANCE):
        missing = [name for name in (*REPLICA_ALERTS, *BACKUP_ALERTS) if name not in names]
        if missing:
            yield instance, f"no alert {', '.join(missing)}"


@site_rule(
    "site-state-own-region",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(C)"),
        remediation="Name a key in the site's own region in `secretsprovider`, and the site's own state bucket.",
        reference="Pulumi documentation, 'Secrets', 'AWS Key Management Service (KMS)'",
        incident="aws-2025-10",
    ),
)
def state_own_region(site: Site) -> Iterator[tuple[Resource, str]]:
    """The stack's secrets and its state can be read while every other region is lost."""
    stack = site.place
    region = _REGION.search(site.secrets_key or "")
    if (site.secrets_key or "").startswith("awskms:") and (region is None or region[1] != site.region):
        yield stack, f"secretsprovider is {site.secrets_key}, expected a key in {site.region}"
    for job in site.of(CRON_JOB):
        variables = environment(site, str((pod(job) or {}).get("serviceAccountName")))
        bucket = variables.get("STATE_BUCKET")
        if isinstance(bucket, str) and not bucket.endswith(f"-{site.name}-state"):
            yield job, f"STATE_BUCKET is {bucket}, expected the bucket of {site.name}"


RULES = (copy_proved, retention_by_class, fence_runs, each_risk, state_own_region)
