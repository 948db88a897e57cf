"""A reseed: a site that lost the lead gets a new database, copied from the leader."""

from __future__ import annotations

from procedures.access import Access, Report, Stack
from procedures.deploying import Deployed, deploy
from procedures.edits import DATABASE
from procedures.failover import config_of
from procedures.lock import Lock
from procedures.switchover import told
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig

NAME = "reseed"


def reseed(stack: Stack, leader: SiteConfig, access: Access, report: Report) -> tuple[Deployed, ...]:
    """Let a site follow again. It ends when RDS has made the copy; the replica may still have to catch up.

    Args:
        stack: the stack of the site.
        leader: the configuration of the site that leads.
        access: the account.
        report: shows the progress.

    Raises:
        ConfigError: if the file has mistakes.
        DeploymentError: if the engine or a provider refuses.
        ProcedureError: if another operator works on the site, or its timeline is not the leader's.
    """
    with Lock(access, config_of(stack)).held(NAME):
        report.done("lock")
        done = told(stack, leader, report) if config_of(stack).history != leader.history else []
        config = config_of(stack)
        if config.role in (DatabaseRole.FENCED, DatabaseRole.STALE):
            epoch = len(config.history)
            if config.role is DatabaseRole.STALE:  # it is declared nowhere else, and must not be deleted
                stack.file.set_within(DATABASE, "kept", [*config.database.kept, config.own_database.epoch])
            stack.file.set_within(DATABASE, "seeded", epoch)
            stack.file.save()
            report.say(f"{stack.file.path.name}: {DATABASE}.seeded: {epoch}")
        report.done("edit")
        done.append(deploy(stack, report))
        report.done("up")
    report.done("unlock")
    return tuple(done)
