"""The outcome of a rehearsal, as data, as a table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.table import Table

from procedures.assumptions import Assumption
from procedures.checks import Check
from recovery.objectives import RPO_CRISIS_EVENTS_SECONDS, Tier
from rehearsal.not_modelled import NOT_MODELLED

LAST_FAILURES = 3
"""The number of failed requests that are shown of a tier."""


@dataclass(frozen=True)
class TierOutcome:
    """The outage of one tier. The plan's promise holds for everybody who follows DNS."""

    tier: Tier
    people: tuple[float, ...]
    """For each of those: from the disaster to the first answer after which no request failed; infinite if there was
    none. Simulated seconds."""
    assumptions: tuple[Assumption, ...]
    failures: tuple[str, ...] = ()
    """The failed requests of the outage."""
    left_behind: tuple[float, ...] = ()
    """The same for each of those who keep an address for longer than its TTL."""

    @property
    def measured_seconds(self) -> float:
        """The longest outage of a person."""
        return max(self.people, default=math.inf)

    def percentile(self, share: float) -> float:
        """The outage that a share of the people, from 0 to 1, did not exceed: one of those that were measured."""
        return percentile(self.people, share)

    @property
    def last_failures(self) -> tuple[str, ...]:
        """The failed requests after which the tier was back."""
        return self.failures[-LAST_FAILURES:]

    @property
    def assumed_seconds(self) -> int:
        """The sum of the assumed parts."""
        return sum(term.seconds for term in self.assumptions)

    @property
    def outage_seconds(self) -> float:
        """The measured and the assumed part together. No overlap is deducted."""
        return self.measured_seconds + self.assumed_seconds

    @property
    def not_modelled(self) -> tuple[str, ...]:
        """The links on which the outage depends, and which work in every rehearsal."""
        return NOT_MODELLED[self.tier.name]

    @property
    def kept(self) -> bool:
        """Whether the plan's promise was kept."""
        return self.outage_seconds < self.tier.rto_seconds


@dataclass(frozen=True)
class Loss:
    """The number of acknowledged items, and of those still present afterwards."""

    acknowledged: int
    found: int

    @property
    def lost(self) -> int:
        """The number of acknowledged items that are missing."""
        return self.acknowledged - self.found


@dataclass(frozen=True)
class StackStep:
    """One step of one stack."""

    stack: str
    op: str
    type: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a rehearsal."""

    scenario: str
    engine: str
    tiers: tuple[TierOutcome, ...]
    crisis_events: Loss
    user_rows: Loss
    event_rows: Loss
    """Rows of `crisis_events`, the history of a person. The limits of user rows hold for them."""
    crisis_event_loss_seconds: float = 0.0
    """The age, when writes ended, of the oldest lost crisis event; 0 if none was lost."""
    crisis_event_rpo_seconds: int = RPO_CRISIS_EVENTS_SECONDS
    """Above 0 only if every copy of the ledger was lost, for which the plan has no objective."""
    user_data_loss_seconds: float
    """The age, when writes ended, of the oldest lost row of a user or of their history; 0 if none was lost."""
    user_data_rpo_seconds: int
    steps: tuple[StackStep, ...]
    checks: tuple[Check, ...]
    phases: dict[str, float] = field(default_factory=dict[str, float])
    """Wall-clock seconds by phase."""

    @property
    def rows_lost(self) -> int:
        """The number of acknowledged rows of both tables that are missing."""
        return self.user_rows.lost + self.event_rows.lost

    @property
    def verdict(self) -> Literal["kept", "broken"]:
        """`kept` only if every promise was kept and every check passed."""
        kept = (
            bool(self.tiers)
            and all(tier.kept for tier in self.tiers)
            and self.crisis_events.acknowledged > 0
            and (self.crisis_events.lost == 0 or self.crisis_event_loss_seconds < self.crisis_event_rpo_seconds)
            and all(rows.acknowledged > 0 for rows in (self.user_rows, self.event_rows))
            and (not self.rows_lost or self.user_data_loss_seconds < self.user_data_rpo_seconds)
            and all(check.passed for check in self.checks)
        )
        return "kept" if kept else "broken"


def percentile(seconds: Sequence[float], share: float) -> float:
    """The value that a share of the values, from 0 to 1, does not exceed: one of them, infinite if there is none."""
    ranked = sorted(seconds)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else math.inf


def as_json(outcome: Outcome) -> str:
    """The outcome as a JSON document."""
    data: dict[str, Any] = {
        "scenario": outcome.scenario,
        "engine": outcome.engine,
        "tiers": [
            {
                "name": tier_outcome.tier.name,
                "target_seconds": tier_outcome.tier.rto_seconds,
                "outage_seconds": _number(tier_outcome.outage_seconds),
                "measured_seconds": {
                    "p50": _number(tier_outcome.percentile(0.5)),
                    "p99": _number(tier_outcome.percentile(0.99)),
                    "maximum": _number(tier_outcome.measured_seconds),
                },
                "people": len(tier_outcome.people),
                "left_behind_seconds": [_number(seconds) for seconds in tier_outcome.left_behind],
                "last_failures": tier_outcome.last_failures,
                "assumed_seconds": tier_outcome.assumed_seconds,
                "assumptions": [asdict(term) for term in tier_outcome.assumptions],
                "not_modelled": tier_outcome.not_modelled,
                "kept": tier_outcome.kept,
            }
            for tier_outcome in outcome.tiers
        ],
        "loss": {
            "crisis_events": asdict(outcome.crisis_events),
            "user_rows": asdict(outcome.user_rows),
            "event_rows": asdict(outcome.event_rows),
        },
        "crisis_event_loss_seconds": _number(outcome.crisis_event_loss_seconds),
        "user_data_loss_seconds": _number(outcome.user_data_loss_seconds),
        "steps": [asdict(step) for step in outcome.steps],
        "checks": [asdict(check) for check in outcome.checks],
        "phases": {name: round(seconds, 1) for name, seconds in outcome.phases.items()},
        "verdict": outcome.verdict,
    }
    return json.dumps(data, indent=2)


def _number(seconds: float) -> float | None:
    return None if seconds == float("inf") else round(seconds, 1)


def tier_table(outcomes: Sequence[TierOutcome]) -> Table:
    """A table of promises and outages, by tier."""
    names = ("tier", "promise", "outage", "p50", "p99", "maximum", "assumed", "")
    table = Table(*names, title="Outage by tier, measured over people, and assumed", title_justify="left")
    for outcome in outcomes:
        verdict = "[green]kept[/]" if outcome.kept else "[bold red]broken[/]"
        table.add_row(
            outcome.tier.title,
            f"< {duration(outcome.tier.rto_seconds)}",
            duration(outcome.outage_seconds),
            duration(outcome.percentile(0.5)),
            duration(outcome.percentile(0.99)),
            duration(outcome.measured_seconds),
            duration(outcome.assumed_seconds) if outcome.assumptions else "nothing",
            verdict,
        )
    return table


def loss_table(outcome: Outcome) -> Table:
    """A table of acknowledged and lost data."""
    table = Table("data", "promise", "acknowledged", "found", "lost", title="Loss", title_justify="left")
    for name, promise, loss in (
        ("crisis events", _limit(outcome.crisis_event_rpo_seconds), outcome.crisis_events),
        ("user rows", _limit(outcome.user_data_rpo_seconds), outcome.user_rows),
        ("history rows", _limit(outcome.user_data_rpo_seconds), outcome.event_rows),
    ):
        table.add_row(name, promise, str(loss.acknowledged), str(loss.found), str(loss.lost))
    return table


def _limit(seconds: int) -> str:
    return f"< {duration(seconds)}" if seconds else "none"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits a reader."""
    if seconds == float("inf"):
        return "never back"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
