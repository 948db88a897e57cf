"""Secrets and their replicas."""

from __future__ import annotations

import pytest

from tests.rehearsal.providers.aws.world import EAST, WEST, make, remove, unique


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
