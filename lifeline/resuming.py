"""`lifeline resume` on a terminal."""

from __future__ import annotations

from pathlib import Path

from lifeline import terminal
from procedures.live import LiveAccess
from procedures.live_stack import LiveStack
from procedures.resume import resume


def run(root: Path, name: str, *, as_json: bool) -> int:
    """Clear what a killed run left, and return the exit code."""
    out = terminal.console()
    done = resume(LiveStack(root, name), LiveAccess(), terminal.report(out, as_json=as_json))
    if as_json:
        terminal.print_json({"site": name, "done": list(done)})
    else:
        out.print("nothing is in the way" if not done else "run the command again that was killed", markup=False)
    return 0
