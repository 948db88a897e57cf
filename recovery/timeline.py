"""The timeline, and everything that follows from it: roles, sources, claims, and whether it is a legal history.

Pure rules, no Pulumi. The timeline is a list of database ids; entry `n` (counted from 1) is the leader of epoch `n`.
Everything that a recovery changes is derived from this list and a database's id.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MAX_EPOCHS = 200
"""A longer list is a mistake in the file: no platform fails over so often."""

_DATABASE_ID = re.compile(r"(?P<site>[a-z][a-z0-9]{1,19})-(?P<epoch>[1-9][0-9]{0,2})")


class DatabaseRole(enum.StrEnum):
    """The role of a database, which follows from the timeline alone."""

    LEADER = "leader"
    """Takes writes, and declares no replication source. On a replica, removing the source is the promotion."""
    REPLICA = "replica"
    """Follows the leader."""
    FENCED = "fenced"
    """Led an earlier epoch. It is kept and isolated, and never becomes a replica again."""
    STALE = "stale"
    """Follows a database that no longer leads. It must be reseeded."""


@dataclass(frozen=True, order=True)
class DatabaseId:
    """A database, named by its site and the epoch at which it was seeded."""

    site: str
    epoch: int

    @classmethod
    def parse(cls, text: str) -> DatabaseId:
        """Parse text such as `primary-1`.

        Raises:
            ValueError: if the text is not `<site>-<epoch>` with an epoch of 1 or more.
        """
        match = _DATABASE_ID.fullmatch(text)
        if match is None:
            raise ValueError(f"'{text}' is not of the form <site>-<epoch>, such as primary-1")
        return cls(match["site"], int(match["epoch"]))

    def __str__(self) -> str:
        return f"{self.site}-{self.epoch}"


@dataclass(frozen=True)
class TimelineProblem:
    """One reason why a timeline is refused. `index` counts from 0, and is None if the whole list is meant."""

    index: int | None
    message: str
    hint: str


def leader(timeline: Sequence[DatabaseId]) -> DatabaseId:
    """The database that takes writes now."""
    return timeline[-1]


def active_site(timeline: Sequence[DatabaseId]) -> str:
    """The site that takes writes now."""
    return timeline[-1].site


def first_site(timeline: Sequence[DatabaseId]) -> str:
    """The site that led first.

    It has the PRIMARY failover records as long as it exists, because a flip changes no record.
    """
    return timeline[0].site


def epoch(timeline: Sequence[DatabaseId]) -> int:
    """The number of the current epoch, counted from 1."""
    return len(timeline)


def is_born_leader(database: DatabaseId, timeline: Sequence[DatabaseId]) -> bool:
    """Whether the database led the epoch at which it was seeded: it was created empty or restored, not as a replica."""
    return database in timeline and timeline.index(database) + 1 == database.epoch


def seed_source(database: DatabaseId, timeline: Sequence[DatabaseId]) -> DatabaseId | None:
    """The leader that the database was copied from, or None if the database was born a leader."""
    if is_born_leader(database, timeline) or database.epoch > len(timeline):
        return None
    return timeline[database.epoch - 1]


def database_role(own: DatabaseId, timeline: Sequence[DatabaseId]) -> DatabaseRole:
    """The role of one database in a legal timeline (see `problems`)."""
    if timeline[-1] == own:
        return DatabaseRole.LEADER
    if own in timeline:
        return DatabaseRole.FENCED
    if seed_source(own, timeline) == timeline[-1]:
        return DatabaseRole.REPLICA
    return DatabaseRole.STALE


def declared_databases(
    own: DatabaseId, timeline: Sequence[DatabaseId], retired: Collection[int] = (), kept: Collection[int] = ()
) -> tuple[DatabaseId, ...]:
    """The databases that `own`'s site declares: leaders of epochs not retired, kept replicas, and `own`."""
    led = (entry for entry in timeline if entry.site == own.site and entry.epoch not in retired)
    stale = (DatabaseId(own.site, number) for number in sorted(kept))
    return tuple(dict.fromkeys((*led, *stale, own)))


def led_epochs(site: str, timeline: Sequence[DatabaseId]) -> dict[int, DatabaseId]:
    """The epochs that a site's databases led or lead. Its stack holds the claims of these epochs."""
    return {number: entry for number, entry in enumerate(timeline, start=1) if entry.site == site}


def discarded_epochs(position: int, timeline: Sequence[DatabaseId]) -> tuple[int, ...]:
    """The epochs whose writes are lost when the entry at `position` (from 0) takes the lead.

    A database that led before lacks everything written after its last epoch. A replica lacks everything written after
    the epoch of its source.
    """
    entry, earlier = timeline[position], timeline[:position]
    if entry in earlier:
        carried = _last_epoch_of(entry, earlier)
    elif entry.epoch > position:
        return ()
    else:
        carried = _last_epoch_of(earlier[entry.epoch - 1], earlier)
    return tuple(range(carried + 1, position + 1))


def _last_epoch_of(entry: DatabaseId, timeline: Sequence[DatabaseId]) -> int:
    return len(timeline) - list(reversed(timeline)).index(entry)


def problems(timeline: Sequence[DatabaseId], discards: Collection[int] = ()) -> list[TimelineProblem]:
    """Every reason why a timeline is not a legal history; empty if it is legal."""
    if not timeline:
        return [TimelineProblem(None, "is empty", "name the database that leads, such as primary-1")]
    if len(timeline) > MAX_EPOCHS:
        return [
            TimelineProblem(
                None, f"has {len(timeline)} entries, at most {MAX_EPOCHS} are allowed", "was a line pasted twice?"
            )
        ]
    reasons = [problem for index in range(len(timeline)) for problem in _entry_problems(index, timeline, discards)]
    thrown = {number for index in range(len(timeline)) for number in discarded_epochs(index, timeline)}
    reasons.extend(
        TimelineProblem(
            None,
            f"discards no epoch {number}, but lifeline:discards names it",
            f"remove {number} from lifeline:discards",
        )
        for number in sorted(set(discards) - thrown)
    )
    return reasons


def _entry_problems(index: int, timeline: Sequence[DatabaseId], discards: Collection[int]) -> list[TimelineProblem]:
    entry, number = timeline[index], index + 1
    if index and timeline[index - 1] == entry:
        return [TimelineProblem(index, f"names {entry} twice in a row", "one entry per epoch: remove the second")]
    if entry.epoch > number:
        hint = (
            f"epoch {entry.epoch} begins after this entry; the newest database possible here is {entry.site}-{number}"
        )
        return [TimelineProblem(index, f"names {entry}, seeded at an epoch that had not begun", hint)]
    source = seed_source(entry, timeline[:index])
    if source is not None and source.site == entry.site:
        hint = f"a replica belongs to the other site; a database restored here is {entry.site}-{number}"
        return [TimelineProblem(index, f"names {entry}, a copy of {source} at its own site", hint)]
    lost = [thrown for thrown in discarded_epochs(index, timeline) if thrown not in discards]
    if not lost:
        return []
    epochs = ", ".join(str(thrown) for thrown in lost)
    return [
        TimelineProblem(
            index,
            f"names {entry}, which lacks epoch {epochs}: the writes of that time would be lost",
            f"reseed it first (lifeline:database.seeded), or accept the loss in lifeline:discards: [{epochs}]",
        )
    ]
