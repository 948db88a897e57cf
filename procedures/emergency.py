"""A degraded mode: one edit of a site's file, which changes settings, a size or a route, and no data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from procedures.access import Access, Report, Stack
from procedures.deploying import Deployed, deploy
from procedures.edits import Values, check, edit
from procedures.failover import config_of
from procedures.lock import Lock
from stacks.emergency import PATH

NAME = "emergency"


def values(modes: Mapping[str, Any]) -> Values:
    """The edit. Without a mode, the site is as usual again."""
    return {PATH: dict(modes) or None}


def change(stack: Stack, modes: Mapping[str, Any], access: Access, report: Report) -> tuple[Deployed, ...]:
    """Run a site in some degraded modes, and in no other. Interrupted at any moment, it continues when it is run again.

    Args:
        stack: the stack of the site.
        modes: by their keys in `lifeline:emergency`; empty for the usual operation.
        access: reaches the note of the operator.
        report: shows the progress.

    Raises:
        ConfigError: if the file has mistakes, or a mode contradicts another one or the site.
        DeploymentError: if the engine or a provider refuses.
        ProcedureError: if another operator works on the site.
    """
    check(stack, values(modes))  # before anything is asked
    with Lock(access, config_of(stack)).held(NAME):
        report.done("lock")
        edit(stack, values(modes), report)
        report.done("edit")
        done = deploy(stack, report)
        report.done("up")
    report.done("unlock")
    return (done,)
