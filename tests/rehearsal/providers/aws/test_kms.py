"""Keys and their aliases."""

from __future__ import annotations

import json

from tests.rehearsal.providers.aws.world import ACCOUNT, make, unique


def test_a_key_rotates_and_is_found_by_its_alias(world):
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )
    id_, outputs = make(
        world.east, "aws:kms/key:Key", {"enableKeyRotation": True, "policy": policy, "tags": {"a": "b"}}
    )
    alias = f"alias/{unique('lifeline')}"
    _, alias_outputs = make(world.east, "aws:kms/alias:Alias", {"name": alias, "targetKeyId": id_})
    kms = world.client("kms")
    assert kms.get_key_rotation_status(KeyId=id_)["KeyRotationEnabled"] is True
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] == outputs["arn"] == alias_outputs["targetKeyArn"]
