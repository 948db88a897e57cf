"""Rules on what a site depends on: during a recovery, on nothing outside its own region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from policy.model import Resource, Site
from policy.rule import About, Severity, site_rule
from policy.rules.databases import INSTANCE, is_delayed
from recovery.naming import site_host

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
RULES_OBJECT = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
RELEASE = "kubernetes:helm.sh/v3:Release"
WORKLOADS = ("kubernetes:apps/v1:Deployment", "kubernetes:core/v1:ConfigMap", RELEASE)
PLAN_ALERTS = ("CompleteSystemFailure", "CrisisSystemDown", "DatabaseCompleteFailure")
OTHERS = ("us-east-1", "us-east-2", "us-west-1", "us-west-2")


@site_rule(
    "site-workload-own-region",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Let pods use services, images and charts of the site's own region only.",
        reference="AWS Fault Isolation Boundaries, 'Static stability'",
        incident="aws-2025-10",
    ),
)
def workload_own_region(site: Site) -> Iterator[tuple[Resource, str]]:
    """No pod needs another region to start or to work."""
    foreign = [region for region in OTHERS if region != site.region]
    for resource in site.of(*WORKLOADS):
        inputs = dict(resource.inputs)
        # The store of metrics is in the other region on purpose: Prometheus works without it.
        text = json.dumps(_without(inputs, "remoteWrite"), default=str)
        for region in foreign:
            if f".{region}." in text or f'"{region}"' in text:
                yield resource, f"it names {region}, expected {site.region} only"


def _without(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _without(entry, key) for name, entry in value.items() if name != key}
    return [_without(entry, key) for entry in value] if isinstance(value, list) else value


@site_rule(
    "rds-replica-from-elsewhere",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Replicate from the other site's region, under a key of this region.",
        reference="Amazon RDS User Guide, 'Creating a read replica in a different AWS Region'",
        incident="unisuper-2024",
    ),
)
def replica_from_elsewhere(site: Site) -> Iterator[tuple[Resource, str]]:
    """A replica that may lead is in another region than its source, with a key of its own region."""
    for instance in site.of(INSTANCE):
        source, key = instance.get("replicateSourceDb"), instance.get("kmsKeyId")
        if is_delayed(instance):
            continue
        if isinstance(source, str) and (not source.startswith("arn:") or f":{site.region}:" in source):
            yield instance, f"replicateSourceDb is {source}, expected a database in another region"
        if isinstance(key, str) and f":{site.region}:" not in key:
            yield instance, f"kmsKeyId is {key}, expected a key in {site.region}"


@site_rule(
    "cloudwatch-alarm-every-database",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)", "164.312(b)"),
        remediation="Declare alarms on silence, storage and lag for each database, with a topic.",
        reference="docs/alarms.md",
        incident="roblox-2021",
        also=("CKV_AWS_319",),
    ),
)
def alarm_for_every_database(site: Site) -> Iterator[tuple[Resource, str]]:
    """A database that fails is reported also when the cluster is dead."""
    watched: dict[Any, set[Any]] = {}
    for alarm in site.of(ALARM):
        watched.setdefault(alarm.get("dimensions", "DBInstanceIdentifier"), set()).add(alarm.get("metricName"))
        if not alarm.items("alarmActions") or alarm.get("actionsEnabled") is False:
            yield alarm, "alarmActions reach no one"
    for instance in site.of(INSTANCE):
        needed = {"DatabaseConnections", "FreeStorageSpace", *(() if is_delayed(instance) else ("ReplicaLag",))}
        missing = needed - watched.get(instance.get("identifier"), set())
        if missing:
            yield instance, f"no alarm watches {', '.join(sorted(missing))}"


def alerting_rules(rules: Resource) -> list[Any]:
    """The alerts in an object of rules, which has recordings besides."""
    return [rule for group in rules.items("spec", "groups") for rule in group.get("rules") or () if "alert" in rule]


@site_rule(
    "prometheus-rule-plan-alerts",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(C)", "90 FR 898 (proposed): 24 hours"),
        remediation="Declare the plan's three alerts, each with its page, and the Watchdog.",
        reference="docs/alerts.md",
        incident="roblox-2021",
    ),
)
def plan_alerts(site: Site) -> Iterator[tuple[Resource, str]]:
    """The plan's alerts exist, each alert has its page, and a watchdog reports the death of the monitoring."""
    for rules in site.of(RULES_OBJECT):
        alerts = alerting_rules(rules)
        names = {rule["alert"] for rule in alerts}
        for name in (*PLAN_ALERTS, "Watchdog"):
            if name not in names:
                yield rules, f"the alert {name} is missing"
        for rule in alerts:
            address = str((rule.get("annotations") or {}).get("runbook_url", ""))
            if not address.endswith(f"/{rule['alert'].lower()}"):
                yield rules, f"runbook_url of {rule['alert']} is {address or 'not set'}, expected its page"
    if not site.of(RULES_OBJECT):
        yield site.place, "the site declares no PrometheusRule"


@site_rule(
    "prometheus-probe-watches-the-peer",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Probe the other site's own name, over HTTPS.",
        reference="docs/alerts.md",
        incident="roblox-2021",
    ),
)
def probes_the_peer(site: Site) -> Iterator[tuple[Resource, str]]:
    """Each site watches the other one, because a dead site cannot report its own death."""
    probes = site.of("kubernetes:monitoring.coreos.com/v1:Probe")
    targets = [str(entry) for probe in probes for entry in probe.items("spec", "targets", "staticConfig", "static")]
    own = site_host(site.name, "")
    domain_targets = [target for target in targets if target.startswith("https://")]
    peers = [target for target in domain_targets if _is_a_site(target) and not target.startswith(f"https://{own}")]
    if probes and not peers:
        yield probes[0], "no probe asks the other site's own name"
    for target in targets:
        if not target.startswith("https://"):
            yield probes[0], f"the probe of {target} does not use TLS"


def _is_a_site(target: str) -> bool:
    host = target.removeprefix("https://").partition("/")[0]
    return host.count(".") >= 2 and not host.startswith(("api.", "www."))


RULES = (
    workload_own_region,
    replica_from_elsewhere,
    alarm_for_every_database,
    plan_alerts,
    probes_the_peer,
)
