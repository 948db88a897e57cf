"""An edit of a stack file: whole, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from procedures.access import Report, Stack
from procedures.failover import site_of
from stacks.config import SiteConfig, parse

DATABASE = "lifeline:database"
"""The section that procedures change most."""
Values = Mapping[str, Any]
"""New values by their whole keys, such as `lifeline:emergency`. None removes a key."""


def check(stack: Stack, values: Values) -> SiteConfig:
    """The configuration that a file would have.

    Raises:
        ConfigError: if it would have a mistake.
    """
    after = {key: value for key, value in {**stack.file.config, **values}.items() if value is not None}
    return parse(after, stack=site_of(stack.file))


def edit(stack: Stack, values: Values, report: Report) -> SiteConfig:
    """Change a stack's file, unless it has the values already. Its comments are kept.

    Returns:
        The configuration afterwards.

    Raises:
        ConfigError: if the file would have a mistake. Then it is left as it was.
    """
    file = stack.file
    before, config = file.config, check(stack, values)
    changed = {key: value for key, value in values.items() if before.get(key) != value}
    if changed:
        file.change(values)
        file.save()
        for key, value in changed.items():
            report.say(f"{file.path.name}: {key}: {'removed' if value is None else value}")
    return config
