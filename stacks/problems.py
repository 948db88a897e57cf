"""Mistakes in a stack file, each with its path, and the messages for those that pydantic finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pydantic

from recovery.naming import PROJECT

_MAX_VALUE_LENGTH = 80


@dataclass(frozen=True)
class Problem:
    """One mistake in a stack file."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ConfigError(ValueError):
    """Every mistake of one configuration."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def schema_problems(error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> Iterator[Problem]:
    """The mistakes that pydantic found in the configuration, in the words of the stack file.

    Args:
        error: what pydantic raised.
        model: the model that was validated; it gives the keys that are allowed where an unknown key stands.
    """
    for detail in error.errors(include_url=False):
        location = detail["loc"]
        hint = _unknown_key_hint(model, location) if detail["type"] == "extra_forbidden" else ""
        yield Problem(_path(location), _message(dict(detail)), hint)


def _path(location: tuple[int | str, ...]) -> str:
    if location in (("site",), ("region",)):
        return "the stack's name" if location == ("site",) else "aws:region"
    path = f"{PROJECT}:"
    for index, part in enumerate(location):
        path += f"[{part}]" if isinstance(part, int) else (f".{part}" if index else str(part))
    return path


def _message(detail: dict[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        return "is not a key of lifeline"
    if detail["type"] == "missing":
        return "is missing"
    value = json.dumps(detail["input"], default=str)[:_MAX_VALUE_LENGTH]
    words = str(detail["msg"]).removeprefix("Value error, ")
    message = words.replace("valid tuple", "list").replace("Tuple", "list").replace("tuple", "list")
    return f"is {value}: {message[:1].lower()}{message[1:]}"


def _unknown_key_hint(model: type[pydantic.BaseModel], location: tuple[int | str, ...]) -> str:
    section, dot, rest = str(location[0]).partition(".")
    if dot and section in {field.alias for field in model.model_fields.values()}:
        return f"write {rest} as a line of its own below {PROJECT}:{section}, indented by two more spaces"
    return _allowed_keys(model, location)


def _allowed_keys(model: type[pydantic.BaseModel], location: tuple[int | str, ...]) -> str:
    for part in location[:-1]:
        field = next((field for field in model.model_fields.values() if field.alias == part), None)
        if field is None or not isinstance(field.annotation, type):
            return ""
        model = field.annotation
    keys = {str(field.alias) for field in model.model_fields.values()} - {"site", "region"}
    if len(location) > 1:
        keys = {str(field.alias) for field in model.model_fields.values()}
    return f"allowed here: {', '.join(sorted(keys))}"
