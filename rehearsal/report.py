"""The outcome of a rehearsal, as data, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.table import Table

from recovery.objectives import RPO_CRISIS_EVENTS_SECONDS, Tier
from rehearsal.assumptions import Assumption


@dataclass(frozen=True)
class TierOutcome:
    """What users of one tier went through."""

    tier: Tier
    measured_seconds: float
    """From the disaster to the first answer after which none failed; infinite if it never came."""
    assumptions: tuple[Assumption, ...]

    @property
    def assumed_seconds(self) -> int:
        """The terms that were not measured."""
        return sum(term.seconds for term in self.assumptions)

    @property
    def outage_seconds(self) -> float:
        """Measured and assumed together. No overlap is deducted."""
        return self.measured_seconds + self.assumed_seconds

    @property
    def kept(self) -> bool:
        """Whether the plan's promise was kept."""
        return self.outage_seconds < self.tier.rto_seconds


@dataclass(frozen=True)
class Loss:
    """What was acknowledged to a client, and what of it was found afterwards."""

    acknowledged: int
    found: int

    @property
    def lost(self) -> int:
        """Acknowledged and not found."""
        return self.acknowledged - self.found


@dataclass(frozen=True)
class Check:
    """One of the plan's own verification calls."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class StackStep:
    """One step that the flip took."""

    stack: str
    op: str
    type: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything that a rehearsal measured."""

    scenario: str
    engine: str
    tiers: tuple[TierOutcome, ...]
    crisis_events: Loss
    user_rows: Loss
    user_data_loss_seconds: float
    """The age, at the disaster, of the oldest acknowledged row that was lost; 0 if none was."""
    user_data_rpo_seconds: int
    steps: tuple[StackStep, ...]
    checks: tuple[Check, ...]
    phases: dict[str, float] = field(default_factory=dict[str, float])
    """Wall-clock seconds by phase."""

    @property
    def verdict(self) -> Literal["kept", "broken"]:
        """Kept only if every promise was kept and every verification passed."""
        kept = (
            all(tier.kept for tier in self.tiers)
            and self.crisis_events.acknowledged > 0
            and self.crisis_events.lost == RPO_CRISIS_EVENTS_SECONDS
            and self.user_rows.acknowledged > 0
            and self.user_data_loss_seconds < self.user_data_rpo_seconds
            and all(check.passed for check in self.checks)
        )
        return "kept" if kept else "broken"


def as_json(outcome: Outcome) -> str:
    """The outcome as a JSON document."""
    data: dict[str, Any] = {
        "scenario": outcome.scenario,
        "engine": outcome.engine,
        "tiers": [
            {
                "name": found.tier.name,
                "target_seconds": found.tier.rto_seconds,
                "outage_seconds": _number(found.outage_seconds),
                "measured_seconds": _number(found.measured_seconds),
                "assumed_seconds": found.assumed_seconds,
                "assumptions": [asdict(term) for term in found.assumptions],
                "kept": found.kept,
            }
            for found in outcome.tiers
        ],
        "loss": {"crisis_events": asdict(outcome.crisis_events), "user_rows": asdict(outcome.user_rows)},
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
    """Promise against outage, tier by tier."""
    table = Table(
        "tier", "promise", "outage", "measured", "assumed", "", title="What users went through", title_justify="left"
    )
    for found in outcomes:
        verdict = "[green]kept[/]" if found.kept else "[bold red]broken[/]"
        table.add_row(
            found.tier.title,
            f"< {duration(found.tier.rto_seconds)}",
            duration(found.outage_seconds),
            duration(found.measured_seconds),
            duration(found.assumed_seconds) if found.assumptions else "nothing",
            verdict,
        )
    return table


def loss_table(outcome: Outcome) -> Table:
    """What was acknowledged and what was found."""
    table = Table("data", "promise", "acknowledged", "found", "lost", title="What was lost", title_justify="left")
    for name, promise, loss in (
        ("crisis events", "none", outcome.crisis_events),
        ("user rows", f"< {duration(outcome.user_data_rpo_seconds)}", outcome.user_rows),
    ):
        table.add_row(name, promise, str(loss.acknowledged), str(loss.found), str(loss.lost))
    return table


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds == float("inf"):
        return "never back"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
