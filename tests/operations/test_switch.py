"""The answers of the switch, which move the web traffic."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from operations.ledger import LedgerUnreadableError
from operations.records import Claim
from operations.switch import Switch, SwitchServer
from recovery.naming import LEADER_PATH, LEADS_PATH, SWITCH_HEALTH_PATH, YIELDS_PATH
from recovery.timeline import DatabaseId
from tests.operations.world import REFUSED, SILENT, Table, ledger

_Answer = TypeVar("_Answer")

LEADS = {LEADS_PATH: (200, "lifeline-leads primary"), YIELDS_PATH: (404, "primary leads")}
YIELDS = {LEADS_PATH: (404, "secondary leads"), YIELDS_PATH: (200, "lifeline-yields primary")}
UNKNOWN = {LEADS_PATH: (503, "not known yet"), YIELDS_PATH: (503, "not known yet")}


def ready(table: Table, *epochs: int) -> Table:
    """The table, in which the leaders of these epochs are ready."""
    for epoch in epochs:
        database = table.items[f"epoch#{epoch}"]["database"]["S"]
        ledger(table).mark_ready(Claim(epoch, DatabaseId.parse(database)), "2026-01-01T00:00:00+00:00")
    return table


def answers(switch: Switch) -> dict[str, tuple[int, str]]:
    return {path: switch.answer(path) for path in (LEADS_PATH, YIELDS_PATH)}


def after_a_look(table: Table, site: str = "primary") -> dict[str, tuple[int, str]]:
    switch = Switch(site, ledger(table))
    switch.look()
    return answers(switch)


def test_before_the_first_look_it_claims_nothing() -> None:
    assert answers(Switch("primary", ledger(ready(Table("primary-1"), 1)))) == UNKNOWN


@pytest.mark.parametrize("claims", [(), ("primary-1",)])
def test_before_any_database_is_ready_it_claims_nothing(claims: tuple[str, ...]) -> None:
    assert after_a_look(Table(*claims)) == UNKNOWN


def test_the_site_of_the_newest_ready_mark_leads_and_the_other_yields() -> None:
    table = ready(Table("secondary-1", "primary-1"), 1, 2)
    assert after_a_look(table) == LEADS
    assert after_a_look(table, "secondary") == {
        LEADS_PATH: (404, "primary leads"),
        YIELDS_PATH: (200, "lifeline-yields secondary"),
    }


def test_a_claim_alone_moves_no_traffic() -> None:
    """The database is not promoted yet, and its pods still have the old role."""
    assert after_a_look(ready(Table("primary-1", "secondary-1"), 1)) == LEADS


def test_epochs_that_were_never_ready_hide_no_earlier_mark() -> None:
    claims = ("primary-1", "secondary-1", "secondary-1", "secondary-1", "secondary-1", "secondary-1")
    assert after_a_look(ready(Table(*claims), 1)) == LEADS


def test_a_new_database_of_the_same_site_keeps_the_traffic() -> None:
    assert after_a_look(ready(Table("primary-1", "primary-2"), 1, 2)) == LEADS


def test_it_follows_the_traffic_there_and_back() -> None:
    table = ready(Table("primary-1"), 1)
    switch = Switch("primary", ledger(table))
    seen = []
    for claims in (("primary-1",), ("primary-1", "secondary-1"), ("primary-1", "secondary-1", "primary-2")):
        table.items |= Table(*claims).items
        ready(table, len(claims))
        switch.look()
        seen.append(answers(switch))
    assert seen == [LEADS, YIELDS, LEADS]


@pytest.mark.parametrize("failure", [REFUSED, SILENT])
def test_a_ledger_that_does_not_answer_changes_no_answer(failure: Exception) -> None:
    table = ready(Table("primary-1"), 1)
    switch = Switch("primary", ledger(table))
    switch.look()
    table.failure = failure
    with pytest.raises(LedgerUnreadableError):
        switch.look()
    assert answers(switch) == LEADS


def test_a_look_is_one_request_however_long_the_history_is() -> None:
    table = ready(Table(*["primary-1"] * 30), 30)
    switch, reads = Switch("primary", ledger(table)), 0

    def count() -> None:
        nonlocal reads
        reads += 1

    switch.look()
    table.before_read = count
    switch.look()
    assert reads == 1


def test_a_backend_learns_who_leads_at_this_moment_and_not_at_the_last_look() -> None:
    table = ready(Table("primary-1"), 1)
    switch = Switch("primary", ledger(table))
    switch.look()
    table.items |= Table("primary-1", "secondary-1").items
    assert switch.answer(LEADER_PATH) == (200, "primary"), "a claim alone leads no one away"
    ready(table, 2)
    assert switch.answer(LEADER_PATH) == (200, "secondary")


@pytest.mark.parametrize("failure", [REFUSED, SILENT])
def test_a_backend_gets_the_last_answer_while_the_ledger_is_silent(failure: Exception) -> None:
    table = ready(Table("primary-1"), 1)
    table.failure = failure
    switch = Switch("secondary", ledger(table))
    assert switch.answer(LEADER_PATH) == (503, "not known yet")
    table.failure = None
    switch.look()
    table.failure = failure
    assert switch.answer(LEADER_PATH) == (200, "primary")


def test_backends_do_not_queue_behind_a_slow_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.switch._LOOK_SECONDS", 0.01)
    table = ready(Table("primary-1"), 1)
    switch = Switch("primary", ledger(table))
    switch.look()
    asked, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        assert go_on.wait(10)

    table.before_read = wait
    look = threading.Thread(target=switch.look)
    look.start()
    assert asked.wait(10)
    assert switch.answer(LEADER_PATH) == (200, "primary")
    go_on.set()
    look.join()


class Turns(threading.Condition):
    """Counts those who have come to wait. They hold the lock until they wait."""

    def __init__(self) -> None:
        super().__init__()
        self._come = threading.Semaphore(0)

    def wait_for(self, predicate: Callable[[], _Answer], timeout: float | None = None) -> _Answer:
        self._come.release()
        return super().wait_for(predicate, timeout)

    def have_come(self, number: int) -> bool:
        return all(self._come.acquire(timeout=10) for _ in range(number))


def test_any_number_of_backends_share_a_read_that_began_after_they_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first read may be too old for those who asked during it. The second is not, and serves them all."""
    table = ready(Table("primary-1"), 1)
    switch, reads = Switch("primary", ledger(table)), 0
    asked, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        nonlocal reads
        reads += 1
        asked.set()
        assert go_on.wait(10)

    switch.look()
    table.before_read = wait
    monkeypatch.setattr("operations.switch._LOOK_SECONDS", 15)
    turns = Turns()
    monkeypatch.setattr(switch, "_turn", turns)
    with ThreadPoolExecutor(21) as backends:
        first = backends.submit(switch.look)
        assert asked.wait(10)
        others = [backends.submit(switch.answer, LEADER_PATH) for _ in range(20)]
        assert turns.have_come(21)
        go_on.set()
        assert first.result(10) == "primary"
        assert {other.result(10) for other in others} == {(200, "primary")}
    assert reads == 2


@pytest.fixture
def served() -> Generator[tuple[Switch, int]]:
    switch = Switch("primary", ledger(ready(Table("primary-1"), 1)))
    with SwitchServer(switch, 0) as server:
        yield switch, server.port


def get(port: int, path: str) -> tuple[int, str, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("Cache-Control")
    finally:
        connection.close()


def test_over_http_the_words_come_uncached_and_only_at_their_paths(served: tuple[Switch, int]) -> None:
    switch, port = served
    assert get(port, LEADS_PATH) == (503, "not known yet\n", "no-store")
    switch.look()
    assert get(port, LEADS_PATH) == (200, "lifeline-leads primary\n", "no-store")
    assert get(port, f"{LEADS_PATH}?again=1") == (200, "lifeline-leads primary\n", "no-store")
    assert get(port, YIELDS_PATH) == (404, "primary leads\n", "no-store")
    assert get(port, "/lifeline/other")[0] == 404


def test_the_pod_is_healthy_before_the_ledger_answers(served: tuple[Switch, int]) -> None:
    """Otherwise a ledger that is down while pods start would take the switch away."""
    assert get(served[1], SWITCH_HEALTH_PATH)[0] == 200


def test_it_answers_many_checkers_at_once(served: tuple[Switch, int]) -> None:
    switch, port = served
    switch.look()
    with ThreadPoolExecutor(16) as checkers:
        assert {status for status, _, _ in checkers.map(lambda _: get(port, LEADS_PATH), range(64))} == {200}


def test_it_logs_the_leader_when_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    switch = Switch("primary", ledger(ready(Table("primary-1"), 1)))
    switch.look()
    switch.look()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["step"], line["leader"]) for line in lines] == [("switch", "primary")]
