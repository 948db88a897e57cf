"""Times that no offline rehearsal can measure: assumed, generously, each with the reason for its size. Seconds."""

from __future__ import annotations

from dataclasses import dataclass

from recovery.objectives import MINUTE


@dataclass(frozen=True)
class Assumption:
    """One term of an outage that was not measured."""

    name: str
    seconds: int
    source: str


DECISION = Assumption(
    "an engineer is paged, decides and starts the flip",
    5 * MINUTE,
    "the plan's escalation chain: level 1 has 0-5 minutes",
)
ENGINE = Assumption(
    "pulumi reads and writes its state in S3, and asks AWS rather than a stand-in",
    1 * MINUTE,
    "no published figure: about 200 resources without a refresh, of which a flip changes about 15",
)
PROMOTION = Assumption(
    "RDS promotes and restarts the replica",
    10 * MINUTE,
    "Amazon RDS User Guide, read replicas: promotion takes 'several minutes or longer', depending on size",
)
POD_START = Assumption(
    "pods start on nodes that are already warm",
    1 * MINUTE,
    "no published figure: images are cached or pulled in the region; the startup probes allow no more",
)

RESTORE = Assumption(
    "RDS makes an instance from a backup and replays its log",
    20 * MINUTE,
    "no published figure: a volume serves while it loads from S3, the log of up to a day takes the most; drill it",
)

NOTHING: tuple[Assumption, ...] = ()
FLIP: tuple[Assumption, ...] = (DECISION, ENGINE, PROMOTION, POD_START)
BY_TIER: dict[str, tuple[Assumption, ...]] = {
    "crisis": NOTHING,
    "hotline": NOTHING,
    "core": FLIP,
    "full": FLIP,
    "data": FLIP,
}
"""Crisis services answer in both sites at all times: their recovery waits for nobody."""

PLANNED: dict[str, tuple[Assumption, ...]] = {
    tier: tuple(term for term in terms if term is not DECISION) for tier, terms in BY_TIER.items()
}
"""Nobody has to be woken for what was planned."""

RESTORED: dict[str, tuple[Assumption, ...]] = {
    tier: tuple(RESTORE if term is PROMOTION else term for term in terms) for tier, terms in BY_TIER.items()
}
"""A restore in place of a promotion."""
