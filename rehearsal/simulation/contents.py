"""The insides of a simulated database: the data that a replica copies, the log, and the server's sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Closing:
    """The one row of `lifeline.closing`."""

    epoch: int
    at: float | None = None
    setting: str | None = None


@dataclass
class Contents:
    """Everything that reaches a replica."""

    may_write: bool = True
    """Whether the application is a member of the role that writes."""
    read_only: bool = False
    """The default of new sessions."""
    setting: str | None = None
    """The transaction that last changed the defaults."""
    has_closing: bool = False
    """Whether the table exists."""
    closing: Closing | None = None
    has_lease: bool = False
    lease: float | None = None
    rows: dict[str, int] = field(default_factory=dict[str, int])
    """The application's rows, by key: the position of each commit."""


Change = tuple[str, Any]
"""An attribute of the contents and its new value; `row` and the key of a new row."""


@dataclass(frozen=True)
class Record:
    """A commit in the write-ahead log."""

    position: int
    changes: tuple[Change, ...]


@dataclass(eq=False)
class Transaction:
    """Changes that are not committed, and the locks that it holds."""

    number: int
    changes: list[Change] = field(default_factory=list[Change])
    locks: set[str] = field(default_factory=set[str])
    failed: bool = False


@dataclass(eq=False)
class Backend:
    """One session, as the server sees it."""

    number: int
    role: str
    began: float
    read_only: bool
    """Its default for transactions."""
    transaction: Transaction | None = None
    asked_to_end: bool = False
    ended: bool = False


def apply(contents: Contents, record: Record) -> None:
    """Change contents as a record of the log says."""
    for name, value in record.changes:
        if name == "row":
            contents.rows[value] = record.position
        else:
            setattr(contents, name, value)
