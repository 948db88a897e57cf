"""`lifeline failover` on a terminal: the plan, the question, the progress, and the verification."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from engine.program import steps_to
from lifeline import terminal
from lifeline.differences import print_steps
from procedures import failover, prospect, verification
from procedures.access import Access, Report
from procedures.checks import Check
from procedures.live import LiveAccess
from procedures.live_stack import LiveStack

RECOVERS_SECONDS = 180
"""Real seconds after `up` in which DNS and pods follow. Then the last verification counts."""
AGAIN_SECONDS = 10


def run(root: Path, name: str, *, yes: bool, as_json: bool, verified: bool) -> int:
    """Fail over, and return the exit code."""
    stack, access, out = LiveStack(root, name), LiveAccess(), terminal.console()
    if not yes:
        _ask(out, root, stack, access)
    report = terminal.begun(out, stack, as_json=as_json)
    done = failover.fail_over(stack, access, report)
    checks = _verified(access, stack, report) if verified else ()
    passed = all(check.passed for check in checks)
    if as_json:
        steps = [terminal.step_as_data(step) for step in done.steps]
        terminal.print_json(
            {
                "site": name,
                "steps": steps,
                "checks": [vars(check) for check in checks],
                "recovered": passed and verified,
            }
        )
    else:
        terminal.print_checks(out, checks)
        out.print(_verdict(passed=passed, verified=verified))
    return 0 if passed else 1


def _verdict(*, passed: bool, verified: bool) -> str:
    if not verified:
        return "deployed, and not verified: lifeline verify"
    return "[green]recovered[/]" if passed else "[red]not recovered[/]: lifeline status says more"


def _ask(out: Console, root: Path, stack: LiveStack, access: Access) -> None:
    """Show what the failover does, and ask.

    Raises:
        ProcedureError: if there is no terminal to ask at.
        typer.Abort: if the answer is no.
    """
    config = failover.config_of(stack)
    site = config.site
    plan = failover.planned(stack.file, config)
    edit = "has the line already" if plan.is_edited else f"gets one more line:  - {plan.timeline[-1]}"
    out.print(f"{site} in {config.region} is to lead. {stack.file.path.name} {edit}", markup=False)
    if not plan.is_edited:
        print_steps(out, steps_to(root, site, plan.timeline))
    out.print(f"May be lost: {prospect.losses(access, config)}", markup=False)
    for phase in prospect.phases(config):
        out.print(f"  {phase.seconds:4} s  {phase.name}", markup=False)
    terminal.confirm("Fail over now?", f"lifeline failover --stack {site} --yes")


def _verified(access: Access, stack: LiveStack, report: Report) -> tuple[Check, ...]:
    """The verification, again and again until it passes or the time is over."""
    config = failover.config_of(stack)
    report.say("verifies, until DNS and pods have followed")
    for _ in range(RECOVERS_SECONDS // AGAIN_SECONDS):
        checks = verification.verify(access, config)
        if all(check.passed for check in checks):
            return checks
        access.wait(AGAIN_SECONDS)
    return verification.verify(access, config)
