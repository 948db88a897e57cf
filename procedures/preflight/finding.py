"""The result of looking for one obstacle."""

from __future__ import annotations

import enum
import shlex
from dataclasses import dataclass


class Level(enum.StrEnum):
    """The verdict on one point."""

    CLEAR = "pass"
    WARN = "warn"
    """A failover works, with less than it should have; or the point could not be looked at."""
    FAIL = "fail"
    """A failover would stop, or users would not reach the site."""


@dataclass(frozen=True)
class Finding:
    """One point, and how it stands."""

    level: Level
    detail: str
    fix: str = ""
    """A command to type, if `is_typed`; else the thing to do, in words."""
    is_typed: bool = False


def passed(detail: str) -> Finding:
    """No obstacle."""
    return Finding(Level.CLEAR, detail)


def warned(detail: str, fix: str) -> Finding:
    """An obstacle that a person has to judge."""
    return Finding(Level.WARN, detail, fix)


def failed(detail: str, *commands: str) -> Finding:
    """An obstacle that the commands remove, typed one after the other."""
    return Finding(Level.FAIL, detail, " && ".join(commands), is_typed=True)


def impassable(detail: str, fix: str) -> Finding:
    """An obstacle that no command removes by itself."""
    return Finding(Level.FAIL, detail, fix)


def aws(service: str, *words: str, region: str) -> str:
    """A command of the AWS command line, quoted for a shell."""
    return shlex.join(("aws", service, *words, "--region", region))
