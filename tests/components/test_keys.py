"""The keys of a site."""

import json
from typing import Any

import pytest

from components.keys import CRYPTOGRAPHY, Keys, KeysArgs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

ACCOUNT, REGION = "123456789012", "us-east-2"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
PURPOSES = ["cluster", "database", "logs", "secrets"]


def deploy(*, protect: bool = True) -> dict[str, Registration]:
    args = KeysArgs(site=site(protect=protect))
    return {resource.name: resource for resource in record(lambda: Keys("keys", args))}


@pytest.fixture(scope="module")
def keys() -> dict[str, Registration]:
    return deploy()


def policy(key: Registration) -> dict[str, dict[str, Any]]:
    return {entry["Sid"]: entry for entry in json.loads(key.inputs["policy"])["Statement"]}


def test_there_is_one_key_and_one_alias_a_purpose(keys):
    resources = sorted((entry.type.rsplit(":", 1)[-1], name) for name, entry in keys.items() if entry.custom)
    assert resources == sorted(
        [("Key", f"keys-{purpose}") for purpose in PURPOSES]
        + [("Alias", f"keys-{purpose}-alias") for purpose in PURPOSES]
    )


@pytest.mark.parametrize("purpose", PURPOSES)
def test_an_alias_says_the_site_and_the_purpose(keys, purpose):
    assert keys[f"keys-{purpose}-alias"].inputs["name"] == f"alias/lifeline-primary-{purpose}"
    assert keys[f"keys-{purpose}-alias"].inputs["targetKeyId"].startswith(f"keys-{purpose}-")


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_key_is_rotated_and_its_deletion_can_be_taken_back_for_thirty_days(keys, purpose):
    inputs = keys[f"keys-{purpose}"].inputs
    assert (inputs["enableKeyRotation"], inputs["deletionWindowInDays"]) == (True, 30)


@pytest.mark.parametrize("protect", [True, False])
def test_keys_are_protected_exactly_when_asked(protect):
    resources = deploy(protect=protect)
    assert [resources[f"keys-{purpose}"].protect for purpose in PURPOSES] == [protect] * 4


@pytest.mark.parametrize("purpose", PURPOSES)
def test_administrators_manage_a_key_but_cannot_use_it(keys, purpose):
    administer = policy(keys[f"keys-{purpose}"])["Administer"]
    assert administer["Principal"] == {"AWS": ROOT}
    assert "kms:PutKeyPolicy" in administer["Action"], "KMS refuses a policy that locks everybody out"
    forbidden = {*CRYPTOGRAPHY, "kms:CreateGrant", "kms:*"} - {"kms:DescribeKey"}
    assert forbidden.isdisjoint(administer["Action"])


@pytest.mark.parametrize(("purpose", "service"), [("database", "rds"), ("secrets", "secretsmanager")])
def test_a_data_key_is_used_through_its_own_service_in_its_own_region_only(keys, purpose, service):
    statements = policy(keys[f"keys-{purpose}"])
    assert sorted(statements) == ["Administer", "UseThroughService"]
    assert statements["UseThroughService"]["Principal"] == {"AWS": ROOT}
    assert statements["UseThroughService"]["Condition"] == {
        "StringEquals": {"kms:ViaService": f"{service}.us-east-2.amazonaws.com"}
    }


def test_the_logs_key_is_used_by_cloudwatch_logs_of_this_account_and_region_only(keys):
    statements = policy(keys["keys-logs"])
    assert sorted(statements) == ["Administer", "UseByLogs"]
    assert statements["UseByLogs"]["Principal"] == {"Service": "logs.us-east-2.amazonaws.com"}
    assert statements["UseByLogs"]["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-2:123456789012:log-group:*"}
    }


def test_every_statement_with_an_open_principal_is_closed_by_account_and_role(keys):
    opened = [
        entry
        for purpose in PURPOSES
        for entry in policy(keys[f"keys-{purpose}"]).values()
        if entry["Principal"] == {"AWS": "*"}
    ]
    role = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    assert [entry["Sid"] for entry in opened] == ["UseByScaling", "GrantByScaling"]
    for entry in opened:
        assert entry["Condition"]["StringEquals"] == {"kms:CallerAccount": ACCOUNT}
        assert entry["Condition"]["ArnEquals"] == {"aws:PrincipalArn": role}


def test_a_principal_that_creates_a_cluster_may_grant_its_key_to_eks(keys):
    """CreateCluster is refused with the condition `kms:GrantIsForAWSResource`, which KMS does not set for it."""
    statement = policy(keys["keys-cluster"])["GrantToClusters"]
    assert (statement["Action"], statement["Principal"]) == (["kms:CreateGrant"], {"AWS": ROOT})
    assert "Condition" not in statement


def test_auto_scaling_grants_the_cluster_key_to_aws_services_only(keys):
    statement = policy(keys["keys-cluster"])["GrantByScaling"]
    assert statement["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_the_tags_say_what_a_key_protects(keys):
    data = {purpose: keys[f"keys-{purpose}"].inputs["tags"]["lifeline:data"] for purpose in PURPOSES}
    assert data == {"cluster": "credentials", "database": "phi", "logs": "operational", "secrets": "credentials"}
