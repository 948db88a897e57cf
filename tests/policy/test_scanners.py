"""The comparison with public scanners: the record is of these mutations, and a scanner gets the site's own values."""

from __future__ import annotations

import pytest

from policy.scanners import comparison
from tests.policy.draft import clean
from tests.policy.mutations.catalogue import MUTATIONS
from tests.policy.scanners.terraform import manifests, plan

SITE = clean("primary")
PLAN = plan(SITE)
RESOURCES = {entry["address"]: entry for entry in PLAN["planned_values"]["root_module"]["resources"]}


def test_the_record_is_of_these_mutations() -> None:
    recorded = [(entry.rule, entry.outage) for entry in comparison().mutations]
    known = [(entry.rule, entry.outage) for entry in MUTATIONS]
    assert set(recorded) <= set(known)
    assert len(recorded) >= 0.9 * len(known), "run `make compare` again"


def test_each_scanner_found_some_and_missed_some() -> None:
    entries = comparison().mutations
    for scanner in ("checkov", "compliance"):
        assert 0 < sum(bool(getattr(entry, scanner)) for entry in entries) < len(entries)


@pytest.mark.parametrize(
    ("address", "key", "value"),
    [
        ("aws_db_instance.database_1_instance", "backup_retention_period", 35),
        ("aws_dynamodb_table.ledger_table", "point_in_time_recovery", [{"enabled": True}]),
        ("aws_s3_bucket_versioning.backups_own_versioning", "versioning_configuration", [{"status": "Enabled"}]),
        ("aws_vpc_security_group_ingress_rule.front_https", "cidr_ipv4", "0.0.0.0/0"),
        ("aws_lb.front_alb", "drop_invalid_header_fields", True),
        ("aws_eks_cluster.cluster_1_eks", "version", "1.34"),
    ],
)
def test_a_plan_has_the_sites_values_under_terraforms_names(address: str, key: str, value: object) -> None:
    assert RESOURCES[address]["values"][key] == value


def test_a_plan_has_every_resource_of_aws_once_and_its_references() -> None:
    of_aws = [entry for entry in SITE.resources if entry.type.startswith(("aws:", "eks:"))]
    assert len(PLAN["planned_values"]["root_module"]["resources"]) == len(RESOURCES) == len(of_aws)
    (instance,) = (
        entry
        for entry in PLAN["configuration"]["root_module"]["resources"]
        if entry["address"] == "aws_db_instance.database_1_instance"
    )
    assert instance["expressions"]["parameter_group_name"]["references"] == [
        "aws_db_parameter_group.database_1_parameters"
    ]


def test_the_manifests_are_the_sites_objects() -> None:
    objects = [entry for entry in SITE.resources if entry.type.startswith("kubernetes:") and "kind" in entry.inputs]
    assert manifests(SITE) == [entry.inputs for entry in objects]
    assert len(objects) > 80
