"""The switch that moves traffic."""

import json

import pulumi_aws as aws
import pytest

from components.switch import Switch, SwitchArgs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

BUCKET = "lifeline-123456789012-secondary-switch"
ARN = f"arn:aws:s3:::{BUCKET}"


def registered(*, takeover: bool = False, protect: bool = True) -> dict[str, Registration]:
    def program() -> None:
        database = aws.rds.Instance("database", instance_class="db.r7g.large")
        args = SwitchArgs(
            takeover=takeover,
            after=(database,),
            site=site("secondary", protect=protect),
        )
        Switch("switch", args)

    return {resource.name: resource for resource in record(program, stack="secondary") if resource.custom}


def test_the_bucket_is_where_the_peers_health_check_looks():
    assert registered()["switch-bucket"].inputs["bucket"] == BUCKET


def test_taking_over_adds_the_object_and_changes_nothing_else():
    before, after = registered(takeover=False), registered(takeover=True)
    assert after.keys() - before.keys() == {"switch-takeover"}
    assert {name: resource.inputs for name, resource in before.items()} == {
        name: resource.inputs for name, resource in after.items() if name != "switch-takeover"
    }


def test_the_object_comes_after_all_that_traffic_needs():
    resources = registered(takeover=True)
    takeover = resources["switch-takeover"]
    assert takeover.inputs["key"] == "takeover"
    assert takeover.inputs["bucket"] == BUCKET
    needed = {resources[name].urn for name in ("database", "switch-policy", "switch-versioning", "switch-bucket")}
    assert set(takeover.dependencies) == needed


def test_the_object_is_always_read_fresh_and_always_the_same():
    inputs = registered(takeover=True)["switch-takeover"].inputs
    assert inputs["cacheControl"] == "no-store"
    assert inputs == registered(takeover=True)["switch-takeover"].inputs


def test_anybody_may_read_the_one_key_and_do_nothing_without_tls():
    policy = json.loads(registered()["switch-policy"].inputs["policy"])
    read, refuse = policy["Statement"]
    assert (read["Effect"], read["Principal"], read["Action"]) == ("Allow", "*", "s3:GetObject")
    assert read["Resource"] == f"{ARN}/takeover"
    assert (refuse["Effect"], refuse["Principal"], refuse["Action"]) == ("Deny", "*", "s3:*")
    assert refuse["Resource"] == [ARN, f"{ARN}/*"]
    assert refuse["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_policy_waits_until_public_policies_are_allowed_here():
    resources = registered()
    assert resources["switch-access"].urn in resources["switch-policy"].dependencies
    access = resources["switch-access"].inputs
    assert (access["blockPublicAcls"], access["ignorePublicAcls"]) == (True, True)
    assert (access["blockPublicPolicy"], access["restrictPublicBuckets"]) == (False, False)


def test_the_object_can_be_read_without_a_kms_key():
    (rule,) = registered()["switch-encryption"].inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}


def test_nobody_elses_acl_counts_and_every_change_leaves_a_version():
    resources = registered()
    assert resources["switch-ownership"].inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    assert resources["switch-versioning"].inputs["versioningConfiguration"] == {"status": "Enabled"}


@pytest.mark.parametrize("protect", [True, False])
def test_only_the_bucket_is_protected_so_that_traffic_can_go_back(protect):
    resources = registered(takeover=True, protect=protect)
    assert {name for name, entry in resources.items() if entry.protect} == ({"switch-bucket"} if protect else set())
