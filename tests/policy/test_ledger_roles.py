"""Every role that the program declares, asked for generated requests to the ledger: who decides who leads, and who does
not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policy import iam
from policy.calls import LEADING_KEYS
from recovery import naming
from tests.harness import FAILED_OVER, PRIMARY_LEADS, deploy

ACCOUNT = "123456789012"
REGIONS = {"primary": "us-east-2", "secondary": "us-west-2"}
EVENTS = ("event#", "escalation#")
READ, WRITE = ("GetItem", "BatchGetItem", "Query"), ("PutItem", "UpdateItem")
RIGHTS: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {
    "backend": {(*READ, *WRITE): EVENTS},
    "crisis-detector": {("GetItem", "PutItem"): EVENTS},
    "hotline-gateway": {("GetItem", "PutItem"): EVENTS},
    "fence": {
        ("GetItem", "BatchGetItem"): ("epoch#", "handover#"),
        WRITE: ("handover#",),
        ("PutItem",): ("ready#", "closed#"),
    },
    "handover": {("GetItem",): ("epoch#", "handover#"), ("UpdateItem",): ("handover#",)},
    "promotion-wait": {("GetItem",): ("epoch#", "closed#", "handover#")},
    "claim": {("GetItem", "PutItem"): ("epoch#",)},
    "switch": {("BatchGetItem",): ("epoch#",), ("GetItem",): ("ready#",)},
    "postgresql-backup": {("GetItem", "BatchGetItem"): ("epoch#",)},
    "promotion-snapshot": {("BatchGetItem",): ("epoch#",)},
    "recovery-exporter": {("BatchGetItem",): ("epoch#",)},
    "restore": {("BatchGetItem",): ("epoch#",)},
}
"""By role: the operations on items, and the keys that each may name. A role that is not listed has no right."""
EXPORT = "ledger-export"
"""It compares an export with the table, so it reads items of any key, and it writes none."""
REVIEW = "crisis-review"
"""It scans the table for events, so it reads items of any key, and it writes none."""
MANAGED = {
    "AmazonEBSCSIDriverPolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonRDSEnhancedMonitoringRole",
    "AmazonSSMManagedInstanceCore",
}
"""AWS's own policies of roles, none of which has an action of DynamoDB. Source: AWS Managed Policy Reference."""
BACKUP = "AWSBackupServiceRolePolicyForBackup"
"""AWS Backup's own, for the service alone. It reads tables and makes recovery points."""

OPERATIONS = sorted(boto3.client("dynamodb", region_name="us-east-2").meta.service_model.operation_names)
PARTIQL = ("PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete")
actions = st.sampled_from((*OPERATIONS, *PARTIQL))
prefixes = st.sampled_from(
    ("epoch#", "ready#", "closed#", "handover#", *EVENTS, "", "event", "Event#", "epoch", " event#")
)
keys = st.none() | st.lists(st.builds(str.__add__, prefixes, st.text("a1#*?", max_size=3)), max_size=3).map(tuple)
"""None for a request without the condition key, such as a scan."""
tables = st.sampled_from((naming.LEDGER_TABLE, f"{naming.LEDGER_TABLE}/index/any", "another-table"))


@cache
def policies() -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """The documents of every role of both sites, in both roles of a site."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for site in REGIONS:
        for timeline in (PRIMARY_LEADS, FAILED_OVER):
            for entry in deploy(site, timeline):
                if entry.type == "aws:iam/rolePolicy:RolePolicy":
                    name = entry.name.removesuffix("-identity-policy")
                    found.setdefault((site, name), []).append(json.loads(entry.inputs["policy"]))
    return found


@pytest.fixture(scope="module", autouse=True)
def _declared_once() -> None:
    """Both sites are declared before the first example, whose time is limited."""
    policies()


def asked(action: str, table: str, region: str, given_keys: tuple[str, ...] | None) -> iam.Request:
    context = {} if given_keys is None else {LEADING_KEYS: given_keys}
    resource = f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{table}"
    return iam.Request(action=f"dynamodb:{action}", resource=resource, context=context)


def may(role: str, action: str, given_keys: tuple[str, ...] | None) -> bool:
    """Whether the table of rights allows an operation on the ledger of the own region."""
    return bool(given_keys) and any(
        action in operations and all(key.startswith(allowed) for key in given_keys or ())
        for operations, allowed in RIGHTS.get(role, {}).items()
    )


@pytest.mark.parametrize("site", REGIONS)
@given(action=actions, table=tables, region=st.sampled_from(sorted(REGIONS.values())), named=keys)
@example(action="Scan", table=naming.LEDGER_TABLE, region="us-east-2", named=None)
@example(action="PutItem", table=naming.LEDGER_TABLE, region="us-east-2", named=())
@example(action="PutItem", table=naming.LEDGER_TABLE, region="us-east-2", named=("event#1", "epoch#2"))
@example(action="PutItem", table=naming.LEDGER_TABLE, region="us-west-2", named=("epoch#2",))
@example(action="DeleteItem", table=naming.LEDGER_TABLE, region="us-east-2", named=("event#1",))
def test_a_role_may_do_what_its_pods_do_and_nothing_else(
    site: str, action: str, table: str, region: str, named: tuple[str, ...] | None
) -> None:
    here = table == naming.LEDGER_TABLE and region == REGIONS[site]
    request = asked(action, table, region, named)
    answers = {
        role: {iam.allows(document, request) for document in documents}
        for (of, role), documents in policies().items()
        if of == site and role not in (EXPORT, REVIEW)
    }
    assert answers == {role: {here and may(role, action, named)} for role in answers}


@pytest.mark.parametrize("site", REGIONS)
@given(action=actions, named=keys)
def test_the_export_reads_and_never_writes(site: str, action: str, named: tuple[str, ...] | None) -> None:
    request = asked(action, naming.LEDGER_TABLE, REGIONS[site], named)
    for document in policies()[site, EXPORT]:
        assert iam.allows(document, request) is (action in ("BatchGetItem", "ExportTableToPointInTime"))


@pytest.mark.parametrize("site", REGIONS)
@given(action=actions, named=keys)
def test_the_review_scans_and_does_nothing_else(site: str, action: str, named: tuple[str, ...] | None) -> None:
    request = asked(action, naming.LEDGER_TABLE, REGIONS[site], named)
    for document in policies()[site, REVIEW]:
        assert iam.allows(document, request) is (action == "Scan")


@pytest.mark.parametrize("site", REGIONS)
def test_the_table_of_rights_names_roles_that_exist(site: str) -> None:
    declared = {role for of, role in policies() if of == site}
    assert {*RIGHTS, EXPORT, REVIEW} <= declared


@pytest.mark.parametrize("site", REGIONS)
def test_no_policy_of_aws_opens_the_ledger_to_a_pod(site: str) -> None:
    attached = {
        (entry.inputs["policyArn"].rpartition("/")[2], entry.name)
        for entry in deploy(site)
        if entry.type == "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    }
    assert {policy for policy, _ in attached} == {*MANAGED, BACKUP}
    assert {name for policy, name in attached if policy == BACKUP} == {"vaults-policy"}
