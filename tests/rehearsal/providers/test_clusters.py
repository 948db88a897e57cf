"""Two clusters behind one stand-in: each explicit provider reaches its own, and a dead one refuses or forgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.client import GrpcProvider
from engine.monitor import DeploymentError
from engine.state import Resource
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.providers.kubernetes.backend import KubernetesBackend
from rehearsal.providers.server import ProviderServer, StandInProvider

TYPE = "kubernetes:core/v1:ConfigMap"
URN = f"urn:pulumi:primary::lifeline::{TYPE}::settings"
INPUTS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "default"}}


@pytest.fixture
def clusters() -> dict[str, KubernetesApi]:
    return {"one": KubernetesApi(), "two": KubernetesApi()}


@pytest.fixture
def provider(clusters: dict[str, KubernetesApi]) -> Iterator[GrpcProvider]:
    server = ProviderServer(
        StandInProvider(KubernetesBackend(clusters.__getitem__, region="us-east-2"), version="1.0.0")
    )
    client = GrpcProvider(server.port, project="lifeline", stack="primary", config={})
    yield client
    client.close()
    server.stop()


def instance(provider: GrpcProvider, cluster: str, **settings: Any) -> GrpcProvider:
    made = provider.another()
    made.configure({"clusterIdentifier": cluster, **settings})
    return made


def created(instance: GrpcProvider) -> Resource:
    id_, outputs = instance.create(URN, INPUTS)
    return Resource(
        type=TYPE, name="settings", parent="", custom=True, id=id_, inputs=INPUTS, outputs=outputs,
        secrets=[], dependencies=[], provider="", protect=False, retain=False,
    )  # fmt: skip


def names(cluster: KubernetesApi) -> list[str]:
    return [entry["metadata"]["name"] for entry in cluster.list("ConfigMap")]


def test_each_instance_of_a_provider_reaches_its_own_cluster(
    provider: GrpcProvider, clusters: dict[str, KubernetesApi]
) -> None:
    one, two = instance(provider, "one"), instance(provider, "two")
    created(two)
    assert (names(clusters["one"]), names(clusters["two"])) == ([], ["settings"])
    created(one)
    assert names(clusters["one"]) == ["settings"]
    for client in (one, two):
        client.close()


def test_a_dead_cluster_refuses_every_change(provider: GrpcProvider, clusters: dict[str, KubernetesApi]) -> None:
    one = instance(provider, "one")
    resource = created(one)
    clusters["one"].lose()
    for change in (lambda: created(one), lambda: one.update(URN, resource, INPUTS), lambda: one.delete(URN, resource)):
        with pytest.raises(DeploymentError, match="configured Kubernetes cluster is unreachable"):
            change()
    one.close()


def test_objects_of_a_dead_cluster_are_forgotten_if_its_provider_says_so(
    provider: GrpcProvider, clusters: dict[str, KubernetesApi]
) -> None:
    one = instance(provider, "one", deleteUnreachable="true")
    resource = created(one)
    clusters["one"].lose()
    one.delete(URN, resource)
    with pytest.raises(DeploymentError, match="unreachable"):
        created(one)
    one.close()


def test_the_setting_deletes_objects_of_a_living_cluster(
    provider: GrpcProvider, clusters: dict[str, KubernetesApi]
) -> None:
    one = instance(provider, "one", deleteUnreachable="true")
    one.delete(URN, created(one))
    assert names(clusters["one"]) == []
    one.close()


def test_a_lost_cluster_runs_no_pods() -> None:
    cluster = KubernetesApi()
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}
    meta = {"name": "web", "namespace": "default"}
    cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    assert cluster.pods("default", "web") == 2
    cluster.lose()
    assert cluster.pods("default", "web") == 0
