"""The history of a rehearsal: every write that a client sent, with its times and its answer."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from procedures.checks import reason


class Kind(enum.StrEnum):
    """The data that a client asks to save."""

    EVENT = "crisis event"
    USER = "user row"
    EVENT_ROW = "history row"
    """A crisis event in the history of a person, which is data of users. The ledger has it before."""


@dataclass(frozen=True, kw_only=True)
class Write:
    """One write, from the client's point of view."""

    kind: Kind
    key: str
    """The id that the client chose. A write that is sent again keeps its id."""
    version: int = 1
    """Of a row: 1 when it is added, and one more with each update, which replaces it."""
    began: float
    """The simulated second at which it was sent."""
    ended: float
    """The simulated second of its answer, or at which the client gave up."""
    refusal: str = ""
    """The reason of its failure; empty if it was acknowledged. A write that failed may be saved nevertheless."""
    place: str = ""
    """The database that saved it, as the answer names it; empty if the answer names none."""

    @property
    def acknowledged(self) -> bool:
        """Whether the client was told that it is saved."""
        return not self.refusal

    def __str__(self) -> str:
        answer = self.refusal or f"acknowledged{f' by {self.place}' if self.place else ''}"
        version = f" version {self.version}" if self.version > 1 else ""
        return f"{self.began:.1f}-{self.ended:.1f} s  {self.kind} {self.key}{version}: {answer}"


@dataclass(frozen=True)
class Stored:
    """One item that is left: its key, and the newest version of it."""

    key: str
    version: int = 1


class History:
    """The writes of all clients. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: list[Write] = []

    def add(self, write: Write) -> None:
        """Record a write whose answer is known."""
        with self._lock:
            self._writes.append(write)

    @contextmanager
    def recording(self, now: Callable[[], float], kind: Kind, key: str, version: int = 1) -> Generator[list[str]]:
        """Record the write that the block sends, when its answer is known. It takes the database that saved it.

        Args:
            now: returns the simulated second.
            kind: of the write.
            key: its id.
            version: as in `Write`.
        """
        began, places, refusal = now(), list[str](), ""
        try:
            yield places
        except Exception as error:
            refusal = reason(error)
            raise
        finally:
            ended, place = now(), "".join(places)
            self.add(Write(kind=kind, key=key, version=version, began=began, ended=ended, refusal=refusal, place=place))

    @property
    def writes(self) -> tuple[Write, ...]:
        """All writes until now, in the order of their answers."""
        with self._lock:
            return tuple(sorted(self._writes, key=lambda write: write.ended))
