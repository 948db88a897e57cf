"""The result of looking at one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and whether it is as it should be."""

    name: str
    passed: bool
    detail: str = ""


def reason(error: Exception) -> str:
    """The words of an error, or its name if it has none."""
    return str(error) or type(error).__name__
