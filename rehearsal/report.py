"""The outcome of a rehearsal, as data, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.table import Table

from recovery.objectives import RPO_CRISIS_EVENTS_SECONDS, Tier
from rehearsal.assumptions import Assumption

LAST_FAILURES = 3
"""The number of failed requests that are shown of a tier."""


@dataclass(frozen=True)
class TierOutcome:
    """The outage of one tier."""

    tier: Tier
    measured_seconds: float
    """From the disaster to the first answer after which no request failed; infinite if there was none."""
    assumptions: tuple[Assumption, ...]
    failures: tuple[str, ...] = ()
    """The failed requests of the outage."""

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
class Check:
    """One check of a scenario, or one of the plan's own verification calls."""

    name: str
    passed: bool
    detail: str = ""


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
    crisis_event_loss_seconds: float = 0.0
    """The age, when writes ended, of the oldest lost crisis event; 0 if none was lost."""
    crisis_event_rpo_seconds: int = RPO_CRISIS_EVENTS_SECONDS
    """Above 0 only if every copy of the ledger was lost, for which the plan has no objective."""
    user_data_loss_seconds: float
    """The age, when writes ended, of the oldest lost user row; 0 if none was lost."""
    user_data_rpo_seconds: int
    steps: tuple[StackStep, ...]
    checks: tuple[Check, ...]
    phases: dict[str, float] = field(default_factory=dict[str, float])
    """Wall-clock seconds by phase."""

    @property
    def verdict(self) -> Literal["kept", "broken"]:
        """`kept` only if every promise was kept and every check passed."""
        kept = (
            all(tier.kept for tier in self.tiers)
            and self.crisis_events.acknowledged > 0
            and (self.crisis_events.lost == 0 or self.crisis_event_loss_seconds < self.crisis_event_rpo_seconds)
            and self.user_rows.acknowledged > 0
            and (self.user_rows.lost == 0 or self.user_data_loss_seconds < self.user_data_rpo_seconds)
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
                "name": tier_outcome.tier.name,
                "target_seconds": tier_outcome.tier.rto_seconds,
                "outage_seconds": _number(tier_outcome.outage_seconds),
                "measured_seconds": _number(tier_outcome.measured_seconds),
                "last_failures": tier_outcome.last_failures,
                "assumed_seconds": tier_outcome.assumed_seconds,
                "assumptions": [asdict(term) for term in tier_outcome.assumptions],
                "kept": tier_outcome.kept,
            }
            for tier_outcome in outcome.tiers
        ],
        "loss": {"crisis_events": asdict(outcome.crisis_events), "user_rows": asdict(outcome.user_rows)},
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
    table = Table("tier", "promise", "outage", "measured", "assumed", "", title="Outage by tier", title_justify="left")
    for outcome in outcomes:
        verdict = "[green]kept[/]" if outcome.kept else "[bold red]broken[/]"
        table.add_row(
            outcome.tier.title,
            f"< {duration(outcome.tier.rto_seconds)}",
            duration(outcome.outage_seconds),
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
