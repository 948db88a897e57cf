"""Leaders, replicas and promotions."""

from __future__ import annotations

import pytest

from rehearsal.providers.aws.rds import InvalidDatabaseStateError
from rehearsal.world.faults import RegionUnavailableError
from tests.rehearsal.providers.aws.world import (
    ACCOUNT,
    EAST,
    GROUP,
    VPC,
    WEST,
    change,
    make,
    remove,
    subnets,
    unique,
    urn,
)

INSTANCE = "aws:rds/instance:Instance"


class Databases:
    """A leader in the east, and the declaration of its replica in the west."""

    def __init__(self, world):
        self.world = world
        self.leader_inputs = {
            "identifier": unique("primary"),
            "engine": "postgres",
            "engineVersion": "17.6",
            "instanceClass": "db.r7g.large",
            "allocatedStorage": 200,
            "username": "lifeline",
            "password": "a-long-password",
            "dbName": "mental_health_platform",
            "storageEncrypted": True,
            "kmsKeyId": f"arn:aws:kms:{EAST}:{ACCOUNT}:key/a",
            "backupRetentionPeriod": 35,
            "port": 5432,
            "skipFinalSnapshot": True,
            "enabledCloudwatchLogsExports": ["postgresql"],
            "dbSubnetGroupName": subnet_group(world.east),
        }
        self.leader = make(world.east, INSTANCE, self.leader_inputs)
        self.replica_inputs = {
            "identifier": unique("secondary"),
            "replicateSourceDb": self.leader[1]["arn"],
            "instanceClass": "db.r7g.large",
            "storageEncrypted": True,
            "kmsKeyId": f"arn:aws:kms:{WEST}:{ACCOUNT}:key/b",
            "backupRetentionPeriod": 35,
            "backupWindow": "03:00-04:00",
            "port": 5432,
            "skipFinalSnapshot": True,
            "dbSubnetGroupName": subnet_group(world.west),
            "tags": {"a": "b"},
        }

    @property
    def promoted_inputs(self):
        return {key: value for key, value in self.replica_inputs.items() if key != "replicateSourceDb"}

    def replica(self):
        return make(self.world.west, INSTANCE, self.replica_inputs)


def subnet_group(backend):
    _, ids = subnets(backend)
    return make(backend, "aws:rds/subnetGroup:SubnetGroup", {"name": unique("databases"), "subnetIds": ids})[0]


@pytest.fixture
def databases(world):
    return Databases(world)


def test_a_leader_gives_its_address_and_arn(databases):
    id_, outputs = databases.leader
    assert outputs["arn"] == f"arn:aws:rds:{EAST}:{ACCOUNT}:db:{id_}"
    assert outputs["endpoint"] == f"{outputs['address']}:5432"
    assert outputs["address"].startswith(f"{id_}.")
    assert outputs["username"] == "lifeline"


def test_a_replica_in_the_other_region_keeps_backups_and_its_own_subnet_group(databases, world):
    id_, outputs = databases.replica()
    seen = world.client("rds", WEST).describe_db_instances(DBInstanceIdentifier=id_)["DBInstances"][0]
    assert seen["ReadReplicaSourceDBInstanceIdentifier"] == databases.leader[1]["arn"]
    assert (seen["BackupRetentionPeriod"], seen["PreferredBackupWindow"]) == (35, "03:00-04:00")
    assert outputs["dbSubnetGroupName"] == databases.replica_inputs["dbSubnetGroupName"]
    assert outputs["arn"] == f"arn:aws:rds:{WEST}:{ACCOUNT}:db:{id_}"


def test_a_replica_whose_subnet_group_is_not_in_its_region_is_refused(databases):
    databases.replica_inputs["dbSubnetGroupName"] = databases.leader_inputs["dbSubnetGroupName"]
    with pytest.raises(Exception, match="DBSubnetGroupNotFound"):
        databases.replica()


def test_a_subnet_group_can_be_changed_again(world):
    type_, (_, ids) = "aws:rds/subnetGroup:SubnetGroup", subnets(world.east)
    inputs = {"name": unique("databases"), "subnetIds": ids}
    made = make(world.east, type_, inputs)
    for changed in ([*reversed(ids)], ids[:1]):
        made = change(world.east, type_, made, inputs, inputs | {"subnetIds": changed})
        (seen,) = world.client("rds", EAST).describe_db_subnet_groups(DBSubnetGroupName=made[0])["DBSubnetGroups"]
        assert [subnet["SubnetIdentifier"] for subnet in seen["Subnets"]] == changed


def test_removing_the_source_promotes_and_changes_no_address(databases, world):
    made = databases.replica()
    promoted = change(world.west, INSTANCE, made, databases.replica_inputs, databases.promoted_inputs)
    assert "replicateSourceDb" not in promoted[1]
    assert promoted[1]["address"] == made[1]["address"]
    calls = {operation for service, operation, _ in world.west.clients.calls if service == "rds"}
    assert "PromoteReadReplica" in calls
    assert world.tables["rds-instances"][made[1]["arn"]]["source"] is None


def test_a_promotion_needs_nothing_of_the_lost_region(databases, world):
    made = databases.replica()
    world.faults.lose(EAST)
    change(world.west, INSTANCE, made, databases.replica_inputs, databases.promoted_inputs)


def test_promoting_again_what_an_interrupted_run_promoted_is_an_error_until_it_is_read(databases, world):
    made = databases.replica()
    change(world.west, INSTANCE, made, databases.replica_inputs, databases.promoted_inputs)
    with pytest.raises(InvalidDatabaseStateError, match="is not a read replica"):
        change(world.west, INSTANCE, made, databases.replica_inputs, databases.promoted_inputs)
    assert world.west.read(INSTANCE, urn("x"), *made).keys() == made[1].keys() - {"replicateSourceDb"}


def test_a_replica_that_still_follows_is_read_as_such(databases, world):
    made = databases.replica()
    assert world.west.read(INSTANCE, urn("x"), *made)["replicateSourceDb"] == databases.leader[1]["arn"]


def test_a_database_that_is_gone_is_read_as_none(databases, world):
    made = databases.replica()
    remove(world.west, INSTANCE, made)
    assert world.west.read(INSTANCE, urn("x"), *made) is None


def test_a_leader_is_never_made_a_replica_in_place(databases, world):
    changed = {**databases.leader_inputs, "replicateSourceDb": f"arn:aws:rds:{WEST}:{ACCOUNT}:db:other"}
    with pytest.raises(InvalidDatabaseStateError, match="cannot elect new source"):
        change(world.east, INSTANCE, databases.leader, databases.leader_inputs, changed)


def test_a_replica_needs_a_source_that_exists(databases):
    databases.replica_inputs["replicateSourceDb"] = f"arn:aws:rds:{EAST}:{ACCOUNT}:db:nobody"
    with pytest.raises(InvalidDatabaseStateError, match="DBInstanceNotFound"):
        databases.replica()


def test_a_replica_needs_a_source_with_backups(databases, world):
    changed = {**databases.leader_inputs, "backupRetentionPeriod": 0}
    change(world.east, INSTANCE, databases.leader, databases.leader_inputs, changed)
    with pytest.raises(InvalidDatabaseStateError, match="automated backups are not enabled"):
        databases.replica()


def test_a_replica_of_an_encrypted_source_needs_a_key_of_its_region(databases):
    del databases.replica_inputs["kmsKeyId"]
    with pytest.raises(InvalidDatabaseStateError, match="needs a key in us-west-2"):
        databases.replica()


def test_a_replica_cannot_be_seeded_from_a_lost_region(databases, world):
    world.faults.lose(EAST)
    with pytest.raises(RegionUnavailableError):
        databases.replica()


def test_a_replica_that_declares_what_its_source_decides_is_refused(world):
    inputs = {"replicateSourceDb": "arn:x", "instanceClass": "db.r7g.large", "engine": "postgres", "username": "u"}
    assert world.west.check(INSTANCE, inputs) == [
        ("engine", "conflicts with replicateSourceDb"),
        ("username", "conflicts with replicateSourceDb"),
    ]


def test_a_replica_is_deleted_though_moto_answers_with_an_error(databases, world):
    made = databases.replica()
    remove(world.west, INSTANCE, made)
    listed = world.client("rds", WEST).describe_db_instances()["DBInstances"]
    assert made[0] not in {entry["DBInstanceIdentifier"] for entry in listed}
    assert made[1]["arn"] not in world.tables["rds-instances"]


def test_a_protected_database_is_not_deleted(databases, world):
    changed = {**databases.leader_inputs, "deletionProtection": True}
    protected = change(world.east, INSTANCE, databases.leader, databases.leader_inputs, changed)
    with pytest.raises(Exception, match=r"(?i)deletion ?protection|cannot delete protected"):
        remove(world.east, INSTANCE, protected)
    assert protected[1]["arn"] in world.tables["rds-instances"]


def test_a_leader_leaves_a_last_snapshot_and_a_replica_cannot(databases, world):
    snapshot = unique("final")
    end = {"skipFinalSnapshot": False, "finalSnapshotIdentifier": snapshot}
    replica_id, replica_outputs = databases.replica()
    with pytest.raises(InvalidDatabaseStateError, match="FinalDBSnapshotIdentifier"):
        remove(world.west, INSTANCE, (replica_id, replica_outputs | end))
    remove(world.east, INSTANCE, (databases.leader[0], databases.leader[1] | end))
    found = world.client("rds").describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
    assert [entry["DBInstanceIdentifier"] for entry in found] == [databases.leader[0]]


def test_fencing_exchanges_the_security_group_in_place(databases, world):
    vpc, _ = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})
    group, _ = make(world.east, GROUP, {"vpcId": vpc})
    changed = {**databases.leader_inputs, "vpcSecurityGroupIds": [group]}
    change(world.east, INSTANCE, databases.leader, databases.leader_inputs, changed)
    seen = world.client("rds").describe_db_instances(DBInstanceIdentifier=databases.leader[0])["DBInstances"][0]
    assert [entry["VpcSecurityGroupId"] for entry in seen["VpcSecurityGroups"]] == [group]


def test_more_parameters_than_one_call_takes_are_all_set(world):
    names = [f"work_mem_{number}" for number in range(25)]
    settings = [{"name": name, "value": str(number)} for number, name in enumerate(names)]
    inputs = {"family": "postgres17", "parameters": settings}
    made = make(world.east, "aws:rds/parameterGroup:ParameterGroup", inputs)
    assert world.east.clients.calls["rds", "ModifyDBParameterGroup", EAST] == 2
    assert made[1]["arn"].endswith(f":pg:{made[0]}")


def restored(databases, **source):
    kept = {
        key: databases.leader_inputs[key] for key in ("instanceClass", "dbSubnetGroupName", "backupRetentionPeriod")
    }
    return {"identifier": unique("restored"), **kept, **source}


def test_a_database_is_restored_to_a_moment_of_one_in_its_region(databases, world):
    point = {"sourceDbInstanceIdentifier": databases.leader[0], "useLatestRestorableTime": True}
    id_, outputs = make(world.east, INSTANCE, restored(databases, restoreToPointInTime=point))
    seen = world.client("rds", EAST).describe_db_instances(DBInstanceIdentifier=id_)["DBInstances"][0]
    assert (seen["Engine"], seen["BackupRetentionPeriod"]) == ("postgres", 35)
    assert outputs["username"] == "lifeline"
    assert world.tables["rds-instances"][outputs["arn"]]["source"] is None


def test_a_database_is_restored_from_a_snapshot(databases, world):
    name = unique("snapshot")
    world.client("rds", EAST).create_db_snapshot(DBInstanceIdentifier=databases.leader[0], DBSnapshotIdentifier=name)
    id_, _ = make(world.east, INSTANCE, restored(databases, snapshotIdentifier=name))
    assert world.client("rds", EAST).describe_db_instances(DBInstanceIdentifier=id_)["DBInstances"]


def test_what_is_in_the_other_region_cannot_be_restored_to_a_moment(databases, world):
    point = {"sourceDbInstanceIdentifier": databases.leader[0], "useLatestRestorableTime": True}
    with pytest.raises(InvalidDatabaseStateError, match="DBInstanceNotFound"):
        make(world.west, INSTANCE, restored(databases, restoreToPointInTime=point))


def test_what_keeps_no_backups_cannot_be_restored_to_a_moment(databases, world):
    careless = {**databases.leader_inputs, "identifier": unique("careless"), "backupRetentionPeriod": 0}
    source = make(world.east, INSTANCE, careless)[0]
    point = {"sourceDbInstanceIdentifier": source, "useLatestRestorableTime": True}
    with pytest.raises(InvalidDatabaseStateError, match="automated backups are not enabled"):
        make(world.east, INSTANCE, restored(databases, restoreToPointInTime=point))


def test_a_database_has_one_origin(world):
    point = {"sourceDbInstanceIdentifier": "a", "useLatestRestorableTime": True}
    both = {"identifier": "b", "snapshotIdentifier": "s", "restoreToPointInTime": point}
    assert world.east.check(INSTANCE, both) == [("snapshotIdentifier", "conflicts with restoreToPointInTime")]
