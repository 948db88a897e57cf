"""Counting losses: data that was acknowledged to clients, compared with what the leading site has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recovery.naming import database_identifier
from rehearsal.environment import Environment
from rehearsal.offline import SiteWorld
from rehearsal.report import Loss
from rehearsal.windows import Window, two_writers
from rehearsal.world.client import Acknowledged, BlackBoxClient


@dataclass(frozen=True)
class Losses:
    """The lost part of what clients were told is saved."""

    crisis_events: Loss
    user_rows: Loss
    missing_events: tuple[float, ...]
    """When each lost crisis event was acknowledged. Simulated seconds."""
    missing_rows: tuple[float, ...]
    """When each lost user row was acknowledged. Simulated seconds."""
    two_writers: Window
    """The rows that an old leader acknowledged beside a new one."""


def losses_of(environment: Environment, client: BlackBoxClient, leader: SiteWorld) -> Losses:
    """Compare everything that clients were told is saved with the ledger and the database of the leading site."""
    events = {str(item["pk"]) for item in environment.account.ledger.scan(leader.config.ledger_region)}
    rows = environment.rows(database_identifier(leader.config.own_database))
    writers = environment.writers()
    missing_events = _missing(client.events, {key.removeprefix("event#") for key in events})
    missing_rows = _missing(client.users, rows)
    return Losses(
        Loss(len(client.events), len(client.events) - len(missing_events)),
        Loss(len(client.users), len(client.users) - len(missing_rows)),
        missing_events,
        missing_rows,
        two_writers((user.at, writers[user.id]) for user in client.users),
    )


def oldest(missing: Iterable[float], at: float) -> float:
    """The age, at a moment, of the oldest lost item; 0 if none was lost. In simulated seconds."""
    return max((at - acknowledged for acknowledged in missing), default=0.0)


def _missing(acknowledged: Iterable[Acknowledged], found: set[str]) -> tuple[float, ...]:
    return tuple(item.at for item in acknowledged if item.id not in found)
