"""A real Prometheus and a real Alertmanager page the right people, once, and climb until someone answers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery import objectives
from tests.alerts.live import OWN_JOBS, Monitoring, World, monitored, served
from tests.patience import wait_until

pytestmark = [
    pytest.mark.monitoring,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus: run 'make monitoring'"),
]


@pytest.fixture
def world() -> Iterator[World]:
    watched = World()
    with served(watched):
        yield watched


@pytest.fixture
def running(world: World, tmp_path: Path) -> Iterator[Monitoring]:
    with monitored(world, tmp_path) as programs:
        yield programs


def test_a_dead_crisis_detector_pages_climbs_and_resolves(world: World, running: Monitoring) -> None:
    assert world.pages == []
    killed = time.monotonic()
    world.dead.add("crisis-detector")
    wait_until(lambda: world.sent("level-1"))
    (first,) = world.sent("level-1")
    assert first["payload"]["component"] == "CrisisSystemDown"
    assert first["at"] - killed <= objectives.MINUTE
    for level in (2, 3, 4):
        wait_until(lambda level=level: world.sent(f"level-{level}"))
    levels = [page["payload"]["class"] for page in world.pages if page["event_action"] == "trigger"]
    assert list(dict.fromkeys(levels)) == ["level-1", "level-2", "level-3", "level-4"]
    phones = [f"+1202555010{number}" for number in (1, 2, 3, 4, 5, 6)]
    wait_until(lambda: set(world.messages) == set(phones))
    world.dead.clear()
    for level in (1, 2, 3, 4):
        wait_until(lambda level=level: world.sent(f"level-{level}", "resolve"))
    assert running.is_healthy()


def test_a_dead_site_is_one_incident_for_each_person_and_an_answer_ends_the_climb(
    world: World, running: Monitoring
) -> None:
    world.dead.update(OWN_JOBS)
    wait_until(lambda: world.sent("level-1") and world.sent("level-1-database"))
    running.silence("incident=~.+")
    wait_until(lambda: len(running.firing()) >= 12 and "EscalationLevel2" in running.firing())
    time.sleep(10)  # two intervals of a group, in which everything that fires would arrive
    keys = {page["dedup_key"] for page in world.pages}
    assert len(keys) == 2, "the on-call engineer and the database admin have one incident each"
    assert {page["payload"].get("class") for page in world.pages} == {"level-1", "level-1-database"}


def test_a_lost_region_pages_once_from_the_other_site(world: World, running: Monitoring) -> None:
    """The other site leads and is gone: its own name and the web endpoint are silent until the failover."""
    world.silent.update({"peer", "web", "complete"})
    wait_until(lambda: {"PeerSiteSilent", "EndpointDown"} <= running.firing())
    wait_until(lambda: world.sent("level-1"))
    time.sleep(10)  # two intervals of a group, in which everything that fires would arrive
    pages = [page for page in world.pages if page["payload"]["class"] == "level-1"]
    assert len({page["dedup_key"] for page in pages}) == 1
    assert {page["payload"]["component"] for page in pages} == {"PeerSiteSilent"}
    world.silent.clear()
    wait_until(lambda: world.sent("level-1", "resolve"))
