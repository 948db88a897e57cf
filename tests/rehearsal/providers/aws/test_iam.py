"""Roles and their policies."""

from __future__ import annotations

import json

from tests.rehearsal.providers.aws.world import ACCOUNT, ROLE, TRUST, make


def test_a_role_takes_aws_managed_and_inline_policies(world):
    role, outputs = make(world.east, ROLE, {"assumeRolePolicy": TRUST, "tags": {"a": "b"}})
    managed = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
    make(world.east, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"role": role, "policyArn": managed})
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    inline = make(
        world.east, "aws:iam/rolePolicy:RolePolicy", {"role": role, "policy": json.dumps(allow), "name": "read"}
    )
    iam = world.client("iam")
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [managed]
    assert iam.get_role_policy(RoleName=role, PolicyName="read")["PolicyDocument"] == allow
    assert inline[0] == f"{role}:read"
    assert outputs["arn"] == f"arn:aws:iam::{ACCOUNT}:role/{role}"
