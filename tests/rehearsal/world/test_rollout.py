"""A new Deployment counts as created when its pods have been ready for as long as it asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.kube import pods as manifests
from components.kube.services import CRISIS_DETECTOR, SWITCH, priority_class
from engine.warm import Warm
from recovery.naming import NAMESPACE, SWITCH_HEALTH_PATH
from rehearsal.providers.kubernetes.api import ApiError, KubernetesApi
from rehearsal.providers.kubernetes.backend import KubernetesBackend
from rehearsal.world.api_server import ApiServer
from rehearsal.world.clock import ManualClock
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.pods import Pods
from rehearsal.world.rollout import wait_for
from rehearsal.world.server import free_port

HOUR = 3600


def deployment(replicas: int = 1) -> dict[str, Any]:
    return manifests.deployment(
        SWITCH, image="operations@sha256:1", config_keys=(), checksum="", labels={}, replicas=replicas
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def switch(clock: ManualClock) -> Iterator[LoopbackServer]:
    """A pod that becomes ready after an hour."""

    def answer(request: Request) -> Reply:
        return Reply(200 if request.path == SWITCH_HEALTH_PATH and clock.now() >= HOUR else 503, {})

    server = LoopbackServer("switch", answer)
    server.start()
    with contextlib.closing(server):
        yield server


@pytest.fixture
def pods(clock: ManualClock, switch: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pods]:
    cluster = KubernetesApi()
    with ApiServer(cluster) as api:
        found = Pods(cluster, api, "us-west-2", "", lambda _: None, clock=clock, folder=tmp_path, programs=Warm())
        monkeypatch.setattr(found, "addresses", lambda _: [switch.address])
        with found:
            yield found


def test_it_waits_until_the_pods_are_ready_and_have_been_so_for_a_while(pods: Pods, clock: ManualClock) -> None:
    made = deployment()
    clock.advance(HOUR - 60)
    wait_for(pods, made)
    assert clock.now() == HOUR + made["spec"]["minReadySeconds"]


def test_it_waits_for_every_pod_and_not_longer_than_the_deadline(pods: Pods, clock: ManualClock) -> None:
    clock.advance(HOUR)
    with pytest.raises(ApiError, match=r'^Deployment "switch" exceeded its progress deadline$'):
        wait_for(pods, deployment(replicas=2))
    assert clock.now() == HOUR + deployment()["spec"]["progressDeadlineSeconds"]


def test_a_pod_that_does_not_listen_is_not_ready(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "addresses", lambda _: [("127.0.0.1", free_port())])
    with pytest.raises(ApiError, match="progress deadline"):
        wait_for(pods, deployment())


def test_it_waits_for_no_pods_that_run_nowhere(pods: Pods, clock: ManualClock) -> None:
    made = manifests.deployment(CRISIS_DETECTOR, image="a@sha256:1", config_keys=(), checksum="", labels={})
    wait_for(pods, made)
    assert clock.now() == 0


def test_the_provider_waits_for_a_new_deployment(pods: Pods) -> None:
    waited = list[str]()
    cluster = pods.cluster
    for manifest in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": priority_class(SWITCH.tier)},
            "value": 1,
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "switch", "namespace": NAMESPACE}},
    ):
        cluster.apply(manifest)
    backend = KubernetesBackend(
        lambda _: cluster, region="us-east-2", wait_for=lambda made: waited.append(made["metadata"]["name"])
    ).configured({})
    backend.create("kubernetes:core/v1:Namespace", "urn::a", {"apiVersion": "v1", "kind": "Namespace"})
    assert waited == []
    backend.create("kubernetes:apps/v1:Deployment", "urn::switch", deployment())
    assert waited == ["switch"]
