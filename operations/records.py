"""The records in the ledger that decide who leads: claims, handovers and closings."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from recovery.naming import LEDGER_KEY, claim_key
from recovery.timeline import DatabaseId


@dataclass(frozen=True)
class Claim:
    """The database that leads an epoch."""

    epoch: int
    database: DatabaseId

    @property
    def item(self) -> dict[str, dict[str, str]]:
        """The item in the ledger. It is the same whenever it is written, so writing it again changes nothing."""
        return {
            LEDGER_KEY: {"S": claim_key(self.epoch)},
            "epoch": {"N": str(self.epoch)},
            "site": {"S": self.database.site},
            "database": {"S": str(self.database)},
        }


@dataclass(frozen=True)
class Closing:
    """The position at which a superseded leader stopped. It commits nothing of the application after this position."""

    epoch: int
    """The epoch that it led."""
    database: DatabaseId
    position: str
    """A position in the write-ahead log, such as `0/3000148`."""
    at: str
    """The time in UTC, ISO 8601."""


class HandoverState(enum.StrEnum):
    """The state of a handover record. It changes by conditional writes only."""

    DRAINED = "drained"
    """The leader is closed, and another database may take the record."""
    TAKEN = "taken"
    """A database of the other site is about to claim the next epoch. The leader can no longer resume."""
    WITHDRAWN = "withdrawn"
    """The leader has resumed."""


@dataclass(frozen=True)
class HandoverRecord:
    """The position at which a drained leader stopped. It commits nothing after this position."""

    epoch: int
    database: DatabaseId
    position: str
    """A position in the write-ahead log, such as `0/3000148`."""
    at: str
    """The time in UTC, ISO 8601."""
    taker: DatabaseId | None = None
    """The database that has taken the record; None while it is open to any."""
