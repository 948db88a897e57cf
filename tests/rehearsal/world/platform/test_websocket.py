"""A site that takes writes opens WebSockets, and a client believes only the answer to its own key."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from procedures.web import RefusedError, accept_of
from rehearsal.world.browser import Browser
from rehearsal.world.clock import ManualClock
from rehearsal.world.dns import ClientResolver, Resolver
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.platform import FRONTEND
from rehearsal.world.ways import Ask
from rehearsal.world.websocket import opened
from rehearsal.world.zone import Alias, Record, Zone
from tests.rehearsal.world.platform.site import Site

HOST = "example.com"
Open = Callable[[tuple[str, int]], None]


@pytest.fixture
def open_at() -> Open:
    """Opens a WebSocket at an address, as a browser does."""

    class Way:
        address: tuple[str, int] = ("", 0)

        def dial(self, target: str, ask: Ask) -> tuple[str, int]:
            return self.address

    clock, way = ManualClock(), Way()
    zone = Zone((Record(name=HOST, type="A", alias=Alias("site.elb", False)),))
    browser = Browser(way, ClientResolver(Resolver(zone, lambda _: True), clock), clock)

    def open_socket(address: tuple[str, int]) -> None:
        way.address = address
        browser.open_socket(HOST, "/ws")

    return open_socket


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[Request], Reply]], tuple[str, int]]]:
    with contextlib.ExitStack() as stack:

        def serve(answer: Callable[[Request], Reply]) -> tuple[str, int]:
            server = LoopbackServer("any", answer)
            server.start()
            stack.callback(server.close)
            return server.address

        yield serve


def test_the_answer_to_a_key_is_that_of_the_rfc() -> None:
    assert accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_site_that_takes_writes_opens_one(site: Site, open_at: Open) -> None:
    open_at(site.platform.address)


def test_a_standby_opens_none_and_leads_no_one_away(site: Site, open_at: Open) -> None:
    site.config["DB_HOST"], site.leader, site.other_is_ready = "replica", "secondary", True
    with pytest.raises(RefusedError, match=r"^503: "):
        open_at(site.platform.address)
    assert site.platform.strays.answered == []


def test_without_the_rule_none_is_opened(site: Site, open_at: Open) -> None:
    site.misled["/ws"] = FRONTEND
    with pytest.raises(RefusedError, match=r"^404: "):
        open_at(site.platform.address)


def test_a_request_without_a_key_opens_none(site: Site) -> None:
    assert site.ask("GET", "/ws")[0] == 400


@pytest.mark.parametrize("reply", [opened("another key"), Reply(101, {}), Reply(200, {"site": "primary"})])
def test_only_the_answer_to_the_own_key_counts(
    reply: Reply, answering: Callable[[Callable[[Request], Reply]], tuple[str, int]], open_at: Open
) -> None:
    with pytest.raises(RefusedError, match="no WebSocket is opened"):
        open_at(answering(lambda _: reply))


def test_a_server_that_answers_the_key_is_believed(
    answering: Callable[[Callable[[Request], Reply]], tuple[str, int]], open_at: Open
) -> None:
    open_at(answering(lambda request: opened(request.socket_key)))
