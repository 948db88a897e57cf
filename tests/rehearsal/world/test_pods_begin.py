"""When a Deployment counts as begun: when it has answered, or when it has had the time for that."""

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
from rehearsal.world.pods import BEGINS_SECONDS, Pods


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def pods(clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pods]:
    """The pods of a cluster whose switch answers."""
    cluster, server = KubernetesApi(), LoopbackServer("switch", lambda _: Reply(200, {}))
    server.start()
    with contextlib.closing(server), ApiServer(cluster) as api:
        found = Pods(cluster, api, "us-west-2", "", lambda _: None, clock=clock, folder=tmp_path, programs=Warm())
        monkeypatch.setattr(found, "addresses", lambda name: [server.address] if name == "switch" else [])
        with found:
            yield found


def test_a_deployment_has_begun_when_it_answers(pods: Pods) -> None:
    assert not pods.has_begun("switch")
    assert pods.ask("switch", Request("GET", "/")).status == 200
    assert pods.ask("fence", Request("GET", "/")).status == 503
    assert (pods.has_begun("switch"), pods.has_begun("fence")) == (True, False)


def test_after_a_loss_it_begins_again(pods: Pods, clock: ManualClock) -> None:
    pods.ask("switch", Request("GET", "/"))
    clock.advance(2 * BEGINS_SECONDS)
    pods.lose()
    pods.restore()
    assert not pods.has_begun("switch")


def test_one_that_never_answers_is_waited_for_only_so_long(pods: Pods, clock: ManualClock) -> None:
    clock.advance(BEGINS_SECONDS - 1)
    assert not pods.has_begun("fence")
    clock.advance(1)
    assert pods.has_begun("fence")
