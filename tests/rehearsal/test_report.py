"""When a promise counts as kept, and what the report says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rehearsal.report import Check, Loss, Outcome, as_json, outcome_of
from stacks.objectives import CRISIS, TIERS

KEPT = Outcome(
    scenario="region-loss",
    engine="in-process",
    tiers=tuple(outcome_of(tier, 30.0) for tier in TIERS),
    crisis_events=Loss(20, 20),
    user_rows=Loss(40, 39),
    user_data_loss_seconds=2.0,
    user_data_rpo_seconds=3600,
    steps=(),
    checks=(Check("health", passed=True),),
)


def test_a_run_that_keeps_every_promise_is_kept() -> None:
    assert KEPT.verdict == "kept"


@pytest.mark.parametrize(
    "broken",
    [
        replace(KEPT, tiers=(outcome_of(CRISIS, 300.0), *KEPT.tiers[1:])),
        replace(KEPT, tiers=(outcome_of(CRISIS, float("inf")), *KEPT.tiers[1:])),
        replace(KEPT, crisis_events=Loss(20, 19)),
        replace(KEPT, crisis_events=Loss(0, 0)),
        replace(KEPT, user_rows=Loss(0, 0)),
        replace(KEPT, user_data_loss_seconds=3600.0),
        replace(KEPT, checks=(Check("health", passed=False),)),
    ],
    ids=[
        "late",
        "never back",
        "an event lost",
        "nobody asked",
        "nobody wrote",
        "an hour of rows lost",
        "a check failed",
    ],
)
def test_one_broken_promise_breaks_the_run(broken: Outcome) -> None:
    assert broken.verdict == "broken"


def test_what_was_assumed_counts_against_the_promise() -> None:
    core = KEPT.tiers[2]
    assert core.outage_seconds == 30.0 + core.assumed_seconds
    assert core.assumed_seconds > 0
    assert KEPT.tiers[0].assumed_seconds == 0


def test_the_json_has_the_agreed_keys() -> None:
    data = json.loads(as_json(KEPT))
    assert {"scenario", "engine", "tiers", "loss", "steps", "verdict"} <= data.keys()
    tier = {"name", "target_seconds", "outage_seconds", "measured_seconds", "assumed_seconds", "kept"}
    assert all(tier <= entry.keys() for entry in data["tiers"])
    assert data["loss"] == {
        "crisis_events": {"acknowledged": 20, "found": 20},
        "user_rows": {"acknowledged": 40, "found": 39},
    }


def test_a_tier_that_never_came_back_is_null_in_json() -> None:
    lost = replace(KEPT, tiers=(outcome_of(CRISIS, float("inf")),))
    assert json.loads(as_json(lost))["tiers"][0]["outage_seconds"] is None
