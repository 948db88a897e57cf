"""The judge: each planted fault turns the rule that names it, and no other rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.history import History, Kind, Stored, Write
from rehearsal.judge import EVIDENCE, Finding, Limits, Span, judge, lost, overlap

HOUR, DISASTER = 3600.0, 10_000.0
LIMITS = Limits(disaster=DISASTER, oldest={Kind.EVENT: 0, Kind.USER: HOUR, Kind.EVENT_ROW: HOUR}, overlap=20, late=20)


def write(kind: Kind, number: int, at: float, place: str = "", refusal: str = "") -> Write:
    return Write(kind=kind, key=f"{kind.name}-{number}", began=at - 0.1, ended=at, place=place, refusal=refusal)


def row(number: int, at: float, place: str) -> Write:
    return write(Kind.USER, number, at, place)


EVENTS = [write(Kind.EVENT, number, number * 100.0) for number in range(1, 150)]
OLD = [row(number, number * 100.0, "old") for number in range(1, 101)]
NEW = [row(number, number * 100.0, "new") for number in range(102, 150)]
HISTORY = [write(Kind.EVENT_ROW, number, number * 100.0 + 50, "old") for number in range(1, 100)]
WRITES = sorted([*EVENTS, *OLD, *NEW, *HISTORY], key=lambda entry: entry.ended)
FIRST = {Kind.EVENT: EVENTS[0], Kind.USER: OLD[0], Kind.EVENT_ROW: HISTORY[0]}
Found = Mapping[Kind, Sequence[Stored]]


def left(
    events: Sequence[Write] = EVENTS, rows: Sequence[Write] = (*OLD, *NEW), history: Sequence[Write] = HISTORY
) -> Found:
    kept = {Kind.EVENT: events, Kind.USER: rows, Kind.EVENT_ROW: history}
    return {kind: [Stored(entry.key) for entry in entries] for kind, entries in kept.items()}


def broken(writes: Sequence[Write], found: Found, limits: Limits = LIMITS) -> list[Finding]:
    return [finding for finding in judge(writes, found, limits) if not finding.holds]


def test_a_history_of_which_everything_is_left_is_kept() -> None:
    assert broken(WRITES, left()) == []


def test_the_rows_of_the_last_minutes_before_the_disaster_may_be_lost_within_the_rpo() -> None:
    survivors = [entry for entry in OLD if entry.ended <= DISASTER - 600]
    assert broken(WRITES, left(rows=[*survivors, *NEW])) == []


@pytest.mark.parametrize("minutes", [2, 10])
def test_a_planned_change_may_lose_none_of_them(minutes: int) -> None:
    survivors = [entry for entry in OLD if entry.ended <= DISASTER - minutes * 60]
    planned = replace(LIMITS, oldest=dict.fromkeys(Kind, 0))
    (finding,) = broken(WRITES, left(rows=[*survivors, *NEW]), planned)
    assert finding.rule.startswith(f"lost user rows: {len(OLD) - len(survivors)} from before the disaster")
    assert finding.evidence[0] == str(OLD[len(survivors)])


def test_all_rows_are_lost_at_the_promotion() -> None:
    (finding,) = broken(WRITES, left(rows=NEW))
    assert "lost user rows: 100 from before the disaster, at most 9900.0 s old, and 0 after it" in finding.rule
    assert len(finding.evidence) == EVIDENCE + 1
    assert (finding.evidence[0], finding.evidence[-1]) == (str(OLD[0]), str(OLD[63]))


def test_one_row_that_is_older_than_the_rpo_is_enough() -> None:
    (finding,) = broken(WRITES, left(rows=[entry for entry in (*OLD, *NEW) if entry is not OLD[3]]))
    assert finding.evidence == (str(OLD[3]),)


def test_losses_after_the_disaster_must_lie_in_a_time_shorter_than_the_rpo() -> None:
    live = [row(number, number * 100.0, "old") for number in range(150, 200)]
    (finding,) = broken([*EVENTS, *OLD, *HISTORY, *live], left(rows=OLD))
    assert "0 from before the disaster, at most 0.0 s old, and 50 after it" in finding.rule


def test_the_history_of_people_has_the_limits_of_their_rows() -> None:
    assert broken(WRITES, left(history=HISTORY[:90])) == []
    (finding,) = broken(WRITES, left(history=HISTORY[1:]))
    assert finding.rule.startswith("lost history rows: 1 from before the disaster, at most 9850.0 s old")
    assert finding.evidence == (str(HISTORY[0]),)


def test_no_crisis_event_may_be_lost() -> None:
    (finding,) = broken(WRITES, left(events=EVENTS[:-1]))
    assert finding.rule.startswith("lost crisis events: 0 from before the disaster")
    assert finding.evidence == (str(EVENTS[-1]),)


@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_stored_twice(kind: Kind) -> None:
    found = {**left()}
    found[kind] = [*found[kind], found[kind][0]]
    (finding,) = broken(WRITES, found)
    assert finding.rule == f"{kind}s are stored twice: 1"
    assert finding.evidence == (str(FIRST[kind]),)


@pytest.mark.parametrize("kind", Kind)
def test_a_history_without_an_acknowledged_write_shows_nothing(kind: Kind) -> None:
    others = [entry for entry in WRITES if entry.kind is not kind]
    refused = replace(FIRST[kind], refusal="503: no site takes writes", place="")
    assert [finding.rule for finding in broken(others, left())] == [f"{kind}s were acknowledged: 0"]
    (finding,) = broken([refused, *others], left())
    assert finding.evidence == (str(refused),)


def test_a_change_that_is_lost_is_found_and_one_that_was_replaced_is_not() -> None:
    first, second, third = (replace(OLD[99], version=version, ended=DISASTER + version) for version in (1, 2, 3))
    writes = [*EVENTS, *HISTORY, *OLD[:99], first, second, third]
    planned = replace(LIMITS, oldest=dict.fromkeys(Kind, 0))
    for kept, missing in ((3, []), (2, [third]), (1, [second, third])):
        found = {**left(rows=OLD[:99])}
        found[Kind.USER] = [*found[Kind.USER], Stored(first.key, kept)]
        evidence = [line for finding in broken(writes, found, planned) for line in finding.evidence]
        assert evidence == [str(write) for write in missing]


def test_two_leaders_are_found_and_a_row_that_only_the_old_one_has() -> None:
    late = [row(number, 10_200.0 + (number - 200) * 10, "old") for number in range(200, 205)]
    writes = sorted([*WRITES, *late], key=lambda entry: entry.ended)
    both, missing = broken(writes, left())
    assert both.rule == "two databases took writes at once: 4 over 30.0 s, limit 20 s"
    assert missing.rule.startswith("rows are lost that a database acknowledged after another one had begun to lead: 4")
    assert both.evidence == missing.evidence == tuple(map(str, late[1:]))
    assert broken(writes, left(), replace(LIMITS, overlap=math.inf, late=math.inf)) == []
    (alone,) = broken(writes, left(rows=[*OLD, *NEW, *late]))
    assert alone == both


def test_without_a_time_for_two_leaders_a_single_write_is_too_many() -> None:
    late = row(200, 10_500.0, "old")
    strict = replace(LIMITS, overlap=0, late=0)
    assert broken(WRITES, left(), strict) == []
    both, missing = broken([*WRITES, late], left(), strict)
    assert both.rule == "two databases took writes at once: 1 over 0.0 s, limit 0 s"
    assert both.evidence == missing.evidence == (str(late),)


def test_a_scenario_that_promises_no_bound_says_so() -> None:
    *_, both, missing = judge(WRITES, left(), replace(LIMITS, overlap=math.inf, late=math.inf))
    assert both.rule.endswith("0 over 0.0 s, no limit")
    assert missing.rule.endswith("0 over 0.0 s, no limit")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([(1.0, "old"), (2.0, "old")], []),
        ([(1.0, "old"), (2.0, "old"), (3.0, "new"), (4.0, "new")], []),
        ([(1.0, "old"), (3.0, "new"), (4.0, "old"), (5.0, "new"), (7.5, "old")], [4.0, 7.5]),
        ([(1.0, "old"), (3.0, "new"), (600.0, "old")], [600.0]),
        ([(1.0, "old"), (3.0, "new"), (4.0, "newest"), (5.0, "new"), (6.0, "old")], [5.0, 6.0]),
    ],
    ids=["nothing", "one leader", "one after the other", "beside each other", "back after a while", "two flips"],
)
def test_a_leader_overlaps_after_the_next_one_has_begun(rows: list[tuple[float, str]], expected: list[float]) -> None:
    writes = [row(number, at, place) for number, (at, place) in enumerate(rows)]
    assert [entry.ended for entry in overlap(writes).writes] == expected


def test_a_refused_write_is_never_lost_and_a_repeated_one_counts_once() -> None:
    refused = replace(row(1, 1.0, ""), refusal="timed out")
    again = row(1, 4.0, "old")
    assert lost([refused], Kind.USER, []) == Span()
    assert lost([refused, again, replace(again, ended=5.0)], Kind.USER, []) == Span((again,))


def test_a_span_lasts_from_its_first_answer_to_its_last() -> None:
    assert str(Span((row(1, 3.0, "old"), row(2, 7.0, "old")))) == "2 over 4.0 s"
    assert str(Span()) == "0 over 0.0 s"


@given(st.lists(st.floats(0, 100), max_size=20))
def test_a_history_is_in_the_order_of_the_answers(moments: list[float]) -> None:
    history = History()
    for number, at in enumerate(moments):
        history.add(row(number, at, "old"))
    assert [entry.ended for entry in history.writes] == sorted(moments)


def test_a_write_says_what_became_of_it() -> None:
    assert str(row(1, 2.0, "db.example")) == "1.9-2.0 s  user row USER-1: acknowledged by db.example"
    assert str(EVENTS[0]) == "99.9-100.0 s  crisis event EVENT-1: acknowledged"
    assert str(replace(row(1, 2.0, ""), version=2)) == "1.9-2.0 s  user row USER-1 version 2: acknowledged"
    assert str(replace(EVENTS[0], refusal="503")) == "99.9-100.0 s  crisis event EVENT-1: 503"
