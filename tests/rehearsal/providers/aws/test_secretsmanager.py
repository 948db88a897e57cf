"""Secrets and their replicas."""

from __future__ import annotations

import pytest

from procedures.leftovers import separated
from procedures.readings import AbsentError
from tests.rehearsal.providers.aws.world import EAST, WEST, change, make, remove, unique, urn


def test_a_secret_and_its_value_are_in_both_regions(world):
    secret, version = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretVersion:SecretVersion"
    name = unique("lifeline/password")
    made = make(world.east, secret, {"name": name, "replicas": [{"region": WEST}], "recoveryWindowInDays": 0})
    make(world.east, version, {"secretId": made[0], "secretString": "s3cret"})
    for region in (EAST, WEST):
        assert world.client("secretsmanager", region).get_secret_value(SecretId=name)["SecretString"] == "s3cret"
    remove(world.east, secret, made)
    with pytest.raises(world.client("secretsmanager").exceptions.ResourceNotFoundException):
        world.client("secretsmanager").get_secret_value(SecretId=name)


def test_a_replica_that_becomes_a_secret_of_its_own_keeps_its_arn_and_its_value(world):
    secret, version = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretVersion:SecretVersion"
    name = unique("lifeline/password")
    made = make(
        world.east, secret, {"name": name, "replicas": [{"region": WEST}], "tags": {"lifeline:site": "primary"}}
    )
    make(world.east, version, {"secretId": made[0], "secretString": "s3cret"})
    arn, current = separated(world.client("secretsmanager", WEST), name, WEST)
    assert arn == made[0].replace(EAST, WEST)
    inputs, outputs = world.west.find(secret, urn("adopted", secret), arn)
    assert (inputs["name"], inputs["tags"], inputs["replicas"]) == (name, {"lifeline:site": "primary"}, [])
    assert outputs["arn"] == arn
    value, _ = world.west.find(version, urn("adopted", version), f"{arn}|{current}")
    assert value == {"secretId": arn, "secretString": "s3cret", "versionStages": ["AWSCURRENT"]}
    make(world.east, version, {"secretId": made[0], "secretString": "later"})
    assert world.client("secretsmanager", WEST).get_secret_value(SecretId=name)["SecretString"] == "s3cret"


def test_an_adopted_secret_gets_its_replica_back(world):
    secret, version = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretVersion:SecretVersion"
    name = unique("lifeline/password")
    made = make(world.east, secret, {"name": name, "replicas": [{"region": WEST}]})
    make(world.east, version, {"secretId": made[0], "secretString": "s3cret"})
    arn, _ = separated(world.client("secretsmanager", WEST), name, WEST)
    inputs, outputs = world.west.find(secret, urn("adopted", secret), arn)
    again = {**inputs, "replicas": [{"region": EAST}], "forceOverwriteReplicaSecret": True}
    change(world.west, secret, (arn, outputs), inputs, again)
    make(world.west, version, {"secretId": arn, "secretString": "rotated"})
    for region in (EAST, WEST):
        assert world.client("secretsmanager", region).get_secret_value(SecretId=name)["SecretString"] == "rotated"


def test_only_a_replica_stops_being_one(world):
    name = unique("lifeline/password")
    make(world.east, "aws:secretsmanager/secret:Secret", {"name": name})
    client = world.client("secretsmanager")
    with pytest.raises(client.exceptions.InvalidRequestException, match="is no replica"):
        client.stop_replication_to_replica(SecretId=name)


def test_a_secret_of_its_own_is_found_as_it_is(world):
    name = unique("lifeline/password")
    made = make(world.east, "aws:secretsmanager/secret:Secret", {"name": name})
    with pytest.raises(AbsentError, match="has no current version"):
        separated(world.client("secretsmanager"), name, EAST)
    make(world.east, "aws:secretsmanager/secretVersion:SecretVersion", {"secretId": made[0], "secretString": "x"})
    assert separated(world.client("secretsmanager"), name, EAST)[0] == made[0]
