"""The prospect of a failover before it begins: the writes that it may lose, and how long each step should take."""

from __future__ import annotations

from dataclasses import dataclass

from components.kube.once import PROMOTION_WAIT_SECONDS, STRICT_WAIT_SECONDS
from procedures import readings
from procedures.access import Access
from procedures.assumptions import ENGINE, POD_START, PROMOTION
from procedures.checks import reason
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig


@dataclass(frozen=True)
class Phase:
    """A part of a failover."""

    name: str
    seconds: int
    """At most, or as assumed."""
    source: str


def phases(config: SiteConfig) -> tuple[Phase, ...]:
    """The parts of a failover to a site, in their order."""
    strict = config.fence == "strict"
    fence = STRICT_WAIT_SECONDS if strict else PROMOTION_WAIT_SECONDS
    return (
        Phase(f"{ENGINE.name}, and the epoch is claimed", ENGINE.seconds, ENGINE.source),
        Phase("the old leader's fence is waited for", fence, "lifeline:fence: strict" if strict else "lifeline:fence"),
        Phase(PROMOTION.name, PROMOTION.seconds, PROMOTION.source),
        Phase(POD_START.name, POD_START.seconds, POD_START.source),
    )


def losses(access: Access, config: SiteConfig) -> str:
    """The writes that a failover to a site may lose, in words.

    The ledger is strongly consistent in both regions, so no acknowledged crisis event is lost.
    """
    if config.role is DatabaseRole.LEADER:
        return "nothing: it leads already"
    try:
        seconds = readings.replica_age(access, config)
    except Exception as error:  # noqa: BLE001 - a failover must not wait for CloudWatch
        return f"no crisis event; user data of a time that is not known: {reason(error)}"
    if seconds is None or seconds < 0:
        return "no crisis event; user data of a time that is not known: CloudWatch has no replica lag"
    return f"no crisis event; user data of the last {seconds:.0f} s before the loss"
