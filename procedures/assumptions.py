"""Times that no rehearsal has measured yet, in seconds. Each is a cautious assumption with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from components.kube.services import BACKEND
from recovery.objectives import MINUTE, TIERS


@dataclass(frozen=True)
class Assumption:
    """One part of an outage that is assumed."""

    name: str
    seconds: int
    source: str


DECISION = Assumption(
    "an engineer is paged, decides and starts the flip",
    5 * MINUTE,
    "the plan's escalation chain: level 1 has 0-5 minutes",
)
ENGINE = Assumption(
    "pulumi keeps its state in S3 and calls AWS instead of a stand-in",
    1 * MINUTE,
    "no published figure: a state of about 200 resources, without a refresh",
)
PROMOTION = Assumption(
    "RDS promotes and restarts the replica",
    10 * MINUTE,
    "Amazon RDS User Guide, read replicas: promotion takes 'several minutes or longer', depending on size",
)
POD_START = Assumption(
    "pods start on nodes that are already warm",
    1 * MINUTE,
    f"no published figure: images come from the region; the backend's startup probe allows {BACKEND.startup_seconds} s",
)

RESTORE = Assumption(
    "RDS creates an instance from a backup and replays its log",
    19 * MINUTE,
    "no published figure: 20 minutes, of which a rehearsal plays one; replaying up to a day of log takes the longest;"
    " measure it in a drill",
)

PUSH = Assumption(
    "every image and chart is pushed to the new registries",
    60 * MINUTE,
    "no published figure: they come from the build system, which is outside both regions; measure it in a drill",
)
BUILD = Assumption(
    "AWS makes the network, the cluster, the database and the ledger of a site",
    45 * MINUTE,
    "docs/runbooks/first-deployment.md; of it, a rehearsal plays some minutes",
)
FILL = Assumption(
    "RDS makes one more instance, and a dump fills it",
    60 * MINUTE,
    "15 minutes for the instance, and `seconds` of the dump's newest check for the rest; measure it in a drill",
)

NOTHING: tuple[Assumption, ...] = ()
NO_DECISION: dict[str, tuple[Assumption, ...]] = {tier.name: NOTHING for tier in TIERS}
"""Health checks alone move the traffic, so no time of people or of AWS is assumed."""
FLIP: tuple[Assumption, ...] = (DECISION, ENGINE, PROMOTION, POD_START)
BY_TIER: dict[str, tuple[Assumption, ...]] = {
    "crisis": NOTHING,
    "hotline": NOTHING,
    "core": FLIP,
    "full": FLIP,
    "data": FLIP,
}
"""Crisis services always answer in both sites, so their recovery waits for no decision."""

PLANNED: dict[str, tuple[Assumption, ...]] = {
    tier: tuple(term for term in terms if term is not DECISION) for tier, terms in BY_TIER.items()
}
"""A planned switchover needs no time to page an engineer."""

RESTORED: dict[str, tuple[Assumption, ...]] = {
    tier: tuple(RESTORE if term is PROMOTION else term for term in terms) for tier, terms in BY_TIER.items()
}
"""A restore instead of a promotion."""

_SITE = (DECISION, PUSH, BUILD)
REBUILT: dict[str, tuple[Assumption, ...]] = {
    tier: _SITE if tier in ("crisis", "hotline") else (*_SITE, FILL) for tier in BY_TIER
}
"""A site is built from nothing. The crisis services answer before the users' data is back."""
