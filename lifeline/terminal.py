"""The terminal: colour where it has some, at most its width, and no colour where NO_COLOR or TERM says so."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from procedures.access import ProcedureError, Report
from procedures.checks import Check
from procedures.preflight.finding import Level
from procedures.status import Reading, State, Status

if TYPE_CHECKING:  # the engine's modules take a second to import, which a status must not wait for
    from engine.deployment import Step
    from procedures.deploying import Deployed
    from procedures.live_stack import LiveStack
    from procedures.preflight.run import Preflight

COLOURS = {State.GOOD: "green", State.BAD: "red", State.UNKNOWN: "yellow"}
MARKS = {State.GOOD: "ok", State.BAD: "BAD", State.UNKNOWN: "?"}
"""Words beside the colours, for those who see none."""
LEVELS = {Level.CLEAR: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def console() -> Console:
    """The standard output. For a file or a pipe it is 120 wide, without colour."""
    return Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 120)


def print_json(data: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(data, indent=2))


class TerminalReport:
    """Shows a procedure while it runs."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def say(self, text: str) -> None:
        """Print one line."""
        self._out.print(text, markup=False)

    def step(self, step: Step) -> None:
        """Print a step of the engine."""
        self._out.print(f"  {step.op:8}{step.type}  {step.name}", markup=False)

    def done(self, name: str) -> None:
        """Print nothing."""


class SilentReport:
    """Shows nothing: the result is printed as JSON."""

    def say(self, text: str) -> None:
        """Print nothing."""

    def step(self, step: Step) -> None:
        """Print nothing."""

    def done(self, name: str) -> None:
        """Print nothing."""


def report(out: Console, *, as_json: bool) -> Report:
    """The report of a procedure whose result is printed as text or as JSON."""
    return SilentReport() if as_json else TerminalReport(out)


def begun(out: Console, *stacks: LiveStack, as_json: bool) -> Report:
    """The report of a procedure that begins, which says first where the engine's output is."""
    shown = report(out, as_json=as_json)
    shown.say(f"the engine's output: {', '.join(str(stack.log) for stack in stacks)}")
    return shown


def told(done: Iterable[Deployed], *, as_json: bool) -> int:
    """Print the steps of a procedure, if as JSON, and return the exit code."""
    if as_json:
        print_json([{"site": entry.site, **step_as_data(step)} for entry in done for step in entry.result.steps])
    return 0


def step_as_data(step: Step) -> Mapping[str, str]:
    """A step as JSON shows it."""
    return {"op": step.op, "type": step.type, "name": step.name}


def confirm(question: str, again: str) -> None:
    """Ask once.

    Args:
        question: the question.
        again: the command that asks nothing.

    Raises:
        ProcedureError: if there is no terminal to ask at.
        typer.Abort: if the answer is no.
    """
    if not sys.stdin.isatty():
        raise ProcedureError("there is no terminal to ask at", again)
    typer.confirm(question, abort=True)


def print_checks(out: Console, checks: Iterable[Check]) -> None:
    """Print a line for each check, and the reason below one that failed."""
    for check in checks:
        mark = "[green]pass[/]" if check.passed else "[red]FAIL[/]"
        out.print(f"{mark}  ", end="")
        out.print(check.name, markup=False)
        if not check.passed:
            out.print(f"      {check.detail}", markup=False)


def print_preflight(out: Console, found: Preflight) -> None:
    """Print a line for each point, and the fix below one that is not clear."""
    for name, finding in found.findings.items():
        out.print(f"[{LEVELS[finding.level]}]{finding.level.value}[/]  ", end="")
        out.print(f"{name}: {finding.detail}", markup=False)
        if finding.level is not Level.CLEAR:
            kind = "type" if finding.is_typed else "do"
            out.print(f"      {kind}: {finding.fix}", markup=False, soft_wrap=True)
    counts = f"{found.count(Level.FAIL)} fail, {found.count(Level.WARN)} warn; {found.seconds:.1f} s"
    out.print(f"[green]clear[/]: {counts}" if found.is_clear else f"[red]not clear[/]: {counts}")


def preflight_as_data(found: Preflight) -> Mapping[str, Any]:
    """A preflight as JSON shows it."""
    points = [
        {
            "name": name,
            "level": finding.level.value,
            "detail": finding.detail,
            "fix": finding.fix,
            "typed": finding.is_typed,
        }
        for name, finding in found.findings.items()
    ]
    return {"clear": found.is_clear, "seconds": round(found.seconds, 1), "points": points}


def print_status(out: Console, found: Status) -> None:
    """Print both sites side by side."""
    leads = f"{found.leader} leads epoch {found.epoch}" if found.leader else "no ledger says who leads"
    out.print(leads, style="bold", markup=False)
    table = Table("", *(f"{site.site} ({site.region})" for site in found.sites), box=None, header_style="bold")
    table.add_row("role in the file", *(site.role for site in found.sites))
    table.add_row("timeline", *(", ".join(site.timeline) for site in found.sites))
    for name in found.sites[0].readings:
        table.add_row(name, *(_cell(site.readings[name]) for site in found.sites))
    out.print(table)
    out.print("DNS: ", end="")
    out.print("; ".join(f"{name} leads to {entry.text}" for name, entry in found.names.items()), markup=False)
    for problem in found.problems:
        out.print("[red]-[/] ", end="")
        out.print(problem, markup=False)
    out.print("[green]healthy[/]" if found.is_healthy else f"[red]unhealthy: {len(found.problems)} problems[/]")


def _cell(reading: Reading) -> str:
    return f"[{COLOURS[reading.state]}]{MARKS[reading.state]}[/] {escape(reading.text)}"


def status_as_data(found: Status) -> Mapping[str, Any]:
    """A status as JSON shows it."""
    return {
        "leader": found.leader,
        "epoch": found.epoch,
        "healthy": found.is_healthy,
        "problems": list(found.problems),
        "names": {name: _data(entry) for name, entry in found.names.items()},
        "sites": [
            {
                "site": site.site,
                "region": site.region,
                "reachable": site.is_reachable,
                "role": site.role,
                "timeline": list(site.timeline),
                "readings": {name: _data(entry) for name, entry in site.readings.items()},
            }
            for site in found.sites
        ],
    }


def _data(reading: Reading) -> Mapping[str, str]:
    return {"text": reading.text, "state": reading.state.value}
