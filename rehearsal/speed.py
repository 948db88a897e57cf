"""How fast the time of each scenario passes."""

from __future__ import annotations

SPEED = 10.0
"""Simulated seconds per real second. Time that this machine itself needs is therefore counted ten times."""
_OWN_SPEED = {
    **dict.fromkeys(("database-loss", "fence-crash", "split-brain"), 4.0),
    "control-planes-down": 5.0,
    "region-loss": 12.0,
}
"""The speed of scenarios whose promise leaves little room beside what is assumed, so that the machine's own time counts
less, and of the one that is played most."""


def speed_of(scenario: str) -> float:
    """Simulated seconds per real second."""
    return _OWN_SPEED.get(scenario, SPEED)
