"""Rules for the calls of every service: names, regions, effects, faults."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.replacement import UnknownTypeError, rules
from rehearsal.providers.aws.registry import ADAPTERS
from rehearsal.providers.aws.translate import UnknownPropertyError
from rehearsal.providers.backend import UnsupportedError
from rehearsal.world.faults import RegionUnavailableError
from tests.rehearsal.providers.aws.world import (
    ACCOUNT,
    BUCKET,
    EAST,
    GROUP,
    ROLE,
    TRUST,
    VPC,
    WEST,
    ZONE,
    change,
    make,
    remove,
    unique,
    urn,
)


def test_an_unknown_type_is_an_error_that_names_it(world):
    for call in (
        lambda: world.east.check("aws:sqs/queue:Queue", {}),
        lambda: world.east.replaces("aws:sqs/queue:Queue"),
        lambda: make(world.east, "aws:sqs/queue:Queue", {}),
    ):
        with pytest.raises(UnknownTypeError, match="aws:sqs/queue:Queue"):
            call()


def test_an_input_that_no_adapter_understands_is_refused_before_anything_is_made(world):
    assert world.east.check(VPC, {"cidrBlock": "10.0.0.0/16", "ipv6IpamPoolId": "x", "tags": {}, "region": WEST}) == [
        ("ipv6IpamPoolId", "the stand-in for aws:ec2/vpc:Vpc does not know this input")
    ]


def test_a_nested_input_that_aws_does_not_have_is_an_error(world):
    template = "aws:ec2/launchTemplate:LaunchTemplate"
    with pytest.raises(UnknownPropertyError, match=r"metadataOptions\.httpTokenz"):
        make(world.east, template, {"metadataOptions": {"httpTokenz": "required"}})


def test_every_type_says_what_replaces_it_and_where_that_is_read():
    assert set(rules("aws")) == set(ADAPTERS)
    for type_, row in rules("aws").items():
        assert row["source"].startswith("hashicorp/terraform-provider-aws, internal/service/"), type_
        assert row["keys"] == sorted(set(row["keys"])), type_
        changed_in_place = set(row["keys"]) & ADAPTERS[type_].updates
        assert not changed_in_place, f"{type_} both replaces and updates {changed_in_place}"


def test_what_cannot_be_changed_in_place_either_replaces_or_is_told(world):
    name = unique("vpc")
    made = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "default"}, name)
    with pytest.raises(UnsupportedError, match="cannot change instanceTenancy in place"):
        change(
            world.east, VPC, made, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "x"}
        )


def test_a_nameless_resource_gets_its_logical_name_and_a_suffix_that_stays(world):
    id_, outputs = make(world.east, ROLE, {"assumeRolePolicy": TRUST}, "nodes-role")
    assert outputs["name"] == id_
    assert id_.startswith("nodes-role-")
    assert len(id_) == len("nodes-role-") + 7
    updated = world.east.update(
        ROLE,
        urn("nodes-role", ROLE),
        id_,
        {"assumeRolePolicy": TRUST},
        {"assumeRolePolicy": TRUST, "description": "x"},
        outputs,
    )
    assert updated["name"] == id_


def test_outputs_hold_the_inputs_the_tags_and_the_region(world):
    _, outputs = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}})
    assert outputs["cidrBlock"] == "10.0.0.0/16"
    assert outputs["tagsAll"] == {"a": "b"}
    assert outputs["region"] == EAST
    assert outputs["arn"] == f"arn:aws:ec2:{EAST}:{ACCOUNT}:vpc/{outputs['id']}"


def test_a_resource_can_name_a_region_of_its_own(world):
    name = unique("/audit")
    made = make(world.east, "aws:cloudwatch/logGroup:LogGroup", {"name": name, "region": WEST, "retentionInDays": 30})
    found = world.client("logs", WEST).describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [group["retentionInDays"] for group in found] == [30]
    remove(world.east, "aws:cloudwatch/logGroup:LogGroup", made)
    assert world.client("logs", WEST).describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_effects_follow_each_success_and_no_failure(world):
    made = make(world.east, BUCKET, {"bucket": unique("effects")})
    remove(world.east, BUCKET, made)
    with pytest.raises(UnsupportedError):
        change(world.east, BUCKET, made, {"bucket": made[0]}, {"bucket": "other"})
    assert [(what, id_) for what, _, _, id_ in world.effects.seen] == [("created", made[0]), ("deleted", made[0])]


def test_deleting_what_is_gone_is_no_error(world):
    made = make(world.east, GROUP, {"vpcId": make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})[0]})
    remove(world.east, GROUP, made)
    remove(world.east, GROUP, made)


def test_many_threads_make_what_one_would(world):
    barrier = threading.Barrier(8)

    def one(_):
        barrier.wait()
        return make(world.east, VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True})[0]

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(one, range(8)))
    assert len(set(ids)) == 8
    assert len(world.client("ec2").describe_vpcs(VpcIds=ids)["Vpcs"]) == 8
    assert world.east.clients.calls["ec2", "CreateVpc", EAST] == 8


def test_nothing_is_made_changed_read_or_removed_in_a_lost_region(world):
    made = make(world.west, VPC, {"cidrBlock": "10.0.0.0/16"})
    world.faults.lose(WEST)
    for attempt in (
        lambda: make(world.west, VPC, {"cidrBlock": "10.0.0.0/16"}),
        lambda: change(
            world.west, VPC, made, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}}
        ),
        lambda: world.west.read(VPC, urn("x"), *made),
        lambda: remove(world.west, VPC, made),
        lambda: make(world.east, VPC, {"cidrBlock": "10.0.0.0/16", "region": WEST}),
    ):
        with pytest.raises(RegionUnavailableError):
            attempt()
    make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})


def test_us_east_1_holds_the_control_planes_of_dns_identity_and_buckets(world):
    world.faults.lose_control_planes()
    for attempt in (
        lambda: make(world.west, ZONE, {"name": "lost.example"}),
        lambda: make(world.west, ROLE, {"assumeRolePolicy": TRUST}),
        lambda: make(world.west, BUCKET, {"bucket": unique("logs")}),
    ):
        with pytest.raises(RegionUnavailableError):
            attempt()
    make(world.west, VPC, {"cidrBlock": "10.0.0.0/16"})
