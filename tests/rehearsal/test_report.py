"""The verdict on each promise, and the text of the report."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import pytest
from rich.console import Console
from rich.table import Table

from procedures.assumptions import BY_TIER
from procedures.checks import Check
from recovery.objectives import CORE, CRISIS, HOTLINE, TIERS, Tier
from rehearsal.not_modelled import NOT_MODELLED
from rehearsal.report import Loss, Outcome, StackStep, TierOutcome, as_json, loss_table, tier_table
from rehearsal.runner import STEPS_SHOWN, print_outcome
from tests.harness import ROOT


def outcome_of(tier: Tier, *people: float) -> TierOutcome:
    """The last of some people is never back, but keeps an address for too long."""
    return TierOutcome(tier, people, BY_TIER[tier.name], failures=tuple("12345"), left_behind=(math.inf,))


KEPT = Outcome(
    scenario="region-loss",
    engine="in-process",
    tiers=tuple(outcome_of(tier, 20.0, 30.0, 10.0) for tier in TIERS),
    crisis_events=Loss(20, 20),
    user_rows=Loss(40, 39),
    event_rows=Loss(30, 30),
    user_data_loss_seconds=2.0,
    user_data_rpo_seconds=3600,
    steps=(StackStep("secondary", "update", "kubernetes:apps/v1:Deployment", "fence-pods"),),
    checks=(Check("health", passed=True), Check("crisis", passed=True)),
)


def test_a_run_that_keeps_every_promise_is_kept() -> None:
    assert KEPT.verdict == "kept"


def test_a_younger_event_may_be_lost_only_where_the_scenario_allows_it() -> None:
    allowed = replace(KEPT, crisis_events=Loss(20, 19), crisis_event_loss_seconds=59.0, crisis_event_rpo_seconds=60)
    assert allowed.verdict == "kept"
    assert replace(allowed, crisis_event_rpo_seconds=0).verdict == "broken"


def test_a_planned_change_loses_no_row() -> None:
    planned = replace(KEPT, user_rows=Loss(40, 40), user_data_loss_seconds=0.0, user_data_rpo_seconds=0)
    assert planned.verdict == "kept"
    assert replace(planned, user_rows=Loss(40, 39)).verdict == "broken"
    assert replace(planned, event_rows=Loss(30, 29)).verdict == "broken"


@pytest.mark.parametrize(
    ("people", "p50", "p99", "maximum"),
    [
        ([3.0], 3.0, 3.0, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 2.0, 4.0, 4.0),
        (map(float, range(200)), 99.0, 197.0, 199.0),
        ([], math.inf, math.inf, math.inf),
    ],
)
def test_a_percentile_is_an_outage_that_somebody_had(
    people: list[float], p50: float, p99: float, maximum: float
) -> None:
    tier = outcome_of(CRISIS, *people)
    assert (tier.percentile(0.5), tier.percentile(0.99), tier.measured_seconds) == (p50, p99, maximum)


@pytest.mark.parametrize(
    "broken",
    [
        replace(KEPT, tiers=(outcome_of(CRISIS, 300.0), *KEPT.tiers[1:])),
        replace(KEPT, tiers=(outcome_of(CRISIS, float("inf")), *KEPT.tiers[1:])),
        replace(KEPT, crisis_events=Loss(20, 19)),
        replace(KEPT, crisis_events=Loss(20, 19), crisis_event_loss_seconds=60.0, crisis_event_rpo_seconds=60),
        replace(KEPT, crisis_events=Loss(0, 0)),
        replace(KEPT, user_rows=Loss(0, 0)),
        replace(KEPT, event_rows=Loss(0, 0)),
        replace(KEPT, tiers=(outcome_of(CRISIS), *KEPT.tiers[1:])),
        replace(KEPT, tiers=(outcome_of(CRISIS, 10.0, 10.0, 300.0), *KEPT.tiers[1:])),
        replace(KEPT, user_data_loss_seconds=3600.0),
        replace(KEPT, checks=(*KEPT.checks, Check("api", passed=False))),
    ],
    ids=[
        "late",
        "never back",
        "an event lost",
        "an event lost that was old enough to be in a copy",
        "nobody asked",
        "nobody wrote",
        "nobody wrote a history",
        "nobody was asked about",
        "one of three is late",
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
    assert (data["scenario"], data["engine"], data["verdict"]) == ("region-loss", "in-process", "kept")
    assert [entry["name"] for entry in data["tiers"]] == [tier.name for tier in TIERS]
    core = {key: value for key, value in data["tiers"][2].items() if key not in ("assumptions", "not_modelled")}
    assert core == {
        "name": "core",
        "target_seconds": 1800,
        "outage_seconds": 1050.0,
        "measured_seconds": {"p50": 20.0, "p99": 30.0, "maximum": 30.0},
        "people": 3,
        "left_behind_seconds": [None],
        "last_failures": ["3", "4", "5"],
        "assumed_seconds": 1020,
        "kept": True,
    }
    assert sum(term["seconds"] for term in data["tiers"][2]["assumptions"]) == 1020
    assert "roll-outs" in data["tiers"][2]["not_modelled"]
    assert [step["name"] for step in data["steps"]] == ["fence-pods"]
    assert data["checks"][0] == {"name": "health", "passed": True, "detail": ""}
    assert data["loss"] == {
        "crisis_events": {"acknowledged": 20, "found": 20},
        "user_rows": {"acknowledged": 40, "found": 39},
        "event_rows": {"acknowledged": 30, "found": 30},
    }
    assert data["user_data_loss_seconds"] == 2.0


def test_the_page_of_the_rehearsal_names_every_link_that_is_not_modelled() -> None:
    page = " ".join((ROOT / "docs/rehearsal.md").read_text().split())
    assert [link for links in NOT_MODELLED.values() for link in links if link not in page] == []
    assert NOT_MODELLED.keys() == {tier.name for tier in TIERS}


def test_the_json_of_a_broken_run_says_so() -> None:
    data = json.loads(as_json(replace(KEPT, tiers=(outcome_of(CRISIS, 300.0),))))
    assert (data["verdict"], data["tiers"][0]["kept"]) == ("broken", False)


def test_a_tier_that_never_came_back_is_null_in_json() -> None:
    lost = replace(KEPT, tiers=(outcome_of(CRISIS, float("inf")),))
    assert json.loads(as_json(lost))["tiers"][0]["outage_seconds"] is None


def test_the_table_of_tiers_sets_the_outage_against_the_promise() -> None:
    tiers = (outcome_of(CRISIS, 300.0), outcome_of(HOTLINE, float("inf")), outcome_of(CORE, 40.0, 50.0, 60.0))
    assert rows(tier_table(tiers)) == [
        ("Crisis Detection System", "< 5 min", "5 min", "5 min", "5 min", "5 min", "nothing", "[bold red]broken[/]"),
        ("988 Hotline Integration", "< 10 min", *["never back"] * 4, "nothing", "[bold red]broken[/]"),
        ("Core Platform", "< 30 min", "18 min", "50 s", "60 s", "60 s", "17 min", "[green]kept[/]"),
    ]


def test_the_table_of_losses_counts_what_was_acknowledged_and_not_found() -> None:
    assert rows(loss_table(KEPT)) == [
        ("crisis events", "none", "20", "20", "0"),
        ("user rows", "< 60 min", "40", "39", "1"),
        ("history rows", "< 60 min", "30", "30", "0"),
    ]


def rows(table: Table) -> list[tuple[object, ...]]:
    return list(zip(*(column.cells for column in table.columns), strict=True))


def printed(outcome: Outcome) -> str:
    text = io.StringIO()
    print_outcome(Console(file=text, width=200), outcome)
    return text.getvalue()


def test_a_flip_is_printed_step_by_step() -> None:
    text = printed(KEPT)
    assert "Steps: 1 update\n  update  kubernetes:apps/v1:Deployment  fence-pods\n" in text
    assert "more, which --json writes" not in text


def test_the_steps_of_a_new_cluster_do_not_hide_what_is_broken() -> None:
    steps = tuple(StackStep("primary", "create", "aws:iam/role:Role", f"role-{number}") for number in range(500))
    broken = Check("no request fails", passed=False, detail="crisis at 9 s: timed out")
    lines = printed(replace(KEPT, steps=steps, checks=(*KEPT.checks, broken))).splitlines()
    assert sum("aws:iam/role:Role" in line for line in lines) == STEPS_SHOWN
    assert lines[-6:] == [
        f"  and {500 - STEPS_SHOWN} more, which --json writes",
        "pass  health",
        "pass  crisis",
        "FAIL  no request fails",
        "      crisis at 9 s: timed out",
        "Verdict: broken",
    ]
