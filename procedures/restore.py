"""A restore in place: the site that leads gets a new database from a backup, as a new epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from procedures.access import Access, ProcedureError, Report, Stack
from procedures.deploying import Deployed, deploy
from procedures.draining import drain, handover
from procedures.edits import DATABASE, Values, check, edit
from procedures.failover import config_of
from procedures.lock import Lock
from recovery.timeline import DatabaseId, DatabaseRole
from stacks.config import SiteConfig
from stacks.stackfile import TIMELINE

NAME = "restore"


def values(config: SiteConfig, section: Mapping[str, Any], backup: Mapping[str, Any]) -> Values:
    """The edit that begins a new epoch with a backup.

    Args:
        config: of the site.
        section: `lifeline:database`, as the file has it.
        backup: the line in `restores`, without its epoch.
    """
    epoch = len(config.history) + 1
    database: dict[str, Any] = {**section, "seeded": epoch}
    database["restores"] = [*section.get("restores", ()), {"epoch": epoch, **backup}]
    if config.role in (DatabaseRole.REPLICA, DatabaseRole.STALE):  # it never led, and must not be deleted
        database["kept"] = sorted({*config.database.kept, config.own_database.epoch})
    return {TIMELINE: [*map(str, config.history), str(DatabaseId(config.site, epoch))], DATABASE: database}


def is_begun(config: SiteConfig, section: Mapping[str, Any], backup: Mapping[str, Any]) -> bool:
    """Whether the newest epoch began with this backup: an earlier run was interrupted, or has ended."""
    newest = {"epoch": len(config.history), **backup}
    return config.history[-1] == config.own_database and newest in section.get("restores", ())[-1:]


def restore(
    stack: Stack, backup: Mapping[str, Any], access: Access, report: Report, *, drained: bool = True
) -> tuple[Deployed, ...]:
    """Stop writes, and restore. Interrupted at any moment, it continues when it is run again.

    Args:
        stack: the stack of the site that is to lead with the restored database.
        backup: the line in `restores`, without its epoch.
        access: the account.
        report: shows the progress.
        drained: whether the leader stops taking writes first. It cannot if its database or its region is dead.

    Raises:
        ConfigError: if the file has mistakes, or the backup is not possible.
        DeploymentError: if the engine or a provider refuses.
        ProcedureError: if another operator works on the site, the site does not lead, or it is not drained in time.
    """
    config = config_of(stack)
    section, done = stack.file.config.get(DATABASE, {}), list[Deployed]()
    begun = is_begun(config, section, backup)
    if not begun:
        check(stack, values(config, section, backup))  # before anything is asked
        if drained and not config.is_active:
            hint = f"restore at {config.history[-1].site}, or use --dead if that site is lost"
            raise ProcedureError(f"{config.site} does not lead, and cannot stop writes", hint)
    with Lock(access, config).held(NAME):
        report.done("lock")
        if not begun:
            if drained:
                done.append(drain(stack, config, report))
                record = handover(access, config, len(config.history))
                report.say(f"drained: {record.database} stopped at {record.position}")
                report.done("drained")
            edit(stack, values(config, section, backup), report)
        report.done("edit")
        done.append(deploy(stack, report))
        report.done("up")
    report.done("unlock")
    return tuple(done)
