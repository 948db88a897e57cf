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
