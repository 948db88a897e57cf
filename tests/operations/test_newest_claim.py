"""The search for the newest claim: whom it finds, and how often it asks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from botocore import xform_name
from hypothesis import given
from hypothesis import strategies as st

from components.alarms import data
from operations.deadline import Deadline, TooLateError
from operations.ledger import LOOK_AHEAD, JobLedger, LedgerUnreadableError
from operations.records import Claim
from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from recovery.timeline import DatabaseId
from tests.operations.world import Table, ledger

LEADER = DatabaseId.parse("primary-1")


class Counted(Table):
    """Notes the keys of each request. It answers the first `part` of them, and leaves the others for the next one."""

    def __init__(self, *epochs: int, part: int = 100) -> None:
        super().__init__()
        self.part = part
        self.asked: list[list[str]] = []
        self.claim(epochs)

    def claim(self, epochs: Sequence[int]) -> None:
        for epoch in epochs:
            item = Claim(epoch, LEADER).item
            self.items[item[LEDGER_KEY]["S"]] = item

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, request),) = RequestItems.items()
        keys = request["Keys"]
        self.asked.append([key[LEDGER_KEY]["S"] for key in keys])
        answer = super().batch_get_item(RequestItems={table: request | {"Keys": keys[: self.part]}})
        left = {table: request | {"Keys": keys[self.part :]}} if keys[self.part :] else {}
        return answer | {"UnprocessedKeys": left}


def claimed_epochs(steps: Sequence[int]) -> list[int]:
    return [sum(steps[: count + 1]) for count in range(len(steps))]


histories = st.lists(st.integers(1, LOOK_AHEAD), max_size=12).map(claimed_epochs)
"""Claimed epochs with gaps that the search must skip."""


@given(histories, st.integers(0, 12))
def test_it_finds_the_newest_claim_whatever_it_knew_before(epochs: list[int], known: int) -> None:
    table = Counted(*epochs[:known])
    searching = ledger(table)
    searching.newest_claim()
    table.claim(epochs)
    assert searching.newest_claim() == (Claim(epochs[-1], LEADER) if epochs else None)


def test_it_asks_once_while_nothing_new_is_claimed_and_never_twice_for_an_epoch() -> None:
    table = Counted(1, 2, 5)
    searching = ledger(table)
    searching.newest_claim()
    assert table.asked == [["epoch#1", "epoch#2", "epoch#3"], ["epoch#4", "epoch#5"], ["epoch#6", "epoch#7", "epoch#8"]]
    table.asked.clear()
    searching.newest_claim()
    assert table.asked == [["epoch#6", "epoch#7", "epoch#8"]]


def test_a_claim_that_a_throttled_ledger_leaves_out_is_asked_for_again() -> None:
    table = Counted(1, 2, 3, part=1)
    assert ledger(table).newest_claim() == Claim(3, LEADER)
    with pytest.raises(LedgerUnreadableError, match="3 items were not read"):
        ledger(Counted(1, part=0)).newest_claim()


def test_it_asks_a_throttled_ledger_nothing_more_after_its_deadline() -> None:
    deadline, table = Deadline.after(0.3), Counted(1, part=0)
    table.before_read = lambda: time.sleep(max(0.0, deadline.at - time.monotonic()))
    with pytest.raises(TooLateError):
        ledger(table).newest_claim(deadline)
    assert len(table.asked) == 1


def test_the_alarm_on_a_silent_ledger_counts_the_requests_of_this_search() -> None:
    made: list[str] = []

    class Noting:
        def __getattr__(self, operation: str) -> Any:
            def answer(**_: object) -> dict[str, Any]:
                made.append(operation)
                return {"Responses": {}}

            return answer

    assert JobLedger(Noting(), LEDGER_TABLE).newest_claim() is None  # pyright: ignore[reportArgumentType]
    (silent,) = (alarm for alarm in data.ledger("primary") if alarm.name == "LedgerSilent")
    assert made == [xform_name(str(silent.dimensions["Operation"]))]
