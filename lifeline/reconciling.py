"""`lifeline reconcile` on a terminal."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lifeline import terminal
from lifeline.reporting import moment
from procedures.access import ProcedureError
from procedures.failover import config_of
from procedures.live import LiveAccess
from procedures.live_stack import LiveStack
from procedures.pod_rows import PodRows
from procedures.reconcile import reachable, reconcile, work_list
from procedures.sites import leading, sites


def run(root: Path, name: str, database: str, since: str, out: Path, *, yes: bool) -> int:
    """Write the list, and return the exit code.

    Raises:
        ProcedureError: if the database is not of the site, a time is none, or the file cannot be written.
    """
    stack, access, loss = LiveStack(root, name), LiveAccess(), moment(since)
    config, leader = config_of(stack), leading(sites(root))
    own = next((entry for entry in config.history if str(entry) == database and entry.site == name), None)
    if own is None or own == leader.history[-1]:
        led = ", ".join(str(entry) for entry in config.history if entry.site == name and entry != leader.history[-1])
        raise ProcedureError(f"{database[:40]} is no fenced database of {name}", f"it has {led or 'none'}")
    if not out.absolute().parent.is_dir():
        raise ProcedureError(f"{out}: there is no such folder", "give --out a file in a folder that exists")
    if not yes:
        terminal.console().print(
            f"{stack.file.path.name}: lifeline:database.reconciled: [{own.epoch}] while the rows are listed.",
            markup=False,
        )
        terminal.confirm("List them now?", "the same command with --yes")
    report = terminal.report(terminal.console(), as_json=False)
    with tempfile.TemporaryDirectory() as folder, reachable(stack, own.epoch, access, report):
        fenced = PodRows(access, config, own, Path(folder))
        leads = PodRows(access, leader, leader.history[-1], Path(folder))
        found = reconcile(fenced, leads, access, leader, loss)
    try:
        out.write_text(work_list(found))
    except OSError as error:
        raise ProcedureError(f"{out}: {error.strerror}", "give --out a file in a folder that exists") from error
    report.say(f"{out}: {len(found)} rows, each for a person to decide about (docs/runbooks/reconcile.md)")
    return 0
