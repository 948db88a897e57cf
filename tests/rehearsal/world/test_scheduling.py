"""Pods and the nodes that they find, by room, taint, label and zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.declared import Declared
from rehearsal.world.scheduling import TEMPLATE, Placement, placements, unplaced
from rehearsal.world.services import NODES

SPREAD = {"topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}
TAINT = {"key": "team", "value": "data", "effect": "NO_SCHEDULE"}


def nodes(*sizes: int, type_: str = "m7i.large", **more: Any) -> Declared:
    """One group per zone, with so many nodes at most."""
    declared = Declared()
    declared.changed(TEMPLATE, "template", {"instanceType": type_}, {})
    for number, size in enumerate(sizes):
        inputs = {"clusterName": "west", "subnetIds": [f"subnet-{number}"], "launchTemplate": {"id": "template"}}
        declared.changed(NODES, f"group-{number}", {**inputs, "scalingConfig": {"maxSize": size}, **more}, {})
    return declared


def cluster_of(*deployments: Mapping[str, Any]) -> KubernetesApi:
    """A cluster with some Deployments. Each is a pod with `name` and `replicas`."""
    cluster = KubernetesApi()
    for name, value in (("crisis", 100), ("core", 10)):
        meta = {"name": name}
        cluster.apply({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": meta, "value": value})
    for entry in deployments:
        pod = {key: value for key, value in entry.items() if key not in ("name", "replicas", "cpu", "memory")}
        requests = {"cpu": entry.get("cpu", "500m"), "memory": entry.get("memory", "1Gi")}
        spec = {**pod, "containers": [{"name": "web", "resources": {"requests": requests}}]}
        meta = {"name": entry["name"], "namespace": "app"}
        template = {"replicas": entry.get("replicas", 1), "template": {"spec": spec}}
        cluster._put({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": template})
    return cluster


def reasons(declared: Declared, *deployments: Mapping[str, Any]) -> dict[str, str]:
    """The reasons for which no pod of some Deployments finds a node."""
    found = unplaced(declared, cluster_of(*deployments), "west")
    assert {namespace for namespace, _ in found} <= {"app"}
    return {name: reason for (_, name), reason in found.items()}


def test_the_pods_of_a_surge_that_find_no_node_are_counted() -> None:
    cluster = cluster_of(
        {"name": "web", "replicas": 2, "priorityClassName": "core"},
        {"name": "detector", "replicas": 10, "priorityClassName": "crisis"},
    )
    found = placements(nodes(3), cluster, "west")
    reason = "no node of west has room for 500 millicores and 1024 MiB"
    assert found == {("app", "detector"): Placement(10, 9, reason), ("app", "web"): Placement(2, 0, reason)}
    found = placements(nodes(4), cluster, "west")
    assert found == {("app", "detector"): Placement(10, 10), ("app", "web"): Placement(2, 2)}


def test_pods_find_room_on_a_node() -> None:
    assert reasons(nodes(1), {"name": "web", "replicas": 3}) == {}


@pytest.mark.parametrize(
    ("pod", "fits"),
    [
        ({"cpu": "1930m"}, True),
        ({"cpu": "1931m"}, False),
        ({"cpu": "2"}, False),
        ({"memory": "7518Mi"}, True),
        ({"memory": "7519Mi"}, False),
        ({"memory": "7.5Gi"}, False),
    ],
)
def test_a_node_keeps_room_for_itself(pod: dict[str, Any], fits: bool) -> None:
    """An m7i.large has 2 processors and 8 GiB, of which kubelet keeps 70 millicores and 255 + 29 * 11 + 100 MiB."""
    found = reasons(nodes(1), {"name": "web", **pod})
    assert (found == {}) is fits
    assert fits or found["web"].startswith("no node of west has room for ")


def test_the_most_important_pods_come_first() -> None:
    least = {"name": "a-page", "replicas": 4, "cpu": "1500m", "priorityClassName": "core"}
    most = {"name": "detector", "replicas": 2, "cpu": "1500m", "priorityClassName": "crisis"}
    assert [*reasons(nodes(2), least, most)] == ["a-page"]
    assert reasons(nodes(3), least, most) == {}


@pytest.mark.parametrize(
    ("tolerations", "tolerated"),
    [
        ([], False),
        ([{"key": "team", "operator": "Equal", "value": "data"}], True),
        ([{"key": "team", "operator": "Equal", "value": "web"}], False),
        ([{"key": "team", "operator": "Exists"}], True),
        ([{"operator": "Exists"}], True),
        ([{"key": "other", "operator": "Exists"}], False),
    ],
)
def test_a_taint_keeps_pods_away_that_do_not_tolerate_it(tolerations: list[dict[str, str]], tolerated: bool) -> None:
    found = reasons(nodes(1, taints=[TAINT]), {"name": "web", "tolerations": tolerations})
    assert (found == {}) is tolerated
    soft = nodes(1, taints=[{**TAINT, "effect": "PREFER_NO_SCHEDULE"}])
    assert reasons(soft, {"name": "web", "tolerations": tolerations}) == {}


def test_a_pod_goes_to_nodes_with_the_labels_that_it_wants() -> None:
    pod = {"name": "web", "nodeSelector": {"disk": "fast"}}
    assert reasons(nodes(1, labels={"disk": "fast"}), pod) == {}
    assert "has the labels that its pods want" in reasons(nodes(1), pod)["web"]


def test_a_cluster_without_nodes_runs_nothing() -> None:
    assert reasons(Declared(), {"name": "web"}) == {"web": "the cluster west has no nodes"}
    assert reasons(Declared(), {"name": "web", "replicas": 0}) == {}


def test_a_spread_over_zones_keeps_pods_from_a_zone_that_has_more() -> None:
    """Zone 0 has room for one pod only, so zone 1 may have two, and the rest waits. One pod is enough to serve."""
    spread = {"name": "web", "replicas": 20, "cpu": "1500m", "priorityClassName": "crisis"}
    other = {"name": "other", "cpu": "1500m", "priorityClassName": "core"}
    assert reasons(nodes(1, 9), {**spread, "topologySpreadConstraints": [SPREAD]}, other) == {}
    assert [*reasons(nodes(1, 9), spread, other)] == ["other"]


def test_types_have_their_own_size() -> None:
    assert reasons(nodes(1, type_="m7i.2xlarge"), {"name": "web", "cpu": "7"}) == {}
    assert [*reasons(nodes(1, type_="t3.small"), {"name": "web", "memory": "2Gi"})] == ["web"]
    own = nodes(1, instanceTypes=["m7i.2xlarge"])
    assert reasons(own, {"name": "web", "cpu": "7"}) == {}
