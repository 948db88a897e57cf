"""Pods with a preStop hook answer until its sleep is over, or until the cluster is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.warm import Warm
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.api_server import ApiServer
from rehearsal.world.clock import ManualClock
from rehearsal.world.loopback import Request
from rehearsal.world.pods import Pods
from tests.patience import wait_until

SLEEP = 20
NAMESPACE = "mental-health-platform"
SERVE = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["NAME"].encode())
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def deployment(name: str = "one") -> dict[str, Any]:
    """Pods that answer with a name."""
    container = {
        "name": "switch",
        "image": "operations@sha256:1",
        "command": ["python", "-c", SERVE],
        "env": [{"name": "NAME", "value": name}, {"name": "PORT", "value": "8080"}],
        "lifecycle": {"preStop": {"sleep": {"seconds": SLEEP}}},
    }
    labels = {"app": "switch"}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": "default", "containers": [container]}}
    meta = {"name": "switch", "namespace": NAMESPACE}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {**spec, "template": template}}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cluster() -> KubernetesApi:
    api = KubernetesApi()
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    account = {"name": "default", "namespace": NAMESPACE}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    return api


@pytest.fixture
def pods(cluster: KubernetesApi, clock: ManualClock, tmp_path: Path) -> Iterator[Pods]:
    """Two pods that serve."""
    cluster.apply(deployment())
    with (
        ApiServer(cluster) as api,
        Warm() as programs,
        Pods(cluster, api, "us-west-2", "", lambda _: None, clock, tmp_path / "logs", programs) as found,
    ):
        wait_until(lambda: answers(found) == ["one"])
        yield found


def answers(pods: Pods) -> list[str]:
    """The different answers to four requests."""
    replies = [pods.ask("switch", Request("GET", "/")) for _ in range(4)]
    return sorted({str(reply.body.get("answer", reply.status)) for reply in replies})


def delete(cluster: KubernetesApi, pods: Pods) -> None:
    cluster.delete("apps/v1", "Deployment", "switch", NAMESPACE)
    wait_until(lambda: not pods.addresses("switch"))


def test_pods_that_are_deleted_answer_until_their_hook_is_over(
    cluster: KubernetesApi, pods: Pods, clock: ManualClock
) -> None:
    delete(cluster, pods)
    clock.advance(SLEEP - 1)
    assert answers(pods) == ["one"]
    assert pods.beginnings.has_begun("switch")
    clock.advance(2)
    wait_until(lambda: not pods.beginnings.has_begun("switch"))  # noted when the processes have ended
    assert answers(pods) == ["503"]


def test_pods_that_are_replaced_end_at_once(cluster: KubernetesApi, pods: Pods) -> None:
    """Otherwise they would answer for new ones that never become ready."""
    cluster.apply(deployment("two"))
    wait_until(lambda: "two" in answers(pods))
    assert answers(pods) == ["two"]
    assert not pods._drain.addresses("switch")


def test_a_lost_cluster_takes_those_that_end(cluster: KubernetesApi, pods: Pods) -> None:
    delete(cluster, pods)
    pods.lose()
    assert answers(pods) == ["503"]
