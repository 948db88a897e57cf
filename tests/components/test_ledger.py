"""The crisis ledger and the claims in it."""

import json

import pytest

from components.ledger import Claims, ClaimsArgs, Ledger, LedgerArgs, claim_item
from engine.recorder import record
from engine.registration import Registration
from recovery.timeline import DatabaseId
from tests.harness import site

TABLE = "aws:dynamodb/table:Table"
ITEM = "aws:dynamodb/tableItem:TableItem"


def arguments(*, protect: bool = True, witness: str = "us-east-1") -> LedgerArgs:
    return LedgerArgs(peer_region="us-west-2", witness_region=witness, site=site(protect=protect))


def table(*, protect: bool = True) -> Registration:
    (resource,) = (entry for entry in record(lambda: Ledger("ledger", arguments(protect=protect))) if entry.custom)
    assert resource.type == TABLE
    return resource


def claim(epoch: int, database: str) -> Registration:
    args = ClaimsArgs(leaders={epoch: DatabaseId.parse(database)}, table_name="lifeline-crisis-ledger")
    (resource,) = (entry for entry in record(lambda: Claims("claims", args)) if entry.custom)
    assert resource.type == ITEM
    return resource


def test_two_full_copies_and_a_witness_agree_on_every_write():
    inputs = table().inputs
    assert [(copy["regionName"], copy["consistencyMode"]) for copy in inputs["replicas"]] == [("us-west-2", "STRONG")]
    assert inputs["globalTableWitness"] == {"regionName": "us-east-1"}


def test_the_key_is_one_text_attribute_under_the_name_that_both_sites_know():
    inputs = table().inputs
    assert (inputs["name"], inputs["hashKey"]) == ("lifeline-crisis-ledger", "pk")
    assert inputs["attributes"] == [{"name": "pk", "type": "S"}]


def test_nothing_that_strong_consistency_excludes_is_asked_for():
    assert table().inputs.keys().isdisjoint({"ttl", "localSecondaryIndexes", "rangeKey"})


def test_both_copies_can_be_restored_to_any_second():
    inputs = table().inputs
    assert inputs["pointInTimeRecovery"] == {"enabled": True}
    assert inputs["replicas"][0]["pointInTimeRecovery"] is True


@pytest.mark.parametrize("protect", [True, False])
def test_pulumi_and_dynamodb_refuse_deletion_together_in_both_regions(protect):
    resource = table(protect=protect)
    assert resource.protect is protect
    assert resource.inputs["deletionProtectionEnabled"] is protect
    assert resource.inputs["replicas"][0]["deletionProtectionEnabled"] is protect


@pytest.mark.parametrize("witness", ["us-east-2", "us-west-2"])
def test_a_witness_beside_a_copy_is_refused(witness):
    with pytest.raises(ValueError, match="three different regions"):
        arguments(witness=witness)


def test_a_claim_says_which_database_leads_which_epoch():
    item = json.loads(claim(2, "secondary-1").inputs["item"])
    assert item == {
        "pk": {"S": "epoch#2"},
        "epoch": {"N": "2"},
        "site": {"S": "secondary"},
        "database": {"S": "secondary-1"},
    }


def test_a_claim_is_the_same_text_at_every_run():
    assert claim(2, "secondary-1").inputs == claim(2, "secondary-1").inputs
    text = '{"database": {"S": "primary-1"}, "epoch": {"N": "1"}, "pk": {"S": "epoch#1"}, "site": {"S": "primary"}}'
    assert claim_item(1, DatabaseId("primary", 1)) == text


def test_a_claim_names_its_key_as_the_ledger_does():
    inputs = claim(1, "primary-1").inputs
    assert inputs["tableName"] == table().inputs["name"]
    assert inputs["hashKey"] == table().inputs["hashKey"]


def test_a_claim_is_neither_rewritten_nor_deleted():
    resource = claim(1, "primary-1")
    assert resource.retain_on_delete is True
    assert resource.replace_on_changes == ("item",)
    assert resource.delete_before_replace is False  # the new item must collide with the old one and be refused


def test_a_site_claims_each_epoch_that_it_led_and_no_other():
    leaders = {3: DatabaseId("primary", 2), 1: DatabaseId("primary", 1)}
    resources = record(lambda: Claims("claims", ClaimsArgs(leaders=leaders, table_name="lifeline-crisis-ledger")))
    items = {entry.name: json.loads(entry.inputs["item"])["database"]["S"] for entry in resources if entry.custom}
    assert items == {"claims-epoch-1": "primary-1", "claims-epoch-3": "primary-2"}
