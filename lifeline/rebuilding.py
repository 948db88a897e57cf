"""`lifeline rebuild` on a terminal."""

from __future__ import annotations

from pathlib import Path

from engine.program import steps_to
from lifeline import terminal
from lifeline.differences import print_steps
from procedures.failover import config_of
from procedures.live import LiveAccess
from procedures.live_stack import LiveStack
from procedures.rebuild import NewSite, new_file, peer_values, rebuild, refuse
from stacks.config import parse
from stacks.stackfile import StackFile

NEXT = "docs/runbooks/rebuild-region.md, step 5: the state, the registry and the images of the new site"


def run(root: Path, name: str, lost_name: str, new: NewSite, *, yes: bool, as_json: bool) -> int:
    """Let the survivor do without the lost site, write the new site's file, and return the exit code.

    Raises:
        ProcedureError: if the site does not lead, or the new name was one of a site.
    """
    stack, out = LiveStack(root, name), terminal.console()
    lost = StackFile(root / f"Pulumi.{lost_name}.yaml")
    config, former = config_of(stack), parse(lost.config, stack=lost_name)
    refuse(config, former, new)
    file = new_file(lost, config, former, new)
    if not yes:
        out.print(
            f"{lost_name} never comes back: its records and health checks are deleted, its name is not used again.\n"
            f"{name} adopts what it owned, and gets {new.name} in {former.region} as its peer. No data changes.",
            markup=False,
        )
        print_steps(out, steps_to(root, name, None, peer_values(config, former, new)))
        terminal.confirm("Do without it now?", "the same command with --yes")
    report = terminal.begun(out, stack, as_json=as_json)
    done = rebuild(stack, former, new, LiveAccess(), report)
    if not file.path.exists():
        file.save()
    report.say(f"{file.path.name} is written; next: {NEXT}")
    return terminal.told(done, as_json=as_json)
