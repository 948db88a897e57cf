"""Counting losses: data that was acknowledged to clients, compared with what the leading site has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from procedures.checks import Check
from procedures.reconcile import reconcile
from recovery.naming import database_identifier
from rehearsal.access import OfflineAccess
from rehearsal.environment import Environment
from rehearsal.history import Kind, Stored, Write
from rehearsal.judge import Limits, acknowledged, judge, lost
from rehearsal.offline import SiteWorld
from rehearsal.report import Loss
from rehearsal.rows import OfflineRows
from rehearsal.world.people import People

_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_TABLES = {Kind.USER: "users", Kind.EVENT_ROW: "crisis_events"}
TWO_WRITERS_SECONDS = 20
"""The longest for which a superseded leader may take writes beside the new one. In simulated seconds.

A promotion waits so long after the claim, and a fence that runs needs less: `tests/operations/test_fence_bound.py`.
"""


@dataclass(frozen=True)
class Losses:
    """A history, and what is left of it at a moment."""

    writes: tuple[Write, ...]
    found: Mapping[Kind, tuple[Stored, ...]]
    """The items that are left, by kind, as often as they are stored."""

    @property
    def lost_rows(self) -> tuple[Write, ...]:
        """The acknowledged rows that are not left: of users, and of their history."""
        return (*self.lost(Kind.USER), *self.lost(Kind.EVENT_ROW))

    @property
    def missing_rows(self) -> tuple[float, ...]:
        """When each lost row was acknowledged. Simulated seconds."""
        return tuple(write.ended for write in self.lost_rows)

    def lost(self, kind: Kind) -> tuple[Write, ...]:
        """The acknowledged writes of a kind that are not left."""
        return lost(self.writes, kind, self.found[kind]).writes

    def missing(self, kind: Kind) -> tuple[float, ...]:
        """When each lost write of a kind was acknowledged. Simulated seconds."""
        return tuple(write.ended for write in self.lost(kind))

    def loss(self, kind: Kind) -> Loss:
        """The counts of a kind."""
        count = len(acknowledged(self.writes, kind))
        return Loss(count, count - len(self.missing(kind)))


def losses_of(environment: Environment, client: People, leader: SiteWorld) -> Losses:
    """Compare everything that clients were told is saved with the ledger and the database of the leading site."""
    writes = client.history.writes  # first, because clients may write on
    items = (str(item["pk"]) for item in environment.account.ledger.scan(leader.config.ledger_region))
    events = (Stored(key.removeprefix("event#")) for key in items if key.startswith("event#"))
    database = database_identifier(leader.config.own_database)
    rows, history = environment.rows(database), environment.event_rows(database)
    return Losses(writes, {Kind.EVENT: tuple(events), Kind.USER: tuple(rows), Kind.EVENT_ROW: tuple(history)})


def kept_after(
    environment: Environment, losses: Losses, old: str, leader: SiteWorld, disaster: float
) -> tuple[Check, ...]:
    """Whether the new leader lost nothing, and what the old one took when it returned can be reconciled.

    Args:
        environment: the environment of the scenario.
        losses: the history, and what is left of it.
        old: the old leader, which people who are pinned to it reach before its fence has closed it.
        leader: the site that leads now.
        disaster: simulated seconds.
    """
    (host,) = (host for host, name in environment.effects.by_address.items() if name == old)
    late = [write for write in losses.lost_rows if write.ended >= disaster]
    elsewhere = [str(write) for write in late if write.place != host]
    text = f"no row is lost that {leader.name} or a later leader acknowledged"
    return (
        Check(text, passed=not elsewhere, detail="; ".join(elsewhere)),
        left_in(environment, old, [write for write in late if write.place == host], leader),
    )


def left_in(environment: Environment, database: str, lost: Iterable[Write], leader: SiteWorld) -> Check:
    """Whether `lifeline reconcile` lists every row that the new leader lacks, and an old one has."""
    access, config = OfflineAccess(environment, leader), leader.config
    old, new = (OfflineRows(environment, name) for name in (database, database_identifier(config.own_database)))
    listed = {(entry.row.table, entry.row.key) for entry in reconcile(old, new, access, config, _EVER)}
    rows = {(_TABLES[write.kind], write.key) for write in lost}
    gone = ", ".join(sorted(key for _, key in rows - listed))
    text = f"lost rows are listed from the old database, for reconcile.md: {len(rows)}"
    return Check(text, passed=not gone, detail=gone)


def users_in(environment: Environment, site: SiteWorld) -> set[str]:
    """The ids of the users in a site's own database."""
    return {row.key for row in environment.rows(database_identifier(site.config.own_database))}


def judged(
    losses: Losses, disaster: float, rpo_seconds: Mapping[Kind, float], two_writers_seconds: float = TWO_WRITERS_SECONDS
) -> tuple[Check, ...]:
    """The judge's findings.

    Args:
        losses: the history, and what is left of it.
        disaster: the moment from which ages are counted. Simulated seconds.
        rpo_seconds: the limit for the age of lost data, by kind; 0 if none may be lost.
        two_writers_seconds: the longest for which two databases may take writes; infinite if no bound is promised.
    """
    limits = Limits(disaster=disaster, oldest=rpo_seconds, overlap=two_writers_seconds, late=two_writers_seconds)
    findings = judge(losses.writes, losses.found, limits)
    return tuple(Check(finding.rule, passed=finding.holds, detail="\n".join(finding.evidence)) for finding in findings)


def oldest(missing: Iterable[float], at: float) -> float:
    """The age, at a moment, of the oldest lost item; 0 if none was lost. In simulated seconds."""
    return max((at - acknowledged for acknowledged in missing), default=0.0)
