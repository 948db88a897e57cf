"""The simulation itself: the same seed gives the same history, and the laws see what they are to see."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.root import PROGRAM_ROOT
from rehearsal.simulation.network import Blow
from rehearsal.simulation.plan import HORIZON_SECONDS, Act, Plan, Verb, planned
from rehearsal.simulation.search import explore, first_broken, shortest
from rehearsal.simulation.world import play
from tests.rehearsal.simulation.bugs import BUGS

FAILOVER = Plan(7, acts=(Act(20.0, "secondary", Verb.FAIL_OVER),))
SWITCHOVER = Plan(7, acts=(Act(20.0, "primary", Verb.DRAIN), Act(32.0, "secondary", Verb.TAKE)), faults=(), strikes=())


def said(trace: tuple[str, ...], *words: str) -> list[str]:
    return [line for line in trace if all(word in line for word in words)]


def test_the_same_seed_gives_the_same_history_in_any_process() -> None:
    program = "from rehearsal.simulation.world import play; from rehearsal.simulation.plan import planned\n"
    program += "print('\\n'.join(play(planned(11)).trace))"
    other = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROGRAM_ROOT,
        env=os.environ | {"PYTHONHASHSEED": "99"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.splitlines() == "\n".join(play(planned(11)).trace).splitlines()


def test_another_seed_gives_another_history() -> None:
    assert play(planned(11)).trace != play(planned(12)).trace


def test_a_failover_without_faults_is_one_claim_one_wait_and_one_ready_mark() -> None:
    history = play(FAILOVER)
    assert history.violations == ()
    secondary = [
        line.split('"step": "')[1].split('"')[0] for line in history.trace if "secondary's" in line and "step" in line
    ]
    assert secondary[:4] == ["claimed", "may promote", "writes resumed", "ready"]
    assert said(history.trace, "primary's fence", "closing noted")


def test_a_switchover_without_faults_passes_the_gate_and_loses_nothing() -> None:
    history = play(SWITCHOVER)
    assert history.violations == ()
    assert said(history.trace, "handover", "the replica has everything")
    assert not said(history.trace, "rows may be lost")


def test_histories_have_operators_who_quarrel_and_faults_of_each_kind() -> None:
    plans = [planned(seed) for seed in range(400)]
    assert {act.verb for plan in plans for act in plan.acts} == set(Verb)
    assert {strike.blow for plan in plans for strike in plan.strikes} == set(Blow)
    assert {plan.strict for plan in plans} == {True, False}
    assert all(act.at < HORIZON_SECONDS for plan in plans for act in plan.acts)


def test_no_history_breaks_a_law() -> None:
    summary = explore(1_000_000, 60)
    assert summary.broken == []
    assert summary.steps > 60 * 500
    assert summary.faults >= 60 * 3


QUICK = [
    "a claim cannot be repeated",
    "a superseded leader stays open",
    "the right to write stays",
    "a ready mark is written again",
    "a drain is noted before it is done",
    "the promotion comes before the claim",
    "a site is ready before its database is open",
]


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found_with_its_shortest_history(name: str) -> None:
    """`make simulate` plants all of them. These are found within a second or two."""
    bug = next(known for known in BUGS if known.name == name)
    with bug.planted():
        history = first_broken(range(300))
        assert history is not None
        short = shortest(history)
    assert bug.law in short.violations[0].law
    assert len(short.plan) < len(history.plan)
    assert play(short.plan).violations == (), "the program itself keeps the law"


def test_at_least_twenty_bugs_are_planted() -> None:
    assert len(BUGS) >= 20
    assert len({bug.name for bug in BUGS}) == len(BUGS)
