"""The time budget by tier: from the declared values, and refused above a promise."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lifeline import app as command
from lifeline.budget import Budget, Term, budgets, table
from recovery import objectives
from tests.policy.draft import Change, changed, clean, drop, put


def sums(change: Change | None = None) -> dict[str, int]:
    site = changed("primary", change) if change else clean("primary")
    return {budget.tier.name: budget.seconds for budget in budgets(site)}


def test_crisis_traffic_moves_after_the_checks_and_the_ttl_alone() -> None:
    crisis, hotline, *_ = budgets(clean("primary"))
    assert [(term.name, term.seconds) for term in crisis.terms] == [
        ("health checks fail", 30),
        ("clients ask DNS again", 15),
    ]
    assert hotline.terms == crisis.terms


@pytest.mark.parametrize("stack", ["primary", "secondary"])
def test_every_tier_is_within_its_promise(stack: str) -> None:
    entries = budgets(clean(stack))
    assert [entry.tier for entry in entries] == list(objectives.TIERS)
    assert [entry.tier.name for entry in entries if not entry.fits] == []


@pytest.mark.parametrize(
    ("change", "tier", "more"),
    [
        (put("traffic-checks-crisis", 6, "failureThreshold"), "crisis", 30),
        (put("traffic-checks-app", 30, "requestInterval"), "core", 60),
        (put("traffic-checks-peer-leads", 30, "requestInterval"), "core", 60),
        (put("traffic-api", 60, "ttl"), "crisis", 45),
        (
            put(
                "platform-backend", 48, "spec", "template", "spec", "containers", 0, "startupProbe", "failureThreshold"
            ),
            "core",
            120,
        ),
        (put("platform-backend", 35, "spec", "minReadySeconds"), "core", 30),
    ],
)
def test_a_slower_setting_makes_the_sum_larger(change: Change, tier: str, more: int) -> None:
    assert sums(change)[tier] - sums()[tier] == more


def test_each_term_names_its_source() -> None:
    terms = [term for budget in budgets(clean("primary")) for term in budget.terms]
    assert [term for term in terms if not term.source] == []
    assert {term.source.partition(":")[0] for term in terms} >= {"assumed", "traffic-api", "platform-backend"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (drop("traffic-api"), "declares no record for the tier crisis"),
        (drop("traffic-checks-crisis"), "traffic-api of primary has no health check"),
    ],
)
def test_a_site_without_an_entrance_has_no_budget(change: Change, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        budgets(changed("primary", change))


def test_a_sum_above_the_promise_is_said() -> None:
    late = Budget(objectives.CRISIS, (Term("waiting", 301, "a test"),))
    assert "ABOVE the promise of 300 s" in table([late])
    assert not late.fits


def test_the_command_exits_1_above_a_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CliRunner().invoke(command.app, ["budget", "--stack", "primary"]).exit_code == 0
    late = Budget(objectives.CRISIS, (Term("waiting", 301, "a test"),))
    monkeypatch.setattr("lifeline.budget.budgets", lambda site: (late,))
    assert CliRunner().invoke(command.app, ["budget", "--stack", "primary"]).exit_code == 1
