"""How fast the time of each scenario passes."""

from __future__ import annotations

SPEED = 5.0
"""Simulated seconds per real second. Time that this machine itself needs is therefore counted five times."""
_OWN_SPEED = {
    **dict.fromkeys(("database-loss", "fence-crash", "split-brain"), 2.5),
    **dict.fromkeys(("crisis-detector-loss", "hotline-loss", "ledger-impaired", "monthly-test", "rotation"), 10.0),
    "region-loss": 12.0,
}
"""The speed of scenarios whose promise leaves little room beside what is assumed, so that the machine's own time counts
less, and of those whose promises leave much."""


def speed_of(scenario: str) -> float:
    """Simulated seconds per real second."""
    return _OWN_SPEED.get(scenario, SPEED)
