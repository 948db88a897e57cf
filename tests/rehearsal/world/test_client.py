from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.web import RefusedError
from recovery.objectives import TIERS
from rehearsal.history import Kind
from rehearsal.world.browser import LONGEST_WAY, Browser
from rehearsal.world.client import CHANGES, BlackBoxClient, Habit
from rehearsal.world.clock import Clock, ManualClock, ScaledClock
from rehearsal.world.dns import ClientResolver, Resolver
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.samples import Sample, outage
from rehearsal.world.ways import Ask
from rehearsal.world.zone import Alias, Record, Zone

FOLLOWS = Habit()
TIER_NAMES = [tier.name for tier in TIERS]
ZONE = Zone(
    tuple(Record(name=name, type="A", alias=Alias("site.elb", False)) for name in ("example.com", "api.example.com"))
)


class World:
    """A platform with prescribed answers, and the network to it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.users: set[str] = set()
        self.dials: list[str] = []
        self.reachable = True
        self.overrides: dict[str, Reply | Callable[[Request], Reply]] = {}
        self.server = LoopbackServer("platform", self._answer)

    def dial(self, target: str, ask: Ask) -> tuple[str, int]:
        self.dials.append(target)
        if not self.reachable:
            raise TimeoutError(f"{target} does not answer")
        return self.server.address

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        if request.path in self.overrides:
            reply = self.overrides[request.path]
            return reply if isinstance(reply, Reply) else reply(request)
        if request.path == "/api/crisis/detect":
            return Reply(200, {"crisis_detected": True, "event_id": request.body["id"]})
        if request.path == "/api/crisis/hotline":
            return Reply(200, {"connection_status": "connected"})
        if request.method == "POST":
            self.users.add(str(request.body["id"]))
            return Reply(201, {"database": "db.example"})
        if request.path == "/api/users":
            return Reply(200 if request.query["id"] in self.users else 404, {})
        return Reply(200, {"status": "healthy", "role": "active"})


class Forgetful(set[str]):
    """Rows that are gone when a client asks for them."""

    def add(self, element: str, /) -> None:
        """Store nothing."""


@pytest.fixture
def world() -> Iterator[World]:
    entry = World()
    entry.server.start()
    yield entry
    entry.server.close()


def client_of(
    world: World, clock: Clock, interval: float = 5.0, timeout: float = 5.0, habit: Habit = FOLLOWS
) -> BlackBoxClient:
    resolver = ClientResolver(Resolver(ZONE, lambda _: True), clock)
    browser = Browser(world, resolver, clock, timeout=timeout)
    return BlackBoxClient("example.com", browser, clock, interval=interval, habit=habit)


def test_each_tier_asks_its_own_question(world: World) -> None:
    client = client_of(world, ManualClock())

    asked: dict[str, list[tuple[str, str]]] = {}
    for tier in TIER_NAMES:
        del world.requests[:]
        assert client.ask(tier).ok
        asked[tier] = [(request.method, request.path) for request in world.requests]

    assert asked == {
        "crisis": [("POST", "/api/crisis/detect")],
        "hotline": [("POST", "/api/crisis/hotline")],
        "core": [("POST", "/api/users")],
        "full": [("GET", "/"), ("GET", "/health/complete")],
        "data": [("POST", "/api/users"), ("GET", "/api/users"), ("POST", "/api/events")],
    }
    assert set(world.dials) == {"site.elb"}


def test_a_write_goes_where_a_site_that_cannot_take_it_sends_it(world: World) -> None:
    client = client_of(world, ManualClock())
    world.overrides["/api/users"] = Reply(307, {}, {"Location": "https://api.example.com/elsewhere/users"})
    assert client.ask("core").ok
    first, second = world.requests
    assert (first.host, second.host, second.path) == ("example.com", "api.example.com", "/elsewhere/users")
    assert (second.method, second.body) == ("POST", first.body)


def test_a_write_with_an_id_is_sent_again_with_longer_and_longer_waits(world: World) -> None:
    clock = ManualClock()
    client = client_of(world, clock)
    world.overrides["/api/users"] = Reply(503, {})
    with pytest.raises(RefusedError, match="503"):
        client.browser.insist("example.com", "POST", "/api/users", {"id": "ada"})
    assert [request.body for request in world.requests] == [{"id": "ada"}] * 4
    assert clock.now() == 7
    world.overrides.clear()
    client.browser.insist("example.com", "POST", "/api/users", {"id": "ada"})
    assert len(world.requests) == 5


def test_a_client_that_follows_the_contract_records_each_attempt(world: World) -> None:
    clock = ManualClock()
    client = client_of(world, clock, habit=Habit(insists=True))
    world.overrides["/api/users"] = Reply(503, {"error": "not now"})
    assert not client.ask("core").ok
    assert [(write.key, write.ended) for write in client.history.writes] == [
        (client.history.writes[0].key, seconds) for seconds in (0, 1, 3, 7)
    ]
    assert not any(write.acknowledged for write in client.history.writes)


def test_an_event_that_is_not_saved_in_the_history_is_not_saved_under_another_leader(world: World) -> None:
    client = client_of(world, ManualClock())
    assert client.ask("crisis").ok
    world.overrides["/api/events"] = Reply(503, {})
    assert not client.ask("data").ok
    world.overrides.clear()
    assert client.ask("data").ok
    assert [write.kind for write in client.history.writes if not write.acknowledged] == [Kind.EVENT_ROW]
    assert len([write for write in client.history.writes if write.kind is Kind.EVENT_ROW]) == 1


def test_a_client_that_is_sent_in_a_circle_gives_up(world: World) -> None:
    client = client_of(world, ManualClock())
    world.overrides["/api/users"] = Reply(307, {}, {"Location": "https://example.com/api/users"})
    sample = client.ask("core")
    assert (sample.ok, len(world.requests)) == (False, 1 + LONGEST_WAY)


def test_what_was_acknowledged_is_kept_by_id_with_its_time(world: World) -> None:
    clock = ManualClock()
    client = client_of(world, clock)
    for tier in TIER_NAMES:
        clock.advance(10)
        client.ask(tier)

    event, first, second, row = client.history.writes
    assert (event.kind, event.ended, event.place) == (Kind.EVENT, 10.0, "")
    assert [(user.kind, user.ended, user.place) for user in (first, second)] == [
        (Kind.USER, 30.0, "db.example"),
        (Kind.USER, 50.0, "db.example"),
    ]
    assert all(write.acknowledged for write in client.history.writes)
    assert (row.kind, row.key, row.ended, row.place) == (Kind.EVENT_ROW, event.key, 50.0, "db.example")
    assert {first.key, second.key, row.key} == world.users
    assert len({event.key, first.key, second.key}) == 3


def test_a_user_is_added_then_changed_and_then_the_next_one_is_added(world: World) -> None:
    client = client_of(world, ManualClock())
    for _ in range(2 * (CHANGES + 1)):
        assert client.ask("core").ok
    one, other = client.history.writes[: CHANGES + 1], client.history.writes[CHANGES + 1 :]
    assert [write.version for write in one] == [write.version for write in other] == [*range(1, CHANGES + 2)]
    assert [{write.key for write in user} for user in (one, other)] == [{one[0].key}, {other[0].key}]
    assert [request.body["version"] for request in world.requests[: CHANGES + 1]] == [*range(1, CHANGES + 2)]


def test_a_user_whose_change_is_refused_is_given_up(world: World) -> None:
    client = client_of(world, ManualClock())
    client.ask("core")
    world.overrides["/api/users"] = Reply(404, {"error": "no such user"})
    assert not client.ask("core").ok
    world.overrides.clear()
    client.ask("core")
    added, refused, again = client.history.writes
    assert (refused.key, refused.version, refused.acknowledged) == (added.key, 2, False)
    assert (again.key == added.key, again.version) == (False, 1)


@pytest.mark.parametrize(
    ("tier", "path", "reply"),
    [
        ("crisis", "/api/crisis/detect", Reply(503, {})),
        ("crisis", "/api/crisis/detect", Reply(200, {"crisis_detected": False})),
        ("crisis", "/api/crisis/detect", Reply(200, {"crisis_detected": True, "event_id": "another"})),
        ("hotline", "/api/crisis/hotline", Reply(200, {"connection_status": "busy"})),
        ("core", "/api/users", Reply(503, {})),
        ("full", "/health/complete", Reply(503, {})),
        ("full", "/health/complete", Reply(200, {"status": "healthy", "role": "standby"})),
        ("data", "/api/users", Reply(503, {})),
    ],
)
def test_an_answer_that_does_not_help_is_a_failure_and_acknowledges_nothing(
    world: World, tier: str, path: str, reply: Reply
) -> None:
    world.overrides[path] = reply
    client = client_of(world, ManualClock())

    sample = client.ask(tier)
    assert not sample.ok
    assert sample.reason
    assert client.samples(tier) == (sample,)
    refused = [write.refusal for write in client.history.writes]
    assert refused == ([sample.reason] if tier in ("crisis", "core", "data") else [])


def test_a_row_that_cannot_be_read_back_fails_the_data_tier_alone(world: World) -> None:
    client = client_of(world, ManualClock())
    world.users = Forgetful()

    assert client.ask("core").ok
    assert not client.ask("data").ok


def test_a_connection_that_times_out_takes_its_simulated_time_and_a_reset_does_not(world: World) -> None:
    clock = ManualClock()
    client = client_of(world, clock, timeout=5.0)
    world.reachable = False
    assert client.ask("full") == Sample("full", 5.0, False, clock.real(5.0), "site.elb does not answer")

    world.reachable = True
    world.server.cut()
    assert not client.ask("full").ok
    assert clock.now() == 5.0

    world.server.restore()
    assert client.ask("full").ok
    assert client.outage("full", since=0.0) == 5.0


def test_a_name_without_an_answer_is_a_failure(world: World) -> None:
    clock = ManualClock()
    resolver = ClientResolver(Resolver(Zone(), lambda _: True), clock)
    client = BlackBoxClient("example.com", Browser(world, resolver, clock), clock)

    assert client.ask("core").reason == "the zone has no record example.com"


def sample(at: float, ok: bool) -> Sample:
    return Sample("core", at, ok, 0.0)


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        ([], math.inf),
        ([(101, True), (106, True)], 0.0),
        ([(101, True), (106, False), (111, True)], 11.0),
        ([(101, False), (106, True), (111, False), (116, True), (121, True)], 16.0),
        ([(101, True), (106, False)], math.inf),
    ],
)
def test_an_outage_ends_with_the_first_success_after_which_nothing_fails(
    answers: list[tuple[float, bool]], seconds: float
) -> None:
    assert outage([sample(at, ok) for at, ok in answers], since=100.0) == seconds


@given(st.lists(st.booleans(), max_size=12))
def test_an_outage_is_as_long_as_the_last_failure_says(oks: list[bool]) -> None:
    samples = [sample(100.0 + index, ok) for index, ok in enumerate(oks)]
    entry = outage(samples, since=100.0)

    assert (entry == 0) == (bool(oks) and all(oks))
    if 0 < entry < math.inf:
        assert not samples[int(entry) - 1].ok
        assert all(oks[int(entry) :])
    assert (entry == math.inf) == (not oks or not oks[-1])


def test_an_outage_counts_only_what_was_asked_in_its_window(world: World) -> None:
    clock = ManualClock()
    client = client_of(world, clock)
    for at, ok in ((10, False), (20, True), (30, False), (40, True), (50, False)):
        clock.advance(at - clock.now())
        world.overrides = {} if ok else {"/health/complete": Reply(503, {})}
        client.ask("full")

    assert client.outage("full", since=15.0, until=45.0) == 25.0
    assert client.outage("full", since=15.0) == math.inf
    assert client.outage("full", since=35.0, until=45.0) == 0.0
    assert client.outage("core", since=15.0) == math.inf, "it was not asked"


def test_an_outage_that_nothing_announces_begins_with_the_last_answer_before_it(world: World) -> None:
    clock = ManualClock()
    client = client_of(world, clock)
    for at, ok in ((10, True), (20, True), (30, False), (40, True), (50, False), (60, True)):
        clock.advance(at - clock.now())
        world.overrides = {} if ok else {"/health/complete": Reply(503, {})}
        client.ask("full")

    assert client.worked_until("full", since=5.0) == 20.0
    assert client.outage("full", since=client.worked_until("full", since=5.0)) == 40.0
    assert client.worked_until("full", since=45.0) == 45.0, "it failed at once"
    assert client.outage("full", since=client.worked_until("full", since=55.0)) == 0.0


def test_a_request_of_the_data_tier_saves_no_event_that_was_noted_after_it_began(world: World) -> None:
    client = client_of(world, ManualClock())

    def saved(request: Request) -> Reply:
        if saves() < 5:
            assert client.ask("crisis").ok, "another event is noted while this one is saved"
        return Reply(201, {})

    def saves() -> int:
        return sum(request.path == "/api/events" for request in world.requests)

    world.overrides["/api/events"] = saved
    assert client.ask("crisis").ok
    for times in (1, 2):
        assert client.ask("data").ok
        assert saves() == times


def client_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("client-")]


def wait_until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(1000):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not happen")


def test_every_tier_is_asked_again_and_again_and_all_threads_end(world: World) -> None:
    client = client_of(world, ScaledClock(200), interval=1.0)
    with client:
        wait_until(lambda: all(len(client.samples(tier)) > 2 for tier in TIER_NAMES))
        assert sorted(client_threads()) == sorted(f"client-{tier}" for tier in TIER_NAMES)

    assert client_threads() == []
    assert all(sample.ok for tier in TIER_NAMES for sample in client.samples(tier))


def test_the_threads_end_also_when_the_rehearsal_fails(world: World) -> None:
    client = client_of(world, ScaledClock(200), interval=3600.0)
    world.reachable = False

    with pytest.raises(KeyError), client:
        raise KeyError

    assert client_threads() == []


def test_a_client_that_dies_of_a_fault_of_its_own_says_so(world: World) -> None:
    client = client_of(world, ScaledClock(200))
    client._probes["full"] = lambda: {}.missing  # pyright: ignore[reportAttributeAccessIssue]
    client.start()
    wait_until(lambda: client._failure is not None)

    with pytest.raises(RuntimeError, match="a client died"):
        client.stop()
    assert client_threads() == []
