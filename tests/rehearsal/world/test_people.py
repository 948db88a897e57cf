"""People: the habits that there are, the outages that count, and one history of all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import cast

from recovery import objectives
from rehearsal.environment import Environment
from rehearsal.history import History, Kind
from rehearsal.offline import SiteWorld
from rehearsal.scenarios import actions
from rehearsal.world.browser import Browser
from rehearsal.world.client import BlackBoxClient, Habit
from rehearsal.world.clock import ManualClock, ScaledClock
from rehearsal.world.dns import ClientResolver, Resolver
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.people import HABITS, KEPT_SECONDS, OFTEN_SECONDS, SELDOM_SECONDS, People
from rehearsal.world.ways import Ask
from rehearsal.world.zone import Record, Zone

NAMES = ("example.com", "api.example.com")
TTL = 60


class World:
    """Two sites, of which one answers, and a zone that leads to either."""

    def __init__(self, clock: ManualClock | ScaledClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.takes = 0.0
        self.resolver = Resolver(self.zone("old"), lambda _: True)
        self.lost = ""
        self.phases: list[float] = []
        self.intervals: list[float] = []
        self.address = ("127.0.0.1", 0)

    @contextmanager
    def serving(self) -> Generator[None]:
        server = LoopbackServer("site", self._answer)
        server.start()
        with closing(server):
            self.address = server.address
            yield

    @staticmethod
    def zone(site: str) -> Zone:
        return Zone(tuple(Record(name=name, type="A", ttl=TTL, values=(f"{site}.elb",)) for name in NAMES))

    def dial(self, target: str, ask: Ask) -> tuple[str, int]:
        if target == self.lost:
            raise ConnectionError(f"{target} is lost")
        return self.address

    def people(self, seed: int = 0) -> People:
        return People(self._make, seed)

    def _make(self, habit: Habit, interval: float, history: History, phase: Callable[[], float]) -> BlackBoxClient:
        self.intervals.append(interval)
        self.phases.append(phase())
        browser = Browser(self, ClientResolver(self.resolver, self.clock, keeps=habit.keeps), self.clock)
        return BlackBoxClient("example.com", browser, self.clock, interval=interval, habit=habit, history=history)

    def _answer(self, request: Request) -> Reply:
        time.sleep(self.takes)
        return Reply(200, {"crisis_detected": True, "event_id": request.body.get("id", "")})


@contextmanager
def people_near(world: World) -> Generator[People]:
    started: list[People] = []

    def people(_: object) -> People:
        started.append(world.people())
        started[0].start()
        return started[0]

    environment = SimpleNamespace(clock=world.clock, people=people)
    yield actions.people_near(cast("Environment", environment), cast("SiteWorld", None))
    started[0].stop()


def ask(people: People, tier: str = "crisis") -> list[bool]:
    return [client.ask(tier).ok for client in people.clients]


def test_there_are_people_of_every_habit() -> None:
    assert {(habit.keeps, habit.insists) for habit in HABITS} == {
        (0, True),
        (0, False),
        (KEPT_SECONDS, False),
        (math.inf, False),
    }
    assert KEPT_SECONDS > TTL, "no record of the platform has a longer TTL"


def test_a_seed_draws_the_phases() -> None:
    one, same, other = World(), World(), World()
    for world, seed in ((one, 1), (same, 1), (other, 2)):
        world.people(seed)
    assert one.phases == same.phases != other.phases
    assert one.phases[0] == 0
    assert len(set(one.phases)) == len(HABITS) + 1
    assert all(0 <= phase < SELDOM_SECONDS for phase in one.phases)
    assert one.intervals == [OFTEN_SECONDS, *[SELDOM_SECONDS] * len(HABITS)]


def test_those_who_follow_dns_are_back_when_their_records_end_and_others_are_left_behind() -> None:
    world = World()
    with world.serving():
        people = world.people()
        assert all(ask(people))
        world.lost = "old.elb"
        world.resolver.replace(world.zone("new"))
        world.clock.sleep(10)
        assert not any(ask(people))
        world.clock.sleep(TTL)
        ask(people)
        world.clock.sleep(KEPT_SECONDS)
        ask(people)
    followers = [habit for habit in HABITS if habit.follows]
    waited = sum((1, 2, 4))
    assert len(people.outages("crisis", 1)) == 1 + len(followers)
    assert min(people.outages("crisis", 1)) >= 10 + TTL - 1
    assert people.outage("crisis", 1) == max(people.outages("crisis", 1)) <= 10 + TTL + waited * len(followers)
    assert math.inf not in people.outages("crisis", 1)
    late = people.left_behind("crisis", 1)
    assert [seconds == math.inf for seconds in late] == [habit.keeps == math.inf for habit in HABITS if habit.keeps]
    assert all(KEPT_SECONDS < seconds < math.inf for seconds in late[:2])
    assert people.worked_until("crisis", 0) == 0
    assert len(people.failures("crisis", 0)) == 1 + len(followers)


def test_everybody_writes_into_one_history() -> None:
    world = World()
    with world.serving():
        people = world.people()
        ask(people)
    events = [write.key for write in people.history.writes if write.kind is Kind.EVENT]
    assert len(set(events)) == len(HABITS) + 1


def test_time_that_is_skipped_is_part_of_no_answer() -> None:
    world = World(ScaledClock(200))
    world.takes = 0.2  # as long as the clients ask, one of their requests is on its way
    with world.serving(), people_near(world) as people:
        asked = len(people.first.samples("crisis"))
        while len(people.first.samples("crisis")) == asked:
            time.sleep(0.01)
    samples = people.first.samples("crisis")
    assert asked
    assert max(sample.latency for sample in samples) < world.clock.real(objectives.RPO_USER_DATA_SECONDS)
    assert samples[-1].at - samples[0].at > objectives.RPO_USER_DATA_SECONDS, "the first writes are old"
