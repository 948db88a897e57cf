"""The settings of the pack: levels, parameters and exemptions, from `policy/settings.yaml`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from policy.catalogue import BY_NAME
from policy.rule import AnyRule, Level

FILE = Path(__file__).with_name("settings.yaml")


class SettingsError(Exception):
    """A mistake in the settings."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Exemption(_Section):
    """A finding that is accepted for a time."""

    rule: str
    resource: str = Field(min_length=1)
    """The resource's name."""
    reason: str = Field(min_length=20)
    """Long enough for a sentence."""
    until: date
    """The last day."""


class Settings(_Section):
    """Everything that a team may change about the rules."""

    levels: dict[str, Level] = Field(default_factory=dict[str, Level])
    """By rule. The others have their own level."""
    parameters: dict[str, dict[str, int]] = Field(default_factory=dict[str, dict[str, int]])
    """By rule and parameter."""
    exemptions: tuple[Exemption, ...] = ()

    def level(self, rule: AnyRule) -> Level:
        """The level of a rule."""
        return self.levels.get(rule.name, rule.about.level)

    def exemption(self, rule: str, resource: str, *, today: date) -> Exemption | None:
        """The exemption that accepts the findings of a rule on a resource. It is valid on its last day too."""
        return next(
            (
                entry
                for entry in self.exemptions
                if (entry.rule, entry.resource) == (rule, resource) and entry.until >= today
            ),
            None,
        )


def read_settings(path: Path = FILE) -> Settings:
    """The settings in a file.

    Raises:
        SettingsError: with every mistake.
    """
    content: Any = YAML(typ="safe").load(path.read_text())
    try:
        settings = Settings.model_validate(content or {}, strict=False)
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False)
        raise SettingsError("\n".join(f"{_place(entry['loc'])}: {entry['msg'].lower()}" for entry in details)) from None
    problems = _unknown(settings)
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _unknown(settings: Settings) -> list[str]:
    named = {
        **{f"levels.{name}": name for name in settings.levels},
        **{f"parameters.{name}": name for name in settings.parameters},
        **{f"exemptions[{number}].rule": entry.rule for number, entry in enumerate(settings.exemptions)},
    }
    problems = [f"{path}: there is no rule '{name}'" for path, name in named.items() if name not in BY_NAME]
    for name, parameters in settings.parameters.items():
        known = BY_NAME[name].parameters if name in BY_NAME else parameters
        problems += [
            f"parameters.{name}: there is no parameter '{key}', expected one of {', '.join(known) or 'none'}"
            for key in parameters
            if key not in known
        ]
    return problems


def _place(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")
