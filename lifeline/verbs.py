"""The subcommands that look at a live platform, or change it. Each parses, calls a procedure, and prints."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from lifeline.app import StackOption, app, project_root
from lifeline.group import Verb

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, and show no diff, which takes seconds.")]


def status(
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every few seconds, until Ctrl-C.")] = False,
) -> None:
    """Show where things stand, even if a region is dead.

    Both sites side by side. Changes nothing. Exits 1 if anything is unhealthy.
    """
    from lifeline import terminal
    from procedures import status as asking
    from procedures.live import LiveAccess
    from procedures.sites import sites

    configs, out = sites(project_root()), terminal.console()
    access = LiveAccess()
    while True:
        found = asking.status(access, configs)
        if as_json:
            terminal.print_json(terminal.status_as_data(found))
        else:
            if watch and out.is_terminal:
                out.clear()
            terminal.print_status(out, found)
        if not watch:
            raise typer.Exit(0 if found.is_healthy else 1)
        sys.stdout.flush()
        time.sleep(asking.PATIENCE_SECONDS)


def preflight(stack: StackOption, as_json: JsonOption = False) -> None:
    """Look for what would stop a failover to a site.

    From the site's own side, so it works while the other region is lost. Each point is pass, warn or fail, with its
    fix. Changes nothing. Exits 1 if a point fails.
    """
    from lifeline import terminal
    from procedures.failover import config_of
    from procedures.live import LiveAccess
    from procedures.live_stack import LiveStack
    from procedures.preflight.machine import Machine
    from procedures.preflight.run import preflight as looked

    root = project_root()
    site = LiveStack(root, stack)
    found = looked(site, LiveAccess(), Machine(root), config_of(site))
    if as_json:
        terminal.print_json(terminal.preflight_as_data(found))
    else:
        terminal.print_preflight(terminal.console(), found)
    raise typer.Exit(0 if found.is_clear else 1)


def verify(as_json: JsonOption = False) -> None:
    """Check a recovery by the plan's checklist.

    Its ten points, and its calls to the crisis services, which are marked as tests. Exits 1 if one fails.
    """
    from lifeline import terminal
    from procedures import verification
    from procedures.live import LiveAccess
    from procedures.sites import leading, sites

    checks = verification.verify(LiveAccess(), leading(sites(project_root())))
    if as_json:
        terminal.print_json([vars(check) for check in checks])
    else:
        terminal.print_checks(terminal.console(), checks)
    raise typer.Exit(0 if all(check.passed for check in checks) else 1)


def failover(
    stack: StackOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
    verified: Annotated[bool, typer.Option("--verify/--no-verify", help="Verify at the end, for minutes.")] = True,
) -> None:
    """Let the surviving site lead.

    After the other region was lost: --stack names the survivor. Adds one line to its stack file, runs 'pulumi up', and
    verifies. If it is interrupted, run it again: it continues.
    """
    from lifeline import failing_over

    raise typer.Exit(failing_over.run(project_root(), stack, yes=yes, as_json=as_json, verified=verified))


def switchover(
    to: Annotated[str, typer.Option("--to", help="The site that is to lead, as in Pulumi.<stack>.yaml.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let the other site lead, and lose nothing.

    While both regions work. Drains the leader, lets the other site take over, and tells the first one: three runs of
    'pulumi up'. If it is interrupted, run it again: it continues.
    """
    from lifeline import between_sites

    raise typer.Exit(between_sites.hand_over(project_root(), to, yes=yes, as_json=as_json))


def reseed(stack: StackOption, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Let a site that lost the lead follow again.

    Its new database is copied from the leader; the old one is kept. If it is interrupted, run it again: it continues.
    """
    from lifeline import between_sites

    raise typer.Exit(between_sites.follow(project_root(), stack, yes=yes, as_json=as_json))


def resume(stack: StackOption, as_json: JsonOption = False) -> None:
    """Clear what a killed run left in the way.

    The note and the lock of a process that has ended, operations that were interrupted, and a state that still names
    the source of a promoted database. Then run the killed command again. It refuses while another operator works, or
    if the other site leads.
    """
    from lifeline import resuming

    raise typer.Exit(resuming.run(project_root(), stack, as_json=as_json))


def failback(
    to: Annotated[str, typer.Option("--to", help="The site that is to lead again, as in Pulumi.<stack>.yaml.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a site lead again, after its region has come back.

    Reseeds it, waits until its database has caught up, switches over, and reseeds the other site. It may take hours.
    If it is interrupted, run it again: it continues.
    """
    from lifeline import changing

    raise typer.Exit(changing.go_back(project_root(), to, yes=yes, as_json=as_json))


def restore(
    stack: StackOption,
    point_in_time: Annotated[str | None, typer.Option(help="UTC, as 2026-11-24T03:00:00Z; or latest.")] = None,
    snapshot: Annotated[str | None, typer.Option(help="Of the region.")] = None,
    dump: Annotated[str | None, typer.Option(help="Its name; or latest.")] = None,
    dump_from: Annotated[str | None, typer.Option(help="own, ownCopy, peer, peerCopy.")] = None,
    automated_backup: Annotated[str | None, typer.Option(help="ARN of a copied one.")] = None,
    earliest: Annotated[str | None, typer.Option(help="UTC, if it was promoted.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="The leader cannot stop writes.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replace wrong data by a backup.

    Stops writes, and lets the site lead with a new database. Give one backup. Run again, it continues.
    """
    from lifeline import changing

    backup = changing.backup_of(
        pointInTime=point_in_time,
        snapshot=snapshot,
        dump=dump,
        dumpFrom=dump_from,
        automatedBackup=automated_backup,
        earliest=earliest,
    )
    raise typer.Exit(
        changing.restore_in_place(project_root(), stack, backup, drained=not dead, yes=yes, as_json=as_json)
    )


def emergency(
    stack: StackOption,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Such as readOnly=true or crisisReplicas=10.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="As usual again, except for what --set says.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a site with less, or as usual again.

    The modes: readOnly, maintenance, crisisFallback, crisisReplicas, modelVersion, hotline. No data changes.
    docs/runbooks/emergency.md says which one helps, and where. If it is interrupted, run it again.
    """
    from lifeline import changing

    raise typer.Exit(changing.degrade(project_root(), stack, settings or [], end=end, yes=yes, as_json=as_json))


def rebuild(
    stack: StackOption,
    lost: Annotated[str, typer.Option("--lost", help="The site that never comes back.")],
    new: Annotated[str, typer.Option("--new", help="The name of the site in its place.")],
    cidr: Annotated[str, typer.Option(help="Of its network, such as 10.30.0.0/16.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Do without a site that is gone for good.

    Deletes its records, adopts what it owned, gives the survivor (--stack) a new peer, and writes the file of the new
    site, which is built afterwards. docs/runbooks/rebuild-region.md. If it is interrupted, run it again.
    """
    from lifeline import rebuilding
    from procedures.rebuild import NewSite

    raise typer.Exit(rebuilding.run(project_root(), stack, lost, NewSite(new, cidr), yes=yes, as_json=as_json))


def report(
    since: Annotated[str, typer.Option(help="UTC, as 2026-12-01T03:00:00Z.")],
    until: Annotated[str | None, typer.Option(help="UTC; without it, now.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Without its ending.")] = Path("incident"),
) -> None:
    """Write the record of an incident.

    As Markdown and as a page: the timeline, outages against promises, the loss, the review, a text for users. The
    places for a person to write are marked. Has no word of a person who asked for help.
    """
    from lifeline import reporting

    raise typer.Exit(reporting.write(project_root(), since, until, out))


def reconcile(
    stack: StackOption,
    database: Annotated[str, typer.Option(help="The fenced one, such as primary-1.")],
    since: Annotated[str, typer.Option(help="The loss, UTC, as 2026-12-01T03:00:00Z.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The list, as CSV.")] = Path("reconcile.csv"),
    yes: YesOption = False,
) -> None:
    """List the rows that the leader never saw.

    By key, never by their text, for people to decide about. Lets the site's pods reach its fenced database meanwhile,
    which takes two runs of 'pulumi up'. Changes no row.
    """
    from lifeline import reconciling

    raise typer.Exit(reconciling.run(project_root(), stack, database, since, out, yes=yes))


for function in (
    status, preflight, failover, resume, switchover, reseed, failback, rebuild, restore, emergency, verify, report,
    reconcile,
):  # fmt: skip
    app.command(cls=Verb)(function)
