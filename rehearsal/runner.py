"""Running a scenario by name: its display, its report and its exit code."""

from __future__ import annotations

import inspect
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from engine import pulumi_cli
from engine.deployment import Step
from engine.monitor import DeploymentError
from engine.warm import Warm
from rehearsal.environment import Environment
from rehearsal.report import Outcome, as_json, loss_table, tier_table
from rehearsal.scenarios import PROMISES, SCENARIOS
from rehearsal.speed import speed_of

NAMES = tuple(SCENARIOS)
ENGINES = ("auto", "pulumi", "in-process")
STEPS_SHOWN = 40
"""A flip has fewer. A new cluster has 500, which would hide what follows."""


class Display:
    """Shows phases and steps on a terminal; without one, prints a line per phase."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[last]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", last="")
        self._steps: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def phase(self, text: str) -> None:
        """Show that a phase begins."""
        self._console.print(f"[bold]{text}[/]")
        self._steps.clear()
        self._progress.reset(self._task, description=text, last="")

    def step(self, step: Step) -> None:
        """Show a step of an engine."""
        self._steps[step.op] += 1
        counts = ", ".join(f"{number} {op}" for op, number in self._steps.items())
        self._progress.update(self._task, last=f"{counts} · {step.name}")

    def say(self, text: str) -> None:
        """Print one line about an event."""
        self._console.print(f"  {text}", emoji=False)  # an ARN of a secret contains `:secret:`


def run(
    name: str, *, engine: str = "auto", json_file: Path | None = None, seed: int = 0, programs: Warm | None = None
) -> int:
    """Play a scenario and print its outcome.

    Args:
        name: of the scenario.
        engine: one of ENGINES.
        json_file: where the outcome is written too.
        seed: draws what is random in it.
        programs: as for `OfflineAccount`.

    Returns:
        0 if every promise was kept; 1 if one was broken or the rehearsal could not finish.
    """
    console = Console()
    chosen = ("pulumi" if pulumi_cli.available() else "in-process") if engine == "auto" else engine
    if chosen == "pulumi" and not pulumi_cli.available():
        console.print("[red]there is no pulumi[/]\n  hint: run 'make engine', or use --engine in-process")
        return 1
    speed = speed_of(name)
    console.print(
        f"Rehearsing [bold]{name}[/] with the {chosen} engine; one simulated second takes {1 / speed:.1f} real seconds."
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="lifeline-") as folder,
            Display(console) as display,
            Environment(Path(folder), engine=chosen, speed=speed, seed=seed, programs=programs) as environment,
        ):
            outcome = SCENARIOS[name](environment, display)
    except KeyboardInterrupt:
        console.print("interrupted; every server is stopped and its data is deleted")
        return 1
    except DeploymentError as error:
        console.print(f"[red]the rehearsal could not finish[/]\n{error}", highlight=False)
        return 1
    print_outcome(console, outcome)
    if json_file is not None:
        json_file.write_text(as_json(outcome) + "\n")
    return 0 if outcome.verdict == "kept" else 1


def listing() -> Table:
    """Every scenario, with what it plays and promises."""
    table = Table("scenario", "plays", "promises", show_lines=True)
    for name, play in SCENARIOS.items():
        words = inspect.getdoc(sys.modules[play.__module__]) or ""
        table.add_row(name, words.partition("\n")[0], PROMISES[name])
    return table


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Stop, and ignore further signals, so that a second Ctrl-C does not interrupt the clean-up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print the tables of an outcome, its first steps, every check, and the verdict."""
    console.print()
    console.print(tier_table(outcome.tiers))
    for tier in outcome.tiers:
        if not tier.kept:
            last = "; ".join(tier.last_failures) or "it was not asked"
            console.print(f"  {tier.tier.title}: {last}", highlight=False)
    terms = {term.name: term for tier in outcome.tiers for term in tier.assumptions}
    for term in terms.values():
        console.print(f"  assumed: {term.name}, {term.seconds} s ({term.source})", style="dim", highlight=False)
    missing = dict.fromkeys(link for tier in outcome.tiers for link in tier.not_modelled)
    console.print(f"  not modelled: {', '.join(missing)} (docs/rehearsal.md)", style="dim", highlight=False)
    console.print(loss_table(outcome))
    counts = Counter(step.op for step in outcome.steps)
    console.print(f"Steps: {', '.join(f'{number} {op}' for op, number in counts.items())}")
    for step in outcome.steps[:STEPS_SHOWN]:
        console.print(f"  {step.op:8}{step.type}  {step.name}", highlight=False)
    if (more := len(outcome.steps) - STEPS_SHOWN) > 0:
        console.print(f"  and {more} more, which --json writes", highlight=False)
    for check in outcome.checks:
        console.print(f"{'[green]pass[/]' if check.passed else '[red]FAIL[/]'}  {check.name}", highlight=False)
        if not check.passed:
            console.print(f"      {check.detail}", highlight=False)
    colour = "green" if outcome.verdict == "kept" else "red"
    console.print(f"Verdict: [bold {colour}]{outcome.verdict}[/]")
