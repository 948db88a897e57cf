"""`lifeline diff`: the steps of an edit, on a terminal of any width or as JSON."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from engine.deployment import Step
from engine.program import steps_to
from lifeline import terminal
from procedures.live_stack import LiveStack
from recovery.naming import PROJECT
from stacks.problems import ConfigError, Problem
from stacks.stackfile import StackFile

COLOURS = {
    "create": "green",
    "import": "green",
    "update": "yellow",
    "forget": "yellow",
    "replace": "bold red",
    "delete": "bold red",
}
HARMFUL = ("replace", "delete")
_WIDEST = max(map(len, COLOURS))


def show(root: Path, stack: str, timeline: Sequence[str] | None, settings: Sequence[str], *, as_json: bool) -> int:
    """Print the steps, and return 1 if one replaces or deletes anything.

    Args:
        root: the folder of the project.
        stack: its name.
        timeline: the timeline to go to; None for that of the file.
        settings: values to go to, as `section.key=value`. Without both, the way goes from what is deployed to the file.
        as_json: whether a list is printed.

    Raises:
        ConfigError: with every mistake.
        StackFileError: if the file cannot be read.
        ProcedureError: if the engine is needed, and there is none or no such stack.
    """
    if timeline is None and not settings:
        steps = LiveStack(root, stack).preview()
    else:
        config = StackFile(root / f"Pulumi.{stack}.yaml").config
        steps = steps_to(root, stack, timeline, values(config, settings))
    if as_json:
        print(steps_as_json(steps))
    else:
        print_steps(terminal.console(), steps)
    return 1 if any(step.op in HARMFUL for step in steps) else 0


def values(config: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """The values of settings by their whole keys. One in a section keeps the section's other values.

    Raises:
        ConfigError: if a setting is not of the form `section.key=value`, or its value is not YAML.
    """
    found: dict[str, Any] = {}
    hint = "write --set section.key=value, such as --set switchover.take=2"
    for setting in settings:
        path, value = parsed(setting, hint)
        name, *inner = path.removeprefix(f"{PROJECT}:").split(".")
        if not name or len(inner) > 1:
            raise ConfigError((Problem(f"--set {setting}", "is no setting", hint),))
        key = f"{PROJECT}:{name}"
        section = found.get(key, config.get(key))
        found[key] = {**(section if isinstance(section, dict) else {}), inner[0]: value} if inner else value
    return found


def parsed(setting: str, hint: str) -> tuple[str, Any]:
    """A setting of the form `key=value`, with the value as YAML.

    Raises:
        ConfigError: if it is of another form, with the hint.
    """
    key, equals, text = setting.partition("=")
    if key and equals:
        with contextlib.suppress(yaml.YAMLError):
            return key, yaml.safe_load(text)
    raise ConfigError((Problem(f"--set {setting}", "is no setting", hint),))


def steps_as_json(steps: Sequence[Step]) -> str:
    """A list of `{"op", "type", "name", "keys"}`."""
    data = [{"op": step.op, "type": step.type, "name": step.name, "keys": list(step.keys)} for step in steps]
    return json.dumps(data, indent=2)


def print_steps(out: Console, steps: Sequence[Step]) -> None:
    """Print a line or two for each step, and the count."""
    for step in steps:
        kind = step.type.rpartition(":")[2]
        line = Text.assemble((f"{step.op:{_WIDEST}}", COLOURS[step.op]), f"  {step.name}  ", (kind, "dim"))
        out.print(line, soft_wrap=True)
        if step.keys:
            indent = " " * (_WIDEST + 4)
            lines = Text(", ".join(step.keys), style="dim").wrap(out, max(out.width - len(indent), 20))
            out.print(*(Text.assemble(indent, part) for part in lines), sep="\n", soft_wrap=True)
    counts = Counter(step.op for step in steps)
    out.print(", ".join(f"{number} {op}" for op, number in counts.items()) or "nothing to do")
    if harmful := [step for step in steps if step.op in HARMFUL]:
        out.print(Text(f"{len(harmful)} would be replaced or deleted: stop, and ask", style="bold red"))
