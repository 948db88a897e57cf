"""The cases of each rule, for its documentation: `python -m tests.policy.cases` writes them from the mutations."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pydantic
from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).with_suffix(".json")


class Case(BaseModel):
    """A value that keeps a rule, and one that breaks it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keeps: str
    breaks: str
    outage: str
    """The consequence."""


@cache
def cases() -> dict[str, list[Case]]:
    """The cases by the names of the rules."""
    return pydantic.TypeAdapter(dict[str, list[Case]]).validate_json(FILE.read_text())
