"""The contacts file: the people who are paged, the same for both sites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pydantic
from pydantic import Field
from ruamel.yaml import YAML

from components.alerts.model import Team
from components.alerts.routing import Contacts, Person
from recovery import objectives
from stacks.problems import ConfigError, Problem
from stacks.sections import Section

CONTACTS = Path(__file__).with_name("contacts.yaml")
EXAMPLE_ACCOUNT = "123456789012"
"""The account of AWS's documentation, and of the committed stack files."""
_PLACEHOLDER = re.compile(r"\+1\d{3}55501\d\d|(https://|.+@)([\w-]+\.)*example\.(org|com|net)(/.*)?")
"""Numbers that are reserved for fiction (North American Numbering Plan, 555 line numbers 0100 to 0199) and domains that
are reserved for examples (RFC 2606)."""

Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
Phone = Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]


class PersonEntry(Section):
    """A person who is paged."""

    title: str = Field(min_length=1)
    phone: Phone


class ContactsFile(Section):
    """The whole file."""

    levels: tuple[tuple[PersonEntry, ...], ...]
    specialists: dict[Team, tuple[PersonEntry, ...]]
    directory: dict[str, Phone]
    team_email: Email
    tickets_email: Email
    heartbeat_url: str = Field(pattern=r"^https://")
    hotline_backup_url: str = Field(pattern=r"^https://.*[^/]$")


def read_contacts(account: str, path: Path = CONTACTS) -> Contacts:
    """The people for a site.

    Args:
        account: the site's account. In the example's account, placeholders are allowed.
        path: the file.

    Raises:
        ConfigError: with every mistake in the file.
    """
    content = YAML(typ="safe").load(path.read_text())
    try:
        file = ContactsFile.model_validate(content, strict=False)
    except pydantic.ValidationError as error:
        raise ConfigError(tuple(_schema(error))) from None
    problems = (*_levels(file), *(_placeholders(file) if account != EXAMPLE_ACCOUNT else ()))
    if problems:
        raise ConfigError(problems)
    return Contacts(
        levels={level: _people(people) for level, people in enumerate(file.levels, 1)},
        specialists={team: _people(people) for team, people in file.specialists.items()},
        directory=file.directory,
        team_email=file.team_email,
        tickets_email=file.tickets_email,
        heartbeat_url=file.heartbeat_url,
        hotline_backup_url=file.hotline_backup_url,
    )


def _people(entries: tuple[PersonEntry, ...]) -> tuple[Person, ...]:
    return tuple(Person(title=entry.title, phone=entry.phone) for entry in entries)


def _levels(file: ContactsFile) -> Iterator[Problem]:
    expected = 1 + len(objectives.ESCALATION_SECONDS)
    if len(file.levels) != expected:
        yield Problem("levels", f"has {len(file.levels)} levels, expected {expected}")
    for number, people in enumerate(file.levels, 1):
        if not people:
            yield Problem(f"levels[{number - 1}]", "names no one")


def _schema(error: pydantic.ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
        yield Problem(path.removeprefix("."), detail["msg"].lower())


def _placeholders(file: ContactsFile) -> Iterator[Problem]:
    values = [
        *((f"levels[{level}]", entry.phone) for level, people in enumerate(file.levels) for entry in people),
        *((f"specialists.{team}", entry.phone) for team, people in file.specialists.items() for entry in people),
        *((f"directory.{name}", number) for name, number in file.directory.items()),
        ("teamEmail", file.team_email),
        ("ticketsEmail", file.tickets_email),
        ("heartbeatUrl", file.heartbeat_url),
        ("hotlineBackupUrl", file.hotline_backup_url),
    ]
    for path, value in values:
        if _PLACEHOLDER.fullmatch(value):
            yield Problem(path, f"'{value}' is a placeholder", hint="write the real contact into stacks/contacts.yaml")
