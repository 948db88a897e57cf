"""Every transition from one legal state of a site to the next: its exact steps, and that it deletes no data."""

from __future__ import annotations

from typing import Any

import pytest

from engine.computed import computed_id
from engine.deployment import Step
from engine.diff import steps_between
from engine.registration import urn
from tests import modes, moved, rebuilt
from tests.adopted import ADOPTED, CERTIFICATE, GLOBAL_COMPONENTS, GLOBALS
from tests.harness import FAILED_BACK, FAILED_OVER, PRIMARY_LEADS, deploy

TAKEN = ("primary-1", "secondary-1", "primary-2", "secondary-3")
RESTORED = ("primary-1", "primary-2")
DISCARDED = ("primary-1", "secondary-1", "primary-1")
LATE_ALARMS = ("database-silent", "database-storage-low")
STANDBY = [
    "update apps/v1:Deployment fence-pods",
    "update core/v1:ConfigMap platform-config",
    "update apps/v1:Deployment platform-backend",
    "update apps/v1:Deployment platform-frontend",
    "update apps/v1:Deployment platform-placeholder",
    "update autoscaling/v2:HorizontalPodAutoscaler platform-backend-autoscaler",
    "update autoscaling/v2:HorizontalPodAutoscaler platform-frontend-autoscaler",
]
"""The changes of a site's workloads when the site takes or loses the lead."""


ALARMS = ("database-replica-lag", "database-silent", "database-storage-low")


def database(number: int) -> list[str]:
    """The steps that add one database with its surroundings."""
    name = f"database-{number}"
    return [
        f"create cloudwatch/logGroup:LogGroup {name}-logs-postgresql",
        f"create cloudwatch/logGroup:LogGroup {name}-logs-upgrade",
        f"create cloudwatch/logSubscriptionFilter:LogSubscriptionFilter logs-{name}-postgresql-subscription",
        f"create cloudwatch/logSubscriptionFilter:LogSubscriptionFilter logs-{name}-upgrade-subscription",
        *(f"create cloudwatch/metricAlarm:MetricAlarm alarms-{name}-{alarm}" for alarm in ALARMS),
        f"create ec2/securityGroup:SecurityGroup {name}-network-clients",
        f"create ec2/securityGroup:SecurityGroup {name}-network-reconciliation",
        f"create iam/role:Role {name}-monitoring-role",
        f"create iam/rolePolicyAttachment:RolePolicyAttachment {name}-monitoring-policy",
        f"create index:Database {name}",
        f"create index:DatabaseLogs {name}-logs",
        f"create index:DatabaseNetwork {name}-network",
        f"create index:MetricAlarms alarms-{name}",
        f"create index:MonitoringRole {name}-monitoring",
        f"create rds/instance:Instance {name}-instance",
        f"create rds/parameterGroup:ParameterGroup {name}-parameters",
        f"create rds/subnetGroup:SubnetGroup {name}-network-subnets",
        f"create vpc/securityGroupIngressRule:SecurityGroupIngressRule {name}-network-from-clients",
    ]


DRAINED = [
    "update core/v1:ConfigMap platform-config",
    "update apps/v1:Deployment fence-pods",
    "update apps/v1:Deployment platform-backend",
    "update apps/v1:Deployment platform-frontend",
]
MOVED = [
    "update core/v1:ConfigMap platform-config",
    "update apps/v1:Deployment exporter-pods",
    "update apps/v1:Deployment fence-pods",
    "update apps/v1:Deployment platform-backend",
]
"""The site's own database changes, so every pod that reads its host name restarts."""

FILLED = ["create batch/v1:Job restore-2-job", "create batch/v1:Job roles-2", "create index:DumpRestore restore-2"]
"""A new database begins empty, gets its roles, and is filled from a dump."""

RECONCILERS = "vpc/securityGroupIngressRule:SecurityGroupIngressRule database-1-network-from-reconcilers"
"""The rule that lets pods reach a fenced database, to compare its rows."""

FORMER_VERSIONS = {
    f"replace secretsmanager/secretVersion:SecretVersion {name}-version"
    for name in ("password", "application-password")
}
"""The state forgets the former version of a secret, and Secrets Manager keeps it (tests/components/test_secrets.py)."""

READERS = (
    "backend",
    "fence",
    "handover",
    "postgresql-backup",
    "promotion-snapshot",
    "promotion-wait",
    "recovery-exporter",
    "restore",
    "roles",
)
KEY_USERS = [f"update iam/rolePolicy:RolePolicy {name}-identity-policy" for name in READERS]
"""The roles of pods that mount a password: the key of its secret is the stack's own, or none of its own."""
ZONE = "lifeline:index:Zone$aws:route53/zone:Zone"
ZONE_ID = computed_id(ZONE.partition("$")[2], urn("primary", "lifeline", "", ZONE, "zone-zone"), {})
"""The zone that the first stack made, in a recording."""
LOST = {"lostSites": {"primary": "us-east-2"}, "primaryRecord": "tertiary"}
NEW_PEER = {"peer": {"site": "tertiary", "region": "us-east-2", "cidr": "10.30.0.0/16"}, **LOST}

TRANSITIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[str]]] = {
    "failover": (
        "secondary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": FAILED_OVER},
        [
            "create batch/v1:Job claims-epoch-2-secondary-1",
            "create batch/v1:Job promotion-wait-2",
            "update rds/instance:Instance database-1-instance",
            *STANDBY,
        ],
    ),
    "the old leader learns that it is fenced": (
        "primary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": FAILED_OVER},
        ["update rds/instance:Instance database-1-instance", *STANDBY],
    ),
    "reseed": (
        "primary",
        {"timeline": FAILED_OVER},
        {"timeline": FAILED_OVER, "database": {"seeded": 2}},
        [*database(2), *MOVED],
    ),
    "drain": (
        "primary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": PRIMARY_LEADS, "switchover": {"drain": 1}},
        DRAINED,
    ),
    "another password of the application": (
        "primary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": PRIMARY_LEADS, "database": {"applicationPassword": 2}},
        [
            "create index/randomPassword:RandomPassword application-password-random-2",
            "replace secretsmanager/secretVersion:SecretVersion application-password-version",
        ],
    ),
    "another password of the owner": (
        "primary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": PRIMARY_LEADS, "database": {"ownerPassword": 2}},
        [
            "create index/randomPassword:RandomPassword password-random-2",
            "replace secretsmanager/secretVersion:SecretVersion password-version",
            "update rds/instance:Instance database-1-instance",
        ],
    ),
    "drain taken back": (
        "primary",
        {"timeline": PRIMARY_LEADS, "switchover": {"drain": 1}},
        {"timeline": PRIMARY_LEADS},
        DRAINED,
    ),
    "switchover": (
        "secondary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": FAILED_OVER, "switchover": {"take": 2}},
        [
            "create index:Handover handover-2",
            "create batch/v1:Job handover-2-job",
            "create batch/v1:Job claims-epoch-2-secondary-1",
            "create batch/v1:Job promotion-wait-2",
            "update rds/instance:Instance database-1-instance",
            *STANDBY,
        ],
    ),
    "a drained leader learns that it is fenced": (
        "primary",
        {"timeline": PRIMARY_LEADS, "switchover": {"drain": 1}},
        {"timeline": FAILED_OVER, "switchover": {"drain": 1}},
        ["update rds/instance:Instance database-1-instance", *STANDBY],
    ),
    "failback": (
        "primary",
        {"timeline": FAILED_OVER, "database": {"seeded": 2}},
        {"timeline": FAILED_BACK, "database": {"seeded": 2}},
        [
            "create batch/v1:Job claims-epoch-3-primary-2",
            "create batch/v1:Job promotion-wait-3",
            "update rds/instance:Instance database-2-instance",
            *STANDBY,
        ],
    ),
    "switchover back": (
        "primary",
        {"timeline": FAILED_OVER, "database": {"seeded": 2}},
        {"timeline": FAILED_BACK, "database": {"seeded": 2}, "switchover": {"take": 3}},
        [
            "create index:Handover handover-3",
            "create batch/v1:Job handover-3-job",
            "create batch/v1:Job claims-epoch-3-primary-2",
            "create batch/v1:Job promotion-wait-3",
            "update rds/instance:Instance database-2-instance",
            *STANDBY,
        ],
    ),
    "failback seen from the other site": (
        "secondary",
        {"timeline": FAILED_OVER},
        {"timeline": FAILED_BACK},
        [
            "update rds/instance:Instance database-1-instance",
            *STANDBY,
        ],
    ),
    "second failover": (
        "secondary",
        {"timeline": FAILED_BACK, "database": {"seeded": 3}},
        {"timeline": TAKEN, "database": {"seeded": 3}},
        [
            "create batch/v1:Job claims-epoch-4-secondary-3",
            "create batch/v1:Job promotion-wait-4",
            "update rds/instance:Instance database-3-instance",
            *STANDBY,
        ],
    ),
    "restore in place": (
        "primary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": RESTORED, "database": {"seeded": 2, "restores": [{"epoch": 2, "pointInTime": "latest"}]}},
        [
            "create batch/v1:Job claims-epoch-2-primary-2",
            "update rds/instance:Instance database-1-instance",
            *database(2),
            *MOVED,
            "update apps/v1:Deployment platform-frontend",
        ],
    ),
    "restore in place from a dump": (
        "primary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": RESTORED, "database": {"seeded": 2, "restores": [{"epoch": 2, "dump": "latest"}]}},
        [
            "create batch/v1:Job claims-epoch-2-primary-2",
            "update rds/instance:Instance database-1-instance",
            *database(2),
            *FILLED,
            *MOVED,
            "update apps/v1:Deployment platform-frontend",
        ],
    ),
    "restore seen from the other site": (
        "secondary",
        {"timeline": PRIMARY_LEADS},
        {"timeline": RESTORED},
        [
            "update rds/instance:Instance database-1-instance",
            "update core/v1:ConfigMap platform-config",
            "update apps/v1:Deployment fence-pods",
            "update apps/v1:Deployment platform-backend",
            "update apps/v1:Deployment platform-frontend",
        ],
    ),
    "reseed of a stale replica": (
        "secondary",
        {"timeline": RESTORED},
        {"timeline": RESTORED, "database": {"seeded": 2, "kept": [1]}},
        [*database(2), *MOVED],
    ),
    "reconciliation begins": (
        "primary",
        {"timeline": FAILED_OVER, "database": {"seeded": 2}},
        {"timeline": FAILED_OVER, "database": {"seeded": 2, "reconciled": [1]}},
        [f"create {RECONCILERS}"],
    ),
    "reconciliation ends": (
        "primary",
        {"timeline": FAILED_OVER, "database": {"seeded": 2, "reconciled": [1]}},
        {"timeline": FAILED_OVER, "database": {"seeded": 2}},
        [f"delete {RECONCILERS}"],
    ),
    "a delayed replica": (
        "primary",
        {},
        {"database": {"delayed": {"epoch": 1}}},
        [
            *(f"create cloudwatch/logGroup:LogGroup delayed-1-logs-{export}" for export in ("postgresql", "upgrade")),
            *(f"create cloudwatch/metricAlarm:MetricAlarm alarms-delayed-1-{name}" for name in LATE_ALARMS),
            "create iam/role:Role delayed-1-monitoring-role",
            "create iam/rolePolicyAttachment:RolePolicyAttachment delayed-1-monitoring-policy",
            "create index:DatabaseLogs delayed-1-logs",
            "create index:DelayedReplica delayed-1",
            "create index:MetricAlarms alarms-delayed-1",
            "create index:MonitoringRole delayed-1-monitoring",
            "create rds/instance:Instance delayed-1-instance",
            "create rds/parameterGroup:ParameterGroup delayed-1-parameters",
        ],
    ),
    "deletion is allowed": (
        "primary",
        {"timeline": FAILED_OVER, "database": {"seeded": 2}},
        {"timeline": FAILED_OVER, "database": {"seeded": 2, "unprotected": [1]}},
        ["update rds/instance:Instance database-1-instance"],
    ),
    "the global resources are released": (
        "primary",
        {"timeline": FAILED_OVER},
        {"timeline": FAILED_OVER, "globals": "release"},
        [],
    ),
    "the global resources are adopted": (
        "secondary",
        {"timeline": FAILED_OVER},
        {"timeline": FAILED_OVER, "globals": "adopt", "adopted": ADOPTED},
        [
            *(f"create {component}" for component in GLOBAL_COMPONENTS),
            *(f"create {resource}" for resource in CERTIFICATE),
            *(f"import {resource}" for resource in GLOBALS),
            *KEY_USERS,
        ],
    ),
    "an adopter waits with the ledger": (
        "secondary",
        {"timeline": FAILED_OVER, "globals": "adopt", "adopted": {**ADOPTED, "ledger": "later"}},
        {"timeline": FAILED_OVER, "globals": "adopt", "adopted": ADOPTED},
        ["create index:Ledger ledger", "import dynamodb/table:Table ledger-table"],
    ),
    "the global resources are left": (
        "primary",
        {"timeline": FAILED_OVER, "globals": "release"},
        {"timeline": FAILED_OVER, "globals": "left", "zoneId": ZONE_ID},
        [
            *(f"delete {component}" for component in GLOBAL_COMPONENTS),
            *(f"forget {resource}" for resource in (*GLOBALS, *CERTIFICATE)),
            *(f"forget index/randomPassword:RandomPassword {n}-random" for n in ("application-password", "password")),
        ],
    ),
    "another password of an adopter": (
        "secondary",
        {"timeline": FAILED_OVER, "globals": "own", "adopted": ADOPTED},
        {"timeline": FAILED_OVER, "globals": "own", "adopted": ADOPTED, "database": {"applicationPassword": 2}},
        [
            "create index/randomPassword:RandomPassword application-password-random-2",
            "replace secretsmanager/secretVersion:SecretVersion application-password-version",
        ],
    ),
    "the users' data is restored from the dump of a lost site": (
        rebuilt.NAME,
        {"timeline": rebuilt.EMPTY, **rebuilt.SITE},
        {"timeline": rebuilt.FILLED, **rebuilt.WITH_DATA},
        [
            "create batch/v1:Job claims-epoch-3-tertiary-3",
            *(step.replace("-2", "-3") for step in FILLED),
            "update rds/instance:Instance database-2-instance",
            *MOVED,
            "update apps/v1:Deployment platform-frontend",
            *database(3),
        ],
    ),
    "a new peer": (
        "secondary",
        {"timeline": FAILED_OVER},
        {"timeline": FAILED_OVER, **NEW_PEER},
        [
            *(f"update {entry}" for entry in moved.WITH_ENDPOINTS),
            "update apps/v1:Deployment canary-pods",
            "update iam/rolePolicy:RolePolicy restore-identity-policy",
            "update monitoring.coreos.com/v1:Probe monitoring-probe-peer",
        ],
    ),
    "the copies are released": (
        "secondary",
        {"timeline": FAILED_OVER},
        {"timeline": FAILED_OVER, **moved.RELEASED},
        [],
    ),
    "the copies move to another region": (
        "secondary",
        {"timeline": FAILED_OVER, **moved.RELEASED},
        {"timeline": FAILED_OVER, **moved.MOVED},
        moved.STEPS,
    ),
    "discard": (
        "primary",
        {"timeline": FAILED_OVER},
        {"timeline": DISCARDED, "discards": [2]},
        [
            "create batch/v1:Job claims-epoch-3-primary-1",
            "update rds/instance:Instance database-1-instance",
            *STANDBY,
        ],
    ),
    **modes.TRANSITIONS,
}
TRANSITIONS["failover in an emergency"] = (
    "secondary",
    {"timeline": PRIMARY_LEADS, "emergency": modes.ANYWHERE},
    {"timeline": FAILED_OVER, "emergency": modes.ANYWHERE},
    TRANSITIONS["failover"][3],
)


def short(step: Step) -> str:
    return f"{step.op} {step.type.split(':', 1)[1]} {step.name}"


def steps(stack: str, before: dict[str, Any], after: dict[str, Any]) -> list[Step]:
    return steps_between(deploy(stack, **before), deploy(stack, **after))


@pytest.mark.parametrize(("stack", "before", "after", "expected"), TRANSITIONS.values(), ids=TRANSITIONS)
def test_a_transition_takes_exactly_these_steps(
    stack: str, before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    assert sorted(map(short, steps(stack, before, after))) == sorted(expected)


@pytest.mark.parametrize(("stack", "before", "after", "expected"), TRANSITIONS.values(), ids=TRANSITIONS)
def test_no_transition_deletes_or_replaces_what_holds_data(
    stack: str, before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    resources = {short(step) for step in steps(stack, before, after) if step.op in ("delete", "replace")}
    state_only = {f"delete {component}" for component in (*GLOBAL_COMPONENTS, *moved.components(1))}
    assert resources <= {f"delete {RECONCILERS}", f"delete {modes.PAGE}", *FORMER_VERSIONS, *state_only}


def test_a_build_creates_everything_and_nothing_else() -> None:
    resources = steps_between([], deploy("secondary"))
    assert {step.op for step in resources} == {"create"}
    assert len(resources) == len(deploy("secondary"))


def test_a_fenced_database_is_unprotected_by_one_edit_and_deleted_by_the_next() -> None:
    allowed = deploy("primary", FAILED_OVER, database={"seeded": 2, "unprotected": [1]})
    guards = {entry.name: entry.protect for entry in allowed if entry.type == "aws:rds/instance:Instance"}
    assert guards == {"database-1-instance": False, "database-2-instance": True}
    changed = steps_between(deploy("primary", FAILED_OVER, database={"seeded": 2}), allowed)
    assert [step.keys for step in changed] == [("deletionProtection",)]


def test_retiring_takes_away_one_fenced_database_and_the_engine_refuses_while_it_is_protected() -> None:
    """Deletion is a second decision: `unprotected` allows it first."""
    before = deploy("primary", FAILED_BACK, database={"seeded": 2})
    after = deploy("primary", FAILED_BACK, database={"seeded": 2, "retired": [1]})
    resources = sorted(map(short, steps_between(before, after)))
    roles = "create batch/v1:Job roles-1"
    copy = "create rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication database-copies-1"
    assert resources == sorted(step.replace("create", "delete", 1) for step in [*database(1), copy, roles])
    gone = {entry.urn for entry in before} - {entry.urn for entry in after}
    guarded = [entry.type for entry in before if entry.urn in gone and entry.protect]
    assert guarded == ["aws:rds/instance:Instance"]
