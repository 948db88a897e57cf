"""A real Prometheus and a real Alertmanager page the right people, once, and climb until someone answers."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.alerts import routing
from recovery import objectives
from tests.alerts.live import OWN_JOBS, Monitoring, World, monitored, served
from tests.alerts.services import OWN, PEER
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


def components(world: World) -> list[str]:
    """The incidents of the pages at level 1, in order."""
    return [page["payload"]["component"] for page in world.sent("level-1")]


def test_a_dead_crisis_detector_pages_climbs_and_resolves(world: World, running: Monitoring) -> None:
    assert world.pages == []
    killed = time.monotonic()
    world.services.replicas[OWN]["crisis-detector"] = 0
    wait_until(lambda: "CrisisSystemDown" in components(world))
    first = world.sent("level-1")[components(world).index("CrisisSystemDown")]
    assert first["at"] - killed <= objectives.MINUTE
    for level in (2, 3, 4):
        wait_until(lambda level=level: world.sent(f"level-{level}"))
    levels = [page["payload"]["class"] for page in world.pages if page["event_action"] == "trigger"]
    assert list(dict.fromkeys(levels)) == ["level-1", "level-2", "level-3", "level-4"]
    phones = [f"+1202555010{number}" for number in (1, 2, 3, 4, 5, 6)]
    wait_until(lambda: set(world.messages) == set(phones))
    world.services.replicas[OWN]["crisis-detector"] = 2
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
    """The other site leads and is gone. DNS leads its users to this site, which answers and takes no writes."""
    world.services.leader = PEER
    wait_until(running.is_healthy)
    world.services.lose(PEER)
    wait_until(lambda: world.sent("level-1"))
    time.sleep(10)  # two intervals of a group, in which everything that fires would arrive
    assert {name for name in running.firing() if "Escalation" not in name} == {"PeerSiteSilent", "Watchdog"}
    assert len({page["dedup_key"] for page in world.sent("level-1")}) == 1
    assert set(components(world)) == {"PeerSiteSilent"}
    world.services.restore(PEER)
    wait_until(lambda: world.sent("level-1", "resolve"))


def test_an_outage_of_the_hotline_activates_its_backup_and_brings_the_draft_of_its_notice(
    world: World, running: Monitoring
) -> None:
    for site in (OWN, PEER):
        world.services.replicas[site]["hotline-gateway"] = 0
    wait_until(lambda: world.activations)
    assert set(world.activations) == {f"Bearer {routing.HOTLINE_KEY}"}
    wait_until(lambda: world.sent("level-1-public-notice"))
    running.silence("incident=HotlineFailing")  # an answer to the outage does not stop the clock of the notice
    pages = world.sent("level-1-public-notice")
    notice = pages[0]["payload"]["custom_details"]["notice"]
    times = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", notice)
    discovered, due, update = (datetime.strptime(time, "%Y-%m-%d %H:%M %Z").replace(tzinfo=UTC) for time in times)
    assert (due - discovered, update - due) == (timedelta(minutes=30), timedelta(minutes=30))
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME", notice).strip() == (
        "NOTICE OF A SERVICE OUTAGE (draft). Service: connection of calls to the 988 hotline. Discovered: TIME. "
        "Notice due: TIME. Reported by: the site primary. Meanwhile: call or text 988, or 911 in an emergency. "
        "Contact: +12025550110. Next update: TIME."
    )
    wait_until(lambda: "PublicNoticeDue" in running.firing())
