"""The ledger's table and its claims."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.providers.aws.backend import AwsBackend
from rehearsal.providers.backend import UnsupportedError
from tests.rehearsal.providers.aws.world import ACCOUNT, EAST, WEST, WITNESS, make, remove, unique, urn

TABLE = "aws:dynamodb/table:Table"
ITEM = "aws:dynamodb/tableItem:TableItem"


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


def claim(table, epoch, owner):
    item = {"pk": {"S": f"epoch#{epoch}"}, "epoch": {"N": str(epoch)}, "database": {"S": owner}}
    return {"tableName": table, "hashKey": "pk", "item": json.dumps(item, sort_keys=True)}


class Ledger:
    def __init__(self):
        self.items: dict[str, dict[str, Any]] = {}

    def put_if_absent(self, region, item):
        return self.items.setdefault(item["pk"], item) is item


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


def test_an_epoch_is_claimed_once_whichever_site_asks(world):
    table, _ = make(world.east, TABLE, strong_table(unique("ledger")))
    id_, _ = make(world.east, ITEM, claim(table, 1, "primary-1"))
    assert id_ == f"{table}|epoch#1"
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        make(world.west, ITEM, claim(table, 1, "secondary-1"))
    stored = world.client("dynamodb", WEST).get_item(TableName=table, Key={"pk": {"S": "epoch#1"}})["Item"]
    assert stored["database"] == {"S": "primary-1"}


def test_the_owner_too_is_refused_a_second_put_and_can_import_its_item(world):
    table, _ = make(world.east, TABLE, strong_table(unique("ledger")))
    inputs = claim(table, 1, "primary-1")
    id_, _ = make(world.east, ITEM, inputs)
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        make(world.east, ITEM, inputs)
    imported = world.east.read(ITEM, urn("claim", ITEM), id_, {})
    assert {key: imported[key] for key in inputs} == inputs


def test_an_injected_ledger_decides_about_claims(world):
    ledger = Ledger()
    backend = AwsBackend(world.endpoint, EAST, ACCOUNT, world.faults, tables=world.tables, ledger=ledger)
    table, _ = make(backend, TABLE, strong_table(unique("ledger")))
    make(backend, ITEM, claim(table, 1, "primary-1"))
    with pytest.raises(UnsupportedError, match="ConditionalCheckFailedException: epoch#1"):
        make(backend, ITEM, claim(table, 1, "primary-1"))
    assert ledger.items == {"epoch#1": {"pk": "epoch#1", "epoch": 1, "database": "primary-1"}}


def test_an_item_that_is_gone_is_read_as_none(world):
    table, _ = make(world.east, TABLE, strong_table(unique("ledger")))
    made = make(world.east, ITEM, claim(table, 1, "primary-1"))
    assert world.west.read(ITEM, urn("claim", ITEM), *made) is not None
    remove(world.east, ITEM, made)
    assert world.west.read(ITEM, urn("claim", ITEM), *made) is None
