"""An answer of a cluster's pods counts as their beginning, and a loss takes it back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.warm import Warm
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.api_server import ApiServer
from rehearsal.world.clock import ManualClock
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.pods import Pods
from rehearsal.world.server import free_port


@pytest.fixture
def pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pods]:
    """The pods of a cluster whose switch answers."""
    cluster, server, clock = KubernetesApi(), LoopbackServer("switch", lambda _: Reply(200, {})), ManualClock()
    server.start()
    with contextlib.closing(server), ApiServer(cluster) as api:
        found = Pods(cluster, api, "us-west-2", "", lambda _: None, clock=clock, folder=tmp_path, programs=Warm())
        monkeypatch.setattr(found, "addresses", lambda name: [server.address] if name == "switch" else [])
        with found:
            yield found


def test_an_answer_of_its_pods_is_a_beginning(pods: Pods) -> None:
    assert pods.ask("switch", Request("GET", "/")).status == 200
    assert pods.ask("fence", Request("GET", "/")).status == 503
    assert (pods.beginnings.has_begun("switch"), pods.beginnings.has_begun("fence")) == (True, False)


def test_a_loss_takes_it_back(pods: Pods) -> None:
    pods.ask("switch", Request("GET", "/"))
    pods.lose()
    assert not pods.beginnings.has_begun("switch")


def test_a_pod_that_does_not_listen_yet_is_asked_nothing(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pods begin, and one of them is earlier: a Service leads to that one."""
    (listening,), starting = pods.addresses("switch"), ("127.0.0.1", free_port())
    monkeypatch.setattr(pods, "addresses", lambda _: [listening, starting])
    assert [pods.ask("switch", Request("GET", "/")).status for _ in range(4)] == [200] * 4
    monkeypatch.setattr(pods, "addresses", lambda _: [starting])
    assert pods.ask("switch", Request("GET", "/")).body["error"].startswith("ConnectionRefusedError")


def test_a_pod_that_breaks_a_connection_is_not_left_out(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = LoopbackServer("broken", lambda _: Reply(200, {}))
    broken.start()
    broken.cut()
    (listening,) = pods.addresses("switch")
    with contextlib.closing(broken):
        monkeypatch.setattr(pods, "addresses", lambda _: [listening, broken.address])
        assert sorted(pods.ask("switch", Request("GET", "/")).status for _ in range(4)) == [200, 200, 502, 502]
