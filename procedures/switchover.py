"""A planned switchover: drain the leader, let the other site take over, and tell the first site."""

from __future__ import annotations

import contextlib

from procedures.access import Access, ProcedureError, Report, Stack
from procedures.deploying import Deployed, deploy
from procedures.draining import drain, handover
from procedures.failover import config_of
from procedures.lock import Lock
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig, parse
from stacks.stackfile import StackFile, with_timeline

NAME = "switchover"


def switch_over(leader: Stack, taker: Stack, access: Access, report: Report) -> tuple[Deployed, ...]:
    """Hand the lead from one site to the other, and lose nothing.

    Each step is taken only if the files do not show that it was, so it continues when it is run again.

    Args:
        leader: the stack of the site that leads.
        taker: that of the other site, whose database follows.
        access: the account and the platform.
        report: shows the progress.

    Raises:
        ConfigError: if a file has mistakes, or the taker's database may not lead.
        DeploymentError: if the engine, a provider or the gate refuses.
        ProcedureError: if another operator works on a site, or the leader is not drained in time.
    """
    first, second = config_of(leader), config_of(taker)
    with contextlib.ExitStack() as locks:
        for config in (first, second):
            locks.enter_context(Lock(access, config).held(NAME))
        report.done("lock")
        done: list[Deployed] = []
        if second.role is not DatabaseRole.LEADER:
            after = (*map(str, second.history), str(second.own_database))
            parse(with_timeline(taker.file.config, after), stack=second.site)
            done.append(drain(leader, first, report))
            record = handover(access, second, len(first.history))
            report.say(f"drained: {record.database} stopped at {record.position}")
            taker.file.append_to_timeline(after[-1])
            taker.file.set("lifeline:switchover", {"take": len(after)})
            taker.file.save()
            report.say(f"{taker.file.path.name}: lifeline:timeline gets one more entry, {after[-1]}")
            report.done("take")
        done.append(deploy(taker, report))
        report.done("up taker")
        done += told(leader, config_of(taker), report)
        report.done("up leader")
    report.done("unlock")
    return tuple(done)


def told(stack: Stack, leader: SiteConfig, report: Report) -> list[Deployed]:
    """Let a site have the timeline of the site that leads, and run `up`.

    Raises:
        ConfigError: if its file has another history.
    """
    timeline = [*map(str, leader.history)]
    if extend(stack.file, timeline):
        config_of(stack)  # a mistake must not be saved
        stack.file.save()
        report.say(f"{stack.file.path.name}: lifeline:timeline ends with {timeline[-1]}")
        report.done("timeline")
    return [deploy(stack, report)]


def extend(file: StackFile, timeline: list[str]) -> bool:
    """Add the entries that a file's timeline lacks. Returns whether there was one.

    Raises:
        ProcedureError: if its timeline is no beginning of the other one.
    """
    present = [str(entry) for entry in file.config["lifeline:timeline"]]
    if present != timeline[: len(present)]:
        message = (
            f"{file.path.name} has the timeline {', '.join(present)}, which is no beginning of {', '.join(timeline)}"
        )
        raise ProcedureError(message, "docs/runbooks/failover.md says how to correct an entry: see Interrupted")
    for entry in timeline[len(present) :]:
        file.append_to_timeline(entry)
    return len(present) < len(timeline)
