"""Pods that become ready, and those that never do: by image, probe, and the check of their target group."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.declared import Declared
from rehearsal.world.readiness import GATE, REPOSITORY, Readiness
from rehearsal.world.services import NODES
from rehearsal.world.ways import TARGET_GROUP

SPACE, WEST, EAST = "app", "us-west-2", "us-east-2"
LABELS = {"component": "web"}
URLS = {region: f"123456789012.dkr.ecr.{region}.amazonaws.com/web" for region in (WEST, EAST)}
DIGEST = f"sha256:{'0' * 64}"
ASKED = {"path": "/health", "port": "http"}
CONTAINER: Mapping[str, Any] = {
    "name": "web",
    "image": f"{URLS[WEST]}@{DIGEST}",
    "ports": [{"name": "http", "containerPort": 8080}],
    "env": [{"name": "PORT", "value": "8080"}],
    "startupProbe": {"httpGet": ASKED},
    "readinessProbe": {"httpGet": ASKED},
    "livenessProbe": {"httpGet": {"path": "/", "port": 8080}},
}


def refusal(
    *,
    gate: str = "enabled",
    check: Mapping[str, Any] | None = None,
    lost: str = "",
    replicas: int = 2,
    nodes: int = 1,
    **changes: Any,
) -> str | None:
    """The reason for which a Deployment has no pod that is ready, with some changes of its container."""
    declared, cluster = Declared(), KubernetesApi()
    for region, url in URLS.items():
        declared.changed(REPOSITORY, "web", {"name": "web"}, {"repositoryUrl": url}, region)
    group = {"clusterName": "west", "subnetIds": ["a"], "instanceTypes": ["m7i.large"]}
    declared.changed(NODES, "nodes", {**group, "scalingConfig": {"maxSize": nodes}}, {})
    declared.changed(TARGET_GROUP, "target", {"healthCheck": check or {"path": "/health"}}, {})
    container = {**copy.deepcopy({**CONTAINER}), **changes}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template}
    binding = {"targetGroupARN": "target", "targetType": "ip", "serviceRef": {"name": "web", "port": 8080}}
    for api_version, kind, name, content in (
        ("v1", "Namespace", SPACE, {"metadata": {"labels": {GATE: gate}}}),
        ("v1", "Service", "web", {"spec": {"selector": LABELS, "ports": [{"port": 8080}]}}),
        ("apps/v1", "Deployment", "web", {"spec": spec}),
        ("elbv2.k8s.aws/v1beta1", "TargetGroupBinding", "web", {"spec": binding}),
    ):
        meta = {"name": name, "namespace": SPACE, **content.pop("metadata", {})}
        cluster._put({"apiVersion": api_version, "kind": kind, "metadata": meta, **content})
    served = {"web": ("/health", "/")}
    return Readiness(declared, cluster, "west", SPACE, served, lambda region: region != lost).refusal("web")


def test_pods_as_declared_are_ready() -> None:
    assert refusal() is None
    assert refusal(lost=EAST) is None
    assert refusal(check={"path": "/health", "port": "8080"}) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image": "docker.io/library/web@" + DIGEST}, "is in no repository of the platform"),
        ({"image": f"{URLS[WEST]}:latest"}, "is in no repository of the platform"),
        ({"image": f"{URLS[EAST]}@{DIGEST}", "lost": EAST}, "its image is in us-east-2, which does not answer"),
        ({"env": []}, "its startupProbe asks port 8080, and it listens at none"),
        ({"ports": [{"name": "http", "containerPort": 80}]}, "its startupProbe asks port 80, and it listens at 8080"),
        ({"ports": []}, "its startupProbe asks port http, and it listens at 8080"),
        ({"readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}}, "its readinessProbe asks /ready, which"),
        ({"livenessProbe": {"httpGet": {"path": "/", "port": 9464}}}, "its livenessProbe asks port 9464, and"),
        ({"check": {"path": "/healthy"}}, "its target group asks /healthy, which it does not serve"),
        ({"check": {"port": "9464", "path": "/health"}}, "its target group asks port 9464, and it listens at 8080"),
        ({"check": {"matcher": "200"}, "livenessProbe": {"httpGet": ASKED}}, None),
        ({"check": {"path": "/healthy"}, "gate": "disabled"}, None),
        ({"replicas": 0}, "web has no pod that is ready"),
        ({"nodes": 0}, "web has no pod that is ready: the cluster west has no nodes"),
    ],
)
def test_pods_that_never_are(changes: dict[str, Any], reason: str | None) -> None:
    found = refusal(**changes)
    assert (found is None) if reason is None else (reason in str(found))


def test_a_deployment_that_does_not_exist_has_no_pod() -> None:
    readiness = Readiness(Declared(), KubernetesApi(), "west", SPACE, {}, lambda _: True)
    assert readiness.refusal("web") == "web has no pod that is ready"


def test_two_regions_may_have_repositories_with_the_same_name() -> None:
    declared = Declared()
    for region, url in URLS.items():
        declared.changed(REPOSITORY, "web", {}, {"repositoryUrl": url}, region)
    declared.deleted(REPOSITORY, "web", WEST)
    assert [entry.region for entry in declared.of(REPOSITORY)] == [EAST]
