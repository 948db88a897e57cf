"""The ledger's table."""

from __future__ import annotations

import pytest

from rehearsal.providers.backend import UnsupportedError
from tests.rehearsal.providers.aws.world import EAST, WEST, WITNESS, make, remove, unique

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
