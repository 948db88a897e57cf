"""`lifeline emergency`, `restore` and `failback` on a terminal: the edit, its steps, the question, and the progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from engine.program import steps_to
from lifeline import terminal
from lifeline.differences import parsed, print_steps
from procedures import emergency, restore
from procedures.access import ProcedureError
from procedures.assumptions import ENGINE, POD_START, RESTORE, Assumption
from procedures.edits import DATABASE, Values
from procedures.failback import fail_back
from procedures.failover import config_of
from procedures.live import LiveAccess
from procedures.live_stack import LiveStack


def degrade(root: Path, name: str, settings: Sequence[str], *, end: bool, yes: bool, as_json: bool) -> int:
    """Change the degraded modes of a site, and return the exit code."""
    stack = LiveStack(root, name)
    present = {} if end else config_of(stack).emergency.active
    modes = {**present, **dict(parsed(setting, "write --set readOnly=true") for setting in settings)}
    if not yes:
        out = terminal.console()
        _show(out, root, stack, emergency.values(modes))
        out.print("Nothing is lost. No data changes.")
        _estimate(out, ENGINE, POD_START)
        again = " ".join(f"--set {setting}" for setting in settings)
        terminal.confirm("Change it now?", f"lifeline emergency --stack {name} {'--end ' * end}{again} --yes")
    report = terminal.begun(terminal.console(), stack, as_json=as_json)
    done = emergency.change(stack, modes, LiveAccess(), report)
    report.say(f"{name} has {', '.join(modes) or 'no degraded mode'}; next: lifeline verify")
    return terminal.told(done, as_json=as_json)


def restore_in_place(
    root: Path, name: str, backup: Mapping[str, Any], *, drained: bool, yes: bool, as_json: bool
) -> int:
    """Restore a database from a backup, and return the exit code."""
    stack = LiveStack(root, name)
    config, section = config_of(stack), stack.file.config.get(DATABASE, {})
    if not yes:
        out = terminal.console()
        if restore.is_begun(config, section, backup):
            out.print(f"{stack.file.path.name} has this restore already: the run continues.", markup=False)
        else:
            _show(out, root, stack, restore.values(config, section, backup))
        out.print("Lost: everything that was written after the chosen moment. It stays in the old database.")
        _estimate(out, ENGINE, RESTORE, POD_START)
        terminal.confirm("Restore now?", "the same command with --yes")
    report = terminal.begun(terminal.console(), stack, as_json=as_json)
    done = restore.restore(stack, backup, LiveAccess(), report, drained=drained)
    report.say(
        f"{name} leads with the restored database; next: lifeline verify, and lifeline reseed for the other site"
    )
    return terminal.told(done, as_json=as_json)


def go_back(root: Path, to: str, *, yes: bool, as_json: bool) -> int:
    """Let a site lead again, and return the exit code."""
    home = LiveStack(root, to)
    config = config_of(home)
    away = LiveStack(root, config.peer.site)
    if not yes:
        out = terminal.console()
        out.print(
            f"1. {to} gets the timeline of {config.peer.site} and a copy of its database. This may take hours.\n"
            f"2. {to} leads: users cannot write for minutes, and nothing may be lost.\n"
            f"3. {config.peer.site} gets a new database, copied from it. The old databases are kept.",
            markup=False,
        )
        terminal.confirm("Fail back now?", f"lifeline failback --to {to} --yes")
    report = terminal.begun(terminal.console(), home, away, as_json=as_json)
    done = fail_back(home, away, LiveAccess(), report)
    report.say(f"{to} leads; next: lifeline verify")
    return terminal.told(done, as_json=as_json)


def backup_of(**choices: str | None) -> dict[str, Any]:
    """The line of a backup in `restores`.

    Raises:
        ProcedureError: if it is none or several.
    """
    given = {key: value for key, value in choices.items() if value is not None}
    if len(given.keys() & {"pointInTime", "snapshot", "dump"}) != 1:
        hint = "give one of --point-in-time, --snapshot and --dump (docs/runbooks/restore.md, Choose the backup)"
        raise ProcedureError("a restore needs exactly one backup", hint)
    return given


def _show(out: Console, root: Path, stack: LiveStack, values: Values) -> None:
    """Print the lines of an edit, and its steps."""
    lines = yaml.safe_dump({key: value for key, value in values.items() if value is not None}, sort_keys=False)
    out.print(f"{stack.file.path.name}:", markup=False)
    for key in values:
        if values[key] is None:
            out.print(f"  {key}: removed", markup=False)
    out.print("".join(f"  {line}\n" for line in lines.splitlines() if line != "{}"), end="", markup=False)
    print_steps(out, steps_to(root, config_of(stack).site, None, values))


def _estimate(out: Console, *terms: Assumption) -> None:
    for term in terms:
        out.print(f"  {term.seconds:4} s  {term.name}", markup=False)
