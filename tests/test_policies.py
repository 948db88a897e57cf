"""Every IAM policy that a site declares, checked by a linter and by a list of permitted wide patterns."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from components.permissions import WILDCARD_REASONS
from tests import rebuilt
from tests.harness import FAILED_OVER, PRIMARY_LEADS, deploy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # parliament imports pkg_resources, which warns of its own removal
    import parliament

SITES = {"primary": ("primary", PRIMARY_LEADS), "secondary": ("secondary", FAILED_OVER)}
every_site = pytest.mark.parametrize(("stack", "timeline"), SITES.values(), ids=SITES)


def identity_policies(stack: str, timeline: tuple[str, ...], **changes: Any) -> dict[str, dict[str, Any]]:
    return {
        resource.name: json.loads(resource.inputs["policy"])
        for resource in deploy(stack, timeline, **changes)
        if resource.type in ("aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy")
    }


def statements(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document["Statement"]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@every_site
def test_the_linter_finds_nothing_in_any_identity_policy(stack: str, timeline: tuple[str, ...]) -> None:
    policies = identity_policies(stack, timeline)
    assert len(policies) >= 5
    resources = {name: parliament.analyze_policy_string(json.dumps(entry)).findings for name, entry in policies.items()}
    details = {name: [str(finding.detail) for finding in findings] for name, findings in resources.items() if findings}
    # AWS added the condition key after the linter's list was made: AWS KMS Developer Guide, "AWS KMS condition keys".
    assert details == {
        "alertmanager-identity-policy": ["['sns:Publish']"],  # a phone number has no ARN
        "crisis-detector-identity-policy": ["Unknown condition kms:ResourceAliases for action kms:Decrypt"],
        "restore-identity-policy": ["Unknown condition kms:ResourceAliases for action kms:Decrypt"],
    }


def test_the_linter_can_find_something() -> None:
    wrong = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Nothing", "Resource": "*"}]}
    assert parliament.analyze_policy_string(json.dumps(wrong)).findings


@every_site
def test_no_action_is_a_wildcard(stack: str, timeline: tuple[str, ...]) -> None:
    wide = [
        (name, action)
        for name, document in identity_policies(stack, timeline).items()
        for statement in statements(document)
        for action in listed(statement["Action"])
        if "*" in action
    ]
    assert wide == []


def test_every_pattern_for_a_resource_has_its_reason_and_every_reason_its_pattern() -> None:
    repository = {"url": "https://git.example.com/exports.git", "tokenSecret": "lifeline/git"}
    pushing = identity_policies("primary", PRIMARY_LEADS, backups={"repository": repository})
    rebuilding = identity_policies(rebuilt.NAME, rebuilt.EMPTY, **rebuilt.SITE)
    documents = [pushing, rebuilding, *(identity_policies(stack, timeline) for stack, timeline in SITES.values())]
    patterns = {
        statement.get("Sid", name)
        for policies in documents
        for name, document in policies.items()
        for statement in statements(document)
        for resource in listed(statement["Resource"])
        if "*" in resource or "?" in resource
    }
    assert patterns == WILDCARD_REASONS.keys()


@every_site
def test_no_role_trusts_everybody(stack: str, timeline: tuple[str, ...]) -> None:
    trusts = [
        json.loads(resource.inputs["assumeRolePolicy"])
        for resource in deploy(stack, timeline)
        if resource.type == "aws:iam/role:Role"
    ]
    assert len(trusts) >= 5
    trusted = [statement for trust in trusts for statement in statements(trust)]
    assert [entry for entry in trusted if set(entry["Principal"]) != {"Service"}] == []
    pods = [entry for entry in trusted if entry["Principal"] == {"Service": "pods.eks.amazonaws.com"}]
    assert len(pods) >= 4
    # Without conditions, the pods of every cluster in the account could use the role.
    assert [entry for entry in pods if len(entry.get("Condition", {}).get("StringEquals", {})) != 3] == []
