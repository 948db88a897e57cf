"""Clusters, nodes, add-ons and access."""

from __future__ import annotations

import json

import pytest

from rehearsal.providers.backend import UnsupportedError
from rehearsal.world.faults import RegionUnavailableError
from tests.rehearsal.providers.aws.world import ACCOUNT, EAST, ROLE, TRUST, WEST, change, make, remove, subnets, unique

CLUSTER = "aws:eks/cluster:Cluster"
ADDON = "aws:eks/addon:Addon"


def a_cluster(backend, **more):
    _, outputs = make(backend, ROLE, {"assumeRolePolicy": TRUST})
    _, ids = subnets(backend)
    inputs = {
        "name": unique("lifeline"),
        "version": "1.34",
        "roleArn": outputs["arn"],
        "vpcConfig": {"subnetIds": ids, "endpointPrivateAccess": True},
        "accessConfig": {"authenticationMode": "API"},
        "encryptionConfig": {"provider": {"keyArn": f"arn:aws:kms:{EAST}:{ACCOUNT}:key/a"}, "resources": ["secrets"]},
        "enabledClusterLogTypes": ["api", "audit"],
        **more,
    }
    return make(backend, CLUSTER, inputs)


def test_a_cluster_gives_what_its_nodes_and_pods_are_joined_by(world):
    _, outputs = a_cluster(world.east)
    group = outputs["vpcConfig"]["clusterSecurityGroupId"]
    assert (
        world.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"]
        == outputs["vpcConfig"]["vpcId"]
    )
    assert outputs["endpoint"].startswith("https://")
    assert outputs["certificateAuthority"]["data"]
    assert outputs["identities"][0]["oidcs"][0]["issuer"].startswith("https://")


def test_a_protected_cluster_is_not_deleted(world):
    made = a_cluster(world.east, deletionProtection=True)
    with pytest.raises(UnsupportedError, match="deletion protection"):
        remove(world.east, CLUSTER, made)
    assert world.client("eks").describe_cluster(name=made[0])["cluster"]["status"] == "ACTIVE"


def test_a_cluster_takes_its_security_group_along(world):
    made = a_cluster(world.east)
    remove(world.east, CLUSTER, made)
    group = made[1]["vpcConfig"]["clusterSecurityGroupId"]
    assert group not in {entry["GroupId"] for entry in world.client("ec2").describe_security_groups()["SecurityGroups"]}


def test_an_upgrade_keeps_the_subnets_that_moto_would_lose(world):
    made = a_cluster(world.east)
    old = {key: made[1][key] for key in ("name", "version", "roleArn", "accessConfig", "vpcConfig")}
    _, outputs = change(world.east, CLUSTER, made, old, {**old, "version": "1.35"})
    assert outputs["version"] == "1.35"
    assert outputs["vpcConfig"] == made[1]["vpcConfig"]


def test_node_groups_grow_in_place_and_never_past_their_maximum(world):
    group = "aws:eks/nodeGroup:NodeGroup"
    cluster, outputs = a_cluster(world.east)
    inputs = {
        "clusterName": cluster,
        "nodeRoleArn": outputs["roleArn"],
        "subnetIds": outputs["vpcConfig"]["subnetIds"],
        "scalingConfig": {"minSize": 2, "desiredSize": 2, "maxSize": 4},
        "updateConfig": {"maxUnavailable": 1},
        "version": "1.34",
    }
    made = make(world.east, group, inputs, "nodes-1")
    grown = {**inputs, "scalingConfig": {"minSize": 3, "desiredSize": 3, "maxSize": 4}}
    change(world.east, group, made, inputs, grown)
    name = made[1]["nodeGroupName"]
    seen = world.client("eks").describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
    assert seen["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 4}
    taint = {"key": "team", "value": "data", "effect": "NO_SCHEDULE"}
    change(world.east, group, made, inputs, {**inputs, "taints": [taint]})
    wrong = {**inputs, "scalingConfig": {"minSize": 2, "desiredSize": 5, "maxSize": 4}}
    assert [key for key, _ in world.east.check(group, wrong)] == ["scalingConfig"]


def test_an_addon_is_kept_for_both_stacks_to_see_and_only_once(world):
    cluster, _ = a_cluster(world.east)
    inputs = {
        "clusterName": cluster,
        "addonName": "vpc-cni",
        "configurationValues": json.dumps({"enableNetworkPolicy": "true"}),
        "podIdentityAssociations": [{"roleArn": f"arn:aws:iam::{ACCOUNT}:role/cni", "serviceAccount": "aws-node"}],
        "resolveConflictsOnCreate": "OVERWRITE",
        "resolveConflictsOnUpdate": "OVERWRITE",
        "tags": {"a": "b"},
    }
    made = make(world.east, ADDON, inputs)
    assert made[0] == f"{cluster}:vpc-cni"
    assert world.west.tables["eks-Addon"][f"{EAST}/{made[0]}"]["addonName"] == "vpc-cni"
    with pytest.raises(UnsupportedError, match="ResourceInUseException"):
        make(world.east, ADDON, inputs)
    change(world.east, ADDON, made, inputs, {**inputs, "configurationValues": "{}"})
    assert world.tables["eks-Addon"][f"{EAST}/{made[0]}"]["configurationValues"] == "{}"
    remove(world.east, ADDON, made)
    assert world.tables["eks-Addon"] == {}


def test_a_call_that_moto_lacks_is_still_held_against_aws_own_description(world):
    cluster, _ = a_cluster(world.east)
    with pytest.raises(ValueError, match="roleArn"):
        make(
            world.east,
            "aws:eks/podIdentityAssociation:PodIdentityAssociation",
            {"clusterName": cluster, "namespace": "n", "serviceAccount": "s"},
        )


def test_a_pod_identity_is_changed_and_removed_by_its_association(world):
    kind = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    cluster, _ = a_cluster(world.east)
    inputs = {
        "clusterName": cluster,
        "namespace": "n",
        "serviceAccount": "s",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/a",
    }
    made = make(world.east, kind, inputs)
    assert made[1]["associationId"] == made[0]
    change(world.east, kind, made, inputs, {**inputs, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/b"})
    (row,) = world.tables["eks-PodIdentityAssociation"].values()
    assert row["roleArn"].endswith("role/b")
    remove(world.east, kind, made)
    assert not world.tables["eks-PodIdentityAssociation"]


def test_access_is_granted_only_on_a_cluster_that_exists(world):
    entry = "aws:eks/accessEntry:AccessEntry"
    principal = f"arn:aws:iam::{ACCOUNT}:role/operator"
    with pytest.raises(UnsupportedError, match="ResourceNotFoundException"):
        make(world.east, entry, {"clusterName": "nobody", "principalArn": principal})
    cluster, _ = a_cluster(world.east)
    make(world.east, entry, {"clusterName": cluster, "principalArn": principal, "type": "STANDARD"})
    make(
        world.east,
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        {
            "clusterName": cluster,
            "principalArn": principal,
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            "accessScope": {"type": "cluster"},
        },
    )
    assert len(world.tables["eks-AccessPolicyAssociation"]) == 1


def test_what_moto_lacks_fails_with_the_region_as_well(world):
    cluster, _ = a_cluster(world.west)
    world.faults.lose(WEST)
    with pytest.raises(RegionUnavailableError):
        make(world.west, ADDON, {"clusterName": cluster, "addonName": "coredns"})
