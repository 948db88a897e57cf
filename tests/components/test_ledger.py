"""The crisis ledger."""

import pytest

from components.ledger import Ledger, LedgerArgs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

TABLE = "aws:dynamodb/table:Table"


def arguments(*, protect: bool = True, witness: str = "us-east-1") -> LedgerArgs:
    return LedgerArgs(copy_region="us-west-2", witness_region=witness, site=site(protect=protect))


def table(*, protect: bool = True) -> Registration:
    (resource,) = (entry for entry in record(lambda: Ledger("ledger", arguments(protect=protect))) if entry.custom)
    assert resource.type == TABLE
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
