"""The ledger's table."""

from __future__ import annotations

import pytest

from rehearsal.providers.backend import UnsupportedError
from rehearsal.world.faults import RegionUnavailableError
from tests.rehearsal.providers.aws.world import EAST, WEST, WITNESS, change, make, remove, unique, urn

TABLE = "aws:dynamodb/table:Table"


def strong_table(name):
    return {
        "name": name,
        "billingMode": "PAY_PER_REQUEST",
        "hashKey": "pk",
        "attributes": [{"name": "pk", "type": "S"}],
        "replicas": [{"regionName": WEST, "consistencyMode": "STRONG"}],
        "globalTableWitness": {"regionName": WITNESS},
        "pointInTimeRecovery": {"enabled": True},
    }


def test_a_strong_table_stands_in_both_regions_and_not_at_the_witness(world):
    made = make(world.east, TABLE, strong_table(unique("ledger")))
    for region in (EAST, WEST):
        described = world.client("dynamodb", region).describe_table(TableName=made[0])["Table"]
        assert described["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert made[0] not in world.client("dynamodb", WITNESS).list_tables()["TableNames"]
    remove(world.east, TABLE, made)
    assert made[0] not in world.client("dynamodb", WEST).list_tables()["TableNames"]


def test_a_strong_table_needs_three_regions(world):
    inputs = strong_table(unique("ledger"))
    del inputs["globalTableWitness"]
    with pytest.raises(UnsupportedError, match="three regions"):
        make(world.east, TABLE, inputs)


def test_a_consistency_mode_that_aws_does_not_know_is_no_strong_table(world):
    inputs = strong_table(unique("ledger"))
    inputs["replicas"] = [{"regionName": WEST, "consistencyMode": "EVENTUAL"}]
    with pytest.raises(UnsupportedError, match="only a strongly consistent table has a witness"):
        make(world.east, TABLE, inputs)


def test_a_table_is_found_from_either_region_with_the_other_one_as_its_replica(world):
    made = make(world.east, TABLE, {**strong_table(unique("ledger")), "tags": {"lifeline:site": "primary"}})
    inputs, outputs = world.west.find(TABLE, urn("adopted", TABLE), made[0])
    replica = {"regionName": EAST, "pointInTimeRecovery": True, "consistencyMode": "STRONG"}
    same = {**strong_table(made[0]), "replicas": [replica], "pointInTimeRecovery": {"enabled": False}}
    assert inputs == {**same, "deletionProtectionEnabled": False, "tags": {"lifeline:site": "primary"}}
    assert outputs["arn"].split(":")[3] == WEST
    assert world.east.find(TABLE, urn("own", TABLE), made[0])[0]["replicas"][0]["regionName"] == WEST


def test_a_table_is_not_found_while_the_region_of_its_other_copy_does_not_answer(world):
    made = make(world.east, TABLE, strong_table(unique("ledger")))
    world.faults.lose(EAST)
    with pytest.raises(RegionUnavailableError):
        world.west.find(TABLE, urn("adopted", TABLE), made[0])


def test_a_table_that_does_not_exist_is_not_found(world):
    assert world.west.find(TABLE, urn("adopted", TABLE), "nowhere") is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"globalTableWitness": None}, "the witness of .* leaves only together with a replica"),
        ({"replicas": [{"regionName": WEST}]}, "has items, so its consistency cannot change"),
        ({"replicas": [{"regionName": WEST, "consistencyMode": "STRONG", "propagateTags": True}]}, "the stand-in"),
    ],
)
def test_the_replication_of_a_table_with_items_stays(world, changes, reason):
    inputs = strong_table(unique("ledger"))
    made = make(world.east, TABLE, inputs)
    with pytest.raises(UnsupportedError, match=reason):
        change(world.east, TABLE, made, inputs, {**inputs, **changes})
