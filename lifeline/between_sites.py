"""`lifeline switchover` and `lifeline reseed` on a terminal: the edits, the question, and the progress."""

from __future__ import annotations

from pathlib import Path

from lifeline import terminal
from procedures.access import ProcedureError
from procedures.failover import config_of
from procedures.live import LiveAccess
from procedures.live_stack import LiveStack
from procedures.reseed import reseed
from procedures.sites import leading, sites
from procedures.switchover import switch_over
from recovery.timeline import DatabaseRole

NEXT = "lifeline verify, and then lifeline reseed for the other site"


def hand_over(root: Path, to: str, *, yes: bool, as_json: bool) -> int:
    """Let another site lead, and return the exit code."""
    taker, out = LiveStack(root, to), terminal.console()
    config = config_of(taker)
    leader = LiveStack(root, config.peer.site)
    if not yes:
        epoch = len(config.history)
        if config.role is not DatabaseRole.LEADER:
            out.print(f"{leader.file.path.name}: lifeline:switchover: {{drain: {epoch}}}", markup=False)
            out.print(
                f"{taker.file.path.name}: one more entry, {config.own_database}, and take: {epoch + 1}", markup=False
            )
        out.print("Nothing may be lost. Users cannot write from the drain to the promotion, for minutes.")
        terminal.confirm("Switch over now?", f"lifeline switchover --to {to} --yes")
    report = terminal.begun(terminal.console(), leader, taker, as_json=as_json)
    done = switch_over(leader, taker, LiveAccess(), report)
    report.say(f"{to} leads; next: {NEXT}")
    return terminal.told(done, as_json=as_json)


def follow(root: Path, name: str, *, yes: bool, as_json: bool) -> int:
    """Let a site follow again, and return the exit code.

    Raises:
        ProcedureError: if the site leads.
    """
    stack, leader = LiveStack(root, name), leading(sites(root))
    if leader.site == name:
        raise ProcedureError(f"{name} leads", f"lifeline reseed --stack {leader.peer.site}")
    if not yes:
        terminal.console().print(
            f"{stack.file.path.name}: the timeline of {leader.site}, and seeded: {len(leader.history)}.\n"
            f"A new database is copied from {leader.own_database}, which may take hours. The old one is kept.",
            markup=False,
        )
        terminal.confirm("Reseed now?", f"lifeline reseed --stack {name} --yes")
    report = terminal.begun(terminal.console(), stack, as_json=as_json)
    done = reseed(stack, leader, LiveAccess(), report)
    report.say("copied; lifeline status shows the age of the replica until it has caught up")
    return terminal.told(done, as_json=as_json)
