"""Two clusters of a site side by side: the successor is built, the workloads move in one apply, the old one goes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from engine.diff import steps_between
from engine.registration import Registration
from policy.judge import judge
from policy.settings import read_settings
from policy.sources import from_registrations
from tests.harness import PRIMARY_LEADS, deploy, stack_config
from tests.policy.draft import TODAY, clean

BESIDE: dict[str, Any] = {"generations": [1, 2], "serving": 1}
MOVED: dict[str, Any] = {"generations": [1, 2], "serving": 2, "since": 1}
DEAD: dict[str, Any] = {"generations": [1, 2], "serving": 2, "unreachable": [1], "since": 1}
ALONE: dict[str, Any] = {"generations": [2], "serving": 2, "since": 1}
ROUTES = [f"routes-{service}" for service in ("backend", "crisis-detector", "frontend", "hotline-gateway", "switch")]
EKS = "eks:index:Cluster"


def site(**cluster: Any) -> list[Registration]:
    """The primary site with other clusters."""
    return deploy("primary", PRIMARY_LEADS, cluster={**stack_config("primary")["lifeline:cluster"], **cluster})


def by_name(resources: list[Registration]) -> dict[str, Registration]:
    return {resource.name: resource for resource in resources if resource.custom or resource.type == EKS}


def changes(before: list[Registration], after: list[Registration]) -> dict[str, list[str]]:
    """The names of the resources by operation."""
    steps = steps_between(before, after)
    return {
        op: sorted(step.name for step in steps if step.op == op) for op in ("create", "update", "replace", "delete")
    }


def above(resources: list[Registration], name: str) -> set[str]:
    """The names of everything that a resource waits for, directly or not. A component stands for its children."""
    by_urn = {resource.urn: resource for resource in resources}
    start = next(resource for resource in resources if resource.name == name and resource.custom)
    waiting, reached = [start.urn], set[str]()
    while waiting:
        for urn in by_urn[waiting.pop()].dependencies:
            if urn in by_urn and urn not in reached:
                reached.add(urn)
                waiting.append(urn)
    return {by_urn[urn].name for urn in reached}


def test_a_successor_is_built_beside_the_cluster_that_serves_and_changes_nothing_of_it() -> None:
    steps = changes(site(), site(**BESIDE))
    assert (steps["update"], steps["replace"], steps["delete"]) == ([], [], [])
    elsewhere = [name for name in steps["create"] if not name.startswith("cluster-2")]
    assert elsewhere == ["database-1-network-from-clients-2", "logs-cluster-2-subscription"]


def test_the_workloads_move_in_one_apply_that_touches_routes_and_clusters_only() -> None:
    steps = changes(site(**BESIDE), site(**MOVED))
    assert steps["replace"] == []
    assert steps["update"] == ROUTES
    kinds = {step.type.split("/")[0] for step in steps_between(site(**BESIDE), site(**MOVED)) if step.op == "delete"}
    assert {kind for kind in kinds if kind.startswith("aws:")} == {"aws:eks", "aws:iam", "aws:lb", "aws:vpc"}


def test_every_object_of_the_old_cluster_has_a_twin_in_the_new_one() -> None:
    def objects(resources: list[Registration]) -> Counter[tuple[str, str]]:
        return Counter(
            (entry.type, str(entry.inputs.get("metadata", {}).get("name", entry.inputs.get("name"))))
            for entry in resources
            if entry.type.startswith("kubernetes:")
        )

    assert objects(site(**BESIDE)) == objects(site())
    ran = Counter([("kubernetes:batch/v1:Job", "roles-primary-1")])
    assert objects(site(**MOVED)) + ran == objects(site())


def test_every_object_belongs_to_the_provider_of_the_cluster_that_serves() -> None:
    for cluster, provider in ((BESIDE, "cluster-1-kubernetes"), (MOVED, "cluster-2-kubernetes")):
        used = {entry.provider.split("::")[-2] for entry in site(**cluster) if entry.type.startswith("kubernetes:")}
        assert used == {provider}


@pytest.mark.parametrize("cluster", [{}, BESIDE, MOVED, ALONE], ids=["one", "beside", "moved", "alone"])
def test_traffic_moves_after_the_pods_are_ready_and_pods_start_after_their_way_is_open(cluster: dict[str, Any]) -> None:
    resources = site(**cluster)
    suffix = "-2" if cluster.get("serving") == 2 else ""
    for route in ROUTES:
        assert {f"platform{suffix}-backend", f"platform{suffix}-crisis-detector"} <= above(resources, route)
    waits = above(resources, f"platform{suffix}-crisis-detector")
    assert {f"targets{suffix}-rule-crisis-detector", f"targets{suffix}-from-8080", f"targets{suffix}-to-8080"} <= waits
    assert "front-listener-https" in waits


def test_the_serving_cluster_alone_is_protected_so_it_is_never_deleted_by_one_edit() -> None:
    for cluster, serving, other in (
        (BESIDE, "cluster-1-eks", "cluster-2-eks"),
        (MOVED, "cluster-2-eks", "cluster-1-eks"),
    ):
        resources = by_name(site(**cluster))
        assert (resources[serving].protect, resources[serving].inputs["deletionProtection"]) == (True, True)
        assert (resources[other].protect, resources[other].inputs["deletionProtection"]) == (False, False)


def test_the_old_cluster_goes_by_being_taken_out_of_the_list() -> None:
    before = site(**MOVED)
    steps = changes(before, site(**ALONE))
    assert (steps["create"], steps["update"], steps["replace"]) == ([], [], [])
    assert [name for name in steps["delete"] if "cluster-1" not in name] == ["database-1-network-from-clients"]
    assert [name for name in steps["delete"] if name in by_name(before) and by_name(before)[name].protect] == []


def test_a_dead_cluster_is_forgotten_by_its_provider_only() -> None:
    providers = {
        name: entry.inputs.get("deleteUnreachable")
        for name, entry in by_name(site(**DEAD)).items()
        if entry.type == "pulumi:providers:kubernetes"
    }
    assert providers == {"cluster-1-kubernetes": "true", "cluster-2-kubernetes": None}


def test_the_logs_of_both_clusters_are_copied() -> None:
    names = by_name(site(**MOVED))
    assert {"logs-cluster-1-subscription", "logs-cluster-2-subscription"} <= names.keys()


def test_jobs_that_ran_in_the_old_cluster_are_not_run_again() -> None:
    settings = {"switchover": {"take": 3}, "database": {"seeded": 2}}
    timeline = ("primary-1", "secondary-1", "primary-2")
    base = stack_config("primary")["lifeline:cluster"]
    before = deploy("primary", timeline, cluster=base, **settings)
    after = deploy("primary", timeline, cluster={**base, **MOVED, "since": 3}, **settings)
    assert "handover-3-job" in by_name(before)
    assert [name for name in by_name(after) if name.startswith("handover-3")] == []


@pytest.mark.parametrize("cluster", [BESIDE, MOVED, DEAD, ALONE], ids=["beside", "moved", "dead", "alone"])
def test_the_policy_pack_accepts_every_stage(cluster: dict[str, Any]) -> None:
    key = clean("primary").secrets_key
    judged = judge(from_registrations(site(**cluster), secrets_key=key), settings=read_settings(), today=TODAY)
    assert [str(finding) for finding in judged.findings] == []
