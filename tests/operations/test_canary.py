"""The canary's calls, against the services of the rehearsal's sites over real HTTP."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from operations import canary
from operations.canary import CALLS, Canary, Metrics, resolved
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.platform import SitePlatform
from tests.harness import route

DOMAIN = "mentalhealthplatform.com"
WEB, API, FIRST, SECOND = DOMAIN, f"api.{DOMAIN}", f"primary.{DOMAIN}", f"secondary.{DOMAIN}"


@dataclass
class Site:
    """A site that answers as the rehearsal's services do, unless a path is overridden."""

    name: str
    role: str
    replies: dict[str, Reply] = field(default_factory=dict[str, Reply])
    asked: list[Request] = field(default_factory=list[Request])
    mode: str = "hybrid"

    def answer(self, request: Request) -> Reply:
        self.asked.append(request)
        if request.path in self.replies:
            return self.replies[request.path]
        if request.path == "/health/complete":
            return Reply(200, {"status": "healthy", "site": self.name, "role": self.role})
        return self.platform.answer(request)

    def __post_init__(self) -> None:
        self.platform = SitePlatform(
            self.name,
            "us-east-2",
            route=route,
            read_config=lambda: {"CRISIS_FALLBACK_MODE": self.mode},
            not_ready=lambda service: "it has no pod" if service in ("mental-health-frontend", "switch") else None,
            ledger=None,  # type: ignore[arg-type]  # a call with `test: true` must not reach it
            conninfo=lambda _: None,
        )
        self.server = LoopbackServer(self.name, self.answer)


@dataclass
class World:
    """Two sites, DNS, and the canary of the first site."""

    primary: Site = field(default_factory=lambda: Site("primary", "active"))
    secondary: Site = field(default_factory=lambda: Site("secondary", "standby"))
    dns: dict[str, set[str]] = field(default_factory=lambda: {WEB: {"1"}, FIRST: {"1", "2"}, SECOND: {"3"}})
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.canary = Canary(
            DOMAIN,
            "primary",
            "secondary",
            Metrics(self.registry),
            reach=self.reach,
            resolve=lambda host: frozenset(self.dns.get(host, ())),
            clock=lambda: self.seconds,
        )

    def reach(self, host: str) -> str:
        site = {API: self.primary, FIRST: self.primary, SECOND: self.secondary}[host]
        address, port = site.server.address
        return f"http://{address}:{port}"

    def value(self, name: str, call: str | None = None) -> float:
        value = self.registry.get_sample_value(f"lifeline_canary_{name}", {} if call is None else {"call": call})
        assert value is not None
        return value


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    sites = [made.primary, made.secondary]
    for site in sites:
        site.server.start()
    yield made
    for site in sites:
        site.server.close()
        site.platform.close()


def test_the_plans_calls_are_made_as_tests_and_their_answers_are_exported(world: World) -> None:
    world.canary.look()
    posts = {request.path: request.body for request in world.primary.asked if request.method == "POST"}
    assert posts == {
        "/api/crisis/detect": {"message": "I am thinking about hurting myself", "test": True},
        "/api/crisis/escalate": {"severity": "high", "test": True},
        "/api/crisis/hotline": {"emergency": True, "test": True},
    }
    assert [world.value("success", call.name) for call in CALLS] == [1, 1, 1]
    assert [world.value("duration_seconds", call.name) for call in CALLS] == [0, 0, 0]
    assert (world.value("degraded"), world.value("active_sites"), world.value("dns_agrees")) == (0, 1, 1)
    assert [request.method for request in world.secondary.asked] == ["GET", "GET"], "no call is made at the other site"


@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
@pytest.mark.parametrize(
    "reply",
    [Reply(503, {"error": "no pod"}), Reply(200, {}), Reply(200, {"crisis_detected": False, "escalation_id": ""})],
)
def test_only_a_success_counts_as_an_answer(world: World, call: canary.PlannedCall, reply: Reply) -> None:
    world.primary.replies[call.path] = reply
    world.canary.look()
    assert world.value("success", call.name) == 0
    assert math.isnan(world.value("duration_seconds", call.name))
    assert [world.value("success", other.name) for other in CALLS if other is not call] == [1, 1]


def test_a_lost_site_fails_every_call_and_a_returned_one_none(world: World) -> None:
    world.canary.look()
    world.primary.server.cut()
    world.canary.look()
    assert [world.value("success", call.name) for call in CALLS] == [0, 0, 0]
    assert math.isnan(world.value("degraded")), "an old mode never looks fresh"
    assert world.value("active_sites") == 0
    world.primary.server.restore()
    world.canary.look()
    assert [world.value("success", call.name) for call in CALLS] == [1, 1, 1]


def test_the_time_of_an_answer_is_measured(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(host: str, path: str, body: object, *, needs: str) -> dict[str, object]:
        world.seconds += 3
        return {"crisis_detected": True, "escalation_id": "1", "connection_status": "connected", "mode": "hybrid"}

    monkeypatch.setattr(world.canary, "_ask", slow)
    world.canary._make(CALLS[0])
    assert world.value("duration_seconds", "detect") == 3


@pytest.mark.parametrize(("mode", "degraded"), [("hybrid", 0), ("keyword_only", 1), ("something_else", 1)])
def test_detection_without_its_models_is_degraded(world: World, mode: str, degraded: int) -> None:
    world.primary.mode = mode
    world.canary.look()
    assert world.value("degraded") == degraded


def test_a_detector_that_names_no_mode_is_neither(world: World) -> None:
    world.primary.replies["/api/crisis/detect"] = Reply(200, {"crisis_detected": True})
    world.canary.look()
    assert math.isnan(world.value("degraded"))
    assert world.value("success", "detect") == 1


@pytest.mark.parametrize(
    ("roles", "status", "sites"),
    [(("active", "standby"), 200, 1), (("active", "active"), 200, 2), (("active", "active"), 503, 1)],
)
def test_two_sites_that_both_serve_as_the_active_one_are_counted(
    world: World, roles: tuple[str, str], status: int, sites: int
) -> None:
    """A fenced site may still have the role of its last settings: it does not serve it, and answers 503."""
    world.primary.role = roles[0]
    world.secondary.replies["/health/complete"] = Reply(status, {"role": roles[1]})
    world.canary.look()
    assert world.value("active_sites") == sites


@pytest.mark.parametrize(
    ("leads_to", "dead", "agrees"),
    [
        ({"1"}, [], 1),
        ({"3"}, [], 1),
        ({"1"}, ["primary"], 0),
        ({"3"}, ["primary"], 1),
        ({"1"}, ["primary", "secondary"], 1),
        ({"9"}, [], 0),
        (set(), [], 0),
    ],
)
def test_dns_must_lead_to_a_site_that_answers(world: World, leads_to: set[str], dead: list[str], agrees: int) -> None:
    world.dns[WEB] = leads_to
    for site in (world.primary, world.secondary):
        if site.name in dead:
            site.replies["/health"] = Reply(503, {})
    world.canary.look()
    assert world.value("dns_agrees") == agrees


def test_an_answer_that_is_no_json_is_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.primary.replies["/api/crisis/detect"] = Reply(200, ["no", "object"])  # type: ignore[arg-type]
    world.canary.look()
    assert world.value("success", "detect") == 0


def test_a_name_that_dns_does_not_have_has_no_address() -> None:
    assert resolved("localhost") == {"127.0.0.1"}
    assert resolved("no-such-name.invalid") == frozenset()
