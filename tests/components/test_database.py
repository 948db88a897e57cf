"""The database: the declarations of each role and each birth, and the exact difference between roles."""

import json
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.database import BACKUP_WINDOW, MAINTENANCE_WINDOW, Database, DatabaseArgs
from components.database_parameters import family, parameters
from engine.computed import computed_id
from engine.recorder import record
from engine.registration import Registration
from operations.roles import AUDITED
from recovery import objectives
from recovery.timeline import DatabaseId, DatabaseRole
from tests.harness import site

SOURCE = "arn:aws:rds:us-east-2:123456789012:db:lifeline-primary-1"
KEY = "arn:aws:kms:us-west-2:123456789012:key/database"
LOGS_KEY = "arn:aws:kms:us-west-2:123456789012:key/logs"
CLIENTS = "sg-pods"

SOURCE_ONLY = {"engine", "dbName", "username", "password", "allocatedStorage"}
"""Inputs that RDS refuses for a replica, or whose appearance after a promotion replaces the instance."""


def arguments(role: DatabaseRole, *, born_leader: bool = False, **changes: Any) -> DatabaseArgs:
    follows = role in (DatabaseRole.REPLICA, DatabaseRole.STALE)
    args = DatabaseArgs(
        database=DatabaseId("secondary", 1),
        role=role,
        source_arn=SOURCE if follows else None,
        born_leader=born_leader,
        password="made-up" if born_leader else None,
        engine_version="17.6",
        instance_class="db.r7g.large",
        storage_gib=200,
        max_storage_gib=1000,
        vpc_id="vpc-1",
        subnet_ids=("subnet-1", "subnet-2", "subnet-3"),
        client_security_group_ids={1: CLIENTS},
        key_arn=KEY,
        logs_key_arn=LOGS_KEY,
        protect=True,
        site=site("secondary"),
    )
    return replace(args, **changes)


def registered(role: DatabaseRole, *, born_leader: bool = False, **changes: Any) -> dict[str, Registration]:
    args = arguments(role, born_leader=born_leader, **changes)
    resources = record(lambda: Database("database", args), stack="secondary")
    return {entry.name.removeprefix("database-"): entry for entry in resources if entry.custom}


def instance(role: DatabaseRole, *, born_leader: bool = False, **changes: Any) -> dict[str, Any]:
    return registered(role, born_leader=born_leader, **changes)["instance"].inputs


def difference(before: dict[str, Registration], after: dict[str, Registration]) -> dict[str, set[str]]:
    """The input keys that differ, by resource."""
    assert before.keys() == after.keys()
    changed = {
        name: {
            key
            for key in old.inputs.keys() | after[name].inputs.keys()
            if old.inputs.get(key) != after[name].inputs.get(key)
        }
        for name, old in before.items()
    }
    return {name: keys for name, keys in changed.items() if keys}


def security_group(resources: dict[str, Registration], role: str) -> str:
    group = resources[f"network-{role}"]
    return computed_id(group.type, group.urn, group.inputs)


def test_a_promotion_takes_the_source_away_and_changes_nothing_else():
    replica, leader = registered(DatabaseRole.REPLICA), registered(DatabaseRole.LEADER)
    assert difference(replica, leader) == {"instance": {"replicateSourceDb"}}
    assert replica["instance"].inputs["replicateSourceDb"] == SOURCE
    assert "replicateSourceDb" not in leader["instance"].inputs


@pytest.mark.parametrize("born_leader", [True, False])
def test_fencing_exchanges_the_security_group_and_changes_nothing_else(born_leader):
    leader = registered(DatabaseRole.LEADER, born_leader=born_leader)
    fenced = registered(DatabaseRole.FENCED, born_leader=born_leader)
    assert difference(leader, fenced) == {"instance": {"vpcSecurityGroupIds"}}
    assert leader["instance"].inputs["vpcSecurityGroupIds"] == [security_group(leader, "clients")]
    assert fenced["instance"].inputs["vpcSecurityGroupIds"] == [security_group(fenced, "reconciliation")]


def test_going_stale_gives_up_the_last_snapshot_that_rds_would_refuse_and_changes_nothing_else():
    replica, stale = registered(DatabaseRole.REPLICA), registered(DatabaseRole.STALE)
    assert difference(replica, stale) == {"instance": {"skipFinalSnapshot", "finalSnapshotIdentifier"}}
    assert stale["instance"].inputs["skipFinalSnapshot"] is True


@pytest.mark.parametrize("role", list(DatabaseRole))
def test_a_born_replica_never_declares_what_only_a_source_may_have(role):
    assert instance(role).keys().isdisjoint(SOURCE_ONLY)


def test_a_born_leader_declares_all_of_it():
    inputs = instance(DatabaseRole.LEADER, born_leader=True)
    assert {key: inputs[key] for key in SOURCE_ONLY} == {
        "engine": "postgres",
        "dbName": "mental_health_platform",
        "username": "lifeline",
        "password": "made-up",
        "allocatedStorage": 200,
    }


def test_both_births_differ_in_what_only_a_source_may_have_and_in_nothing_else():
    born = registered(DatabaseRole.LEADER, born_leader=True)
    promoted = registered(DatabaseRole.LEADER)
    assert difference(born, promoted) == {"instance": SOURCE_ONLY}


@pytest.mark.parametrize("role", [DatabaseRole.LEADER, DatabaseRole.REPLICA])
def test_a_replica_is_ready_to_lead_from_its_creation(role):
    inputs = instance(role)
    assert inputs["multiAz"] is True
    assert inputs["backupRetentionPeriod"] == objectives.BACKUP_RETENTION_DAYS == 35
    assert (inputs["storageEncrypted"], inputs["kmsKeyId"]) == (True, KEY)
    assert inputs["instanceClass"] == "db.r7g.large"
    assert (inputs["storageType"], inputs["maxAllocatedStorage"]) == ("gp3", 1000)
    assert inputs["applyImmediately"] is True
    assert inputs["autoMinorVersionUpgrade"] is False


@pytest.mark.parametrize("role", list(DatabaseRole))
def test_no_role_is_public_or_known_by_another_name(role):
    inputs = instance(role)
    assert inputs["publiclyAccessible"] is False
    assert inputs["identifier"] == "lifeline-secondary-1"


def test_deleting_a_leader_leaves_a_snapshot_its_tags_and_its_backups():
    inputs = instance(DatabaseRole.LEADER)
    assert inputs["skipFinalSnapshot"] is False
    assert inputs["finalSnapshotIdentifier"] == "lifeline-secondary-1-final"
    assert inputs["copyTagsToSnapshot"] is True
    assert inputs["deleteAutomatedBackups"] is False


@pytest.mark.parametrize("protect", [True, False])
def test_pulumi_and_rds_refuse_deletion_together_and_only_of_the_instance(protect):
    resources = registered(DatabaseRole.LEADER, protect=protect)
    assert {name for name, entry in resources.items() if entry.protect} == ({"instance"} if protect else set())
    assert resources["instance"].inputs["deletionProtection"] is protect


def test_a_backup_never_runs_into_maintenance():
    (backup_start, backup_end), (start, end) = BACKUP_WINDOW.split("-"), MAINTENANCE_WINDOW.split("-")
    assert backup_start < backup_end <= start.removeprefix("tue:") < end.removeprefix("tue:")
    inputs = instance(DatabaseRole.REPLICA)
    assert (inputs["backupWindow"], inputs["maintenanceWindow"]) == (BACKUP_WINDOW, MAINTENANCE_WINDOW)


def test_only_the_clients_reach_an_unfenced_database():
    resources = registered(DatabaseRole.LEADER)
    rules = [entry.inputs for entry in resources.values() if "SecurityGroupIngressRule" in entry.type]
    assert [(rule["securityGroupId"], rule["referencedSecurityGroupId"]) for rule in rules] == [
        (security_group(resources, "clients"), CLIENTS)
    ]
    assert [(rule["fromPort"], rule["toPort"], rule["ipProtocol"]) for rule in rules] == [(5432, 5432, "tcp")]


def test_nobody_reaches_a_fenced_database_and_a_database_reaches_nobody():
    resources = registered(DatabaseRole.FENCED)
    groups = [resources["network-clients"].inputs, resources["network-reconciliation"].inputs]
    assert all(group.keys().isdisjoint({"ingress", "egress"}) for group in groups)
    assert not [entry for entry in resources.values() if "SecurityGroupEgressRule" in entry.type]
    fenced = security_group(resources, "reconciliation")
    rules = [entry.inputs for entry in resources.values() if "SecurityGroupIngressRule" in entry.type]
    assert fenced not in [rule["securityGroupId"] for rule in rules]


def test_pods_reach_a_fenced_database_only_while_it_is_reconciled():
    resources = registered(DatabaseRole.FENCED, reconciled=True)
    rule = resources["network-from-reconcilers"].inputs
    assert rule["securityGroupId"] == security_group(resources, "reconciliation")
    assert (rule["referencedSecurityGroupId"], rule["fromPort"], rule["toPort"]) == (CLIENTS, 5432, 5432)
    assert "network-from-reconcilers" not in registered(DatabaseRole.FENCED)


def test_every_role_declares_the_engines_version_so_that_an_upgrade_reaches_it():
    assert {instance(role)["engineVersion"] for role in DatabaseRole} == {"17.6"}


def test_an_error_message_repeats_no_value_of_a_row():
    values = {
        entry["name"]: entry["value"] for entry in registered(DatabaseRole.REPLICA)["parameters"].inputs["parameters"]
    }
    assert values["log_error_verbosity"] == "terse"


def test_the_log_groups_are_made_encrypted_before_rds_would_make_them_itself():
    resources = registered(DatabaseRole.REPLICA)
    exports = resources["instance"].inputs["enabledCloudwatchLogsExports"]
    groups = {name: entry for name, entry in resources.items() if entry.type == "aws:cloudwatch/logGroup:LogGroup"}
    names = {f"/aws/rds/instance/lifeline-secondary-1/{export}" for export in exports}
    assert exports == ["postgresql", "upgrade"]
    assert {entry.inputs["name"] for entry in groups.values()} == names
    assert {entry.inputs["kmsKeyId"] for entry in groups.values()} == {LOGS_KEY}
    assert {entry.urn for entry in groups.values()} <= set(resources["instance"].dependencies)


def test_rds_may_report_metrics_before_the_instance_asks_for_it():
    resources = registered(DatabaseRole.REPLICA)
    policy, role = resources["monitoring-policy"], resources["monitoring-role"]
    assert policy.inputs["policyArn"].endswith(":policy/service-role/AmazonRDSEnhancedMonitoringRole")
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    assert policy.urn in resources["instance"].dependencies
    assert resources["instance"].inputs["monitoringInterval"] == 15


def test_performance_insights_are_kept_under_the_databases_own_key():
    inputs = instance(DatabaseRole.REPLICA)
    assert inputs["performanceInsightsEnabled"] is True
    assert inputs["performanceInsightsKmsKeyId"] == KEY
    assert inputs["performanceInsightsRetentionPeriod"] == 7


def test_the_instance_comes_after_the_claim_that_it_is_given():
    def program() -> None:
        claim = aws.sns.Topic("claim")
        Database("database", arguments(DatabaseRole.LEADER, after=(claim,)), pulumi.ResourceOptions())

    resources = {entry.name: entry for entry in record(program, stack="secondary")}
    assert resources["claim"].urn in resources["database-instance"].dependencies


def test_the_password_of_a_born_leader_is_never_shown():
    def program() -> None:
        secret = pulumi.Output.secret("made-up")
        Database("database", arguments(DatabaseRole.LEADER, born_leader=True, password=secret))

    resources = {entry.name: entry for entry in record(program)}
    assert resources["database-instance"].secrets == {"password"}


def test_both_sites_run_with_the_same_settings():
    before = registered(DatabaseRole.LEADER, born_leader=True)["parameters"].inputs
    assert before == registered(DatabaseRole.REPLICA)["parameters"].inputs
    assert before["family"] == "postgres17"
    assert [parameter["name"] for parameter in before["parameters"]] == [
        parameter.name for parameter in parameters(storage_gib=200)
    ]


@pytest.mark.parametrize(("version", "expected"), [("17.6", "postgres17"), ("18.1", "postgres18")])
def test_the_family_follows_the_major_version(version, expected):
    assert family(version) == expected


def test_connections_need_tls_and_a_scram_password():
    values = {parameter.name: parameter.value for parameter in parameters(storage_gib=200)}
    assert values["rds.force_ssl"] == "1"
    assert values["rds.accepted_password_auth_method"] == "scram"


def test_no_statement_of_a_user_gets_into_the_logs():
    values = {parameter.name: parameter.value for parameter in parameters(storage_gib=200)}
    assert values["log_min_duration_statement"] == "-1"
    assert values["log_min_error_statement"] == "panic"
    assert "log_statement" not in values
    assert "pgaudit.log" not in values, "it must be set after the extension exists"
    assert set(AUDITED.split(",")).isdisjoint({"all", "read", "write", "function", "misc"})


@pytest.mark.parametrize(("storage_gib", "mib"), [(100, "25600"), (200, "51200")])
def test_a_lost_replica_costs_the_leader_a_quarter_of_its_storage_at_most(storage_gib, mib):
    values = {parameter.name: parameter.value for parameter in parameters(storage_gib=storage_gib)}
    assert values["max_slot_wal_keep_size"] == mib


def test_a_static_setting_waits_for_a_reboot():
    methods = {parameter.name: parameter.apply_method for parameter in parameters(storage_gib=200)}
    assert [name for name, method in methods.items() if method == "pending-reboot"] == ["shared_preload_libraries"]


@pytest.mark.parametrize("role", [DatabaseRole.REPLICA, DatabaseRole.STALE])
def test_a_follower_without_a_source_is_refused(role):
    with pytest.raises(ValueError, match=f"source_arn of secondary-1 is None, expected an ARN of a {role}"):
        arguments(role, source_arn=None)


@pytest.mark.parametrize("role", [DatabaseRole.LEADER, DatabaseRole.FENCED])
def test_a_source_is_refused_of_what_follows_nobody(role):
    with pytest.raises(ValueError, match=f"expected None of a {role}"):
        arguments(role, source_arn=SOURCE)


def test_a_born_leader_never_becomes_a_replica():
    with pytest.raises(ValueError, match="born a leader: RDS cannot make it a replica"):
        arguments(DatabaseRole.REPLICA, born_leader=True)


def test_only_a_born_leader_has_a_password():
    with pytest.raises(ValueError, match="secondary-1 has a password, expected None"):
        arguments(DatabaseRole.LEADER, born_leader=False, password="made-up")
