"""A failover: one entry more in the timeline of the site that survives, and `up`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from procedures.access import Access, Report, Stack
from procedures.lock import Lock
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig, parse
from stacks.stackfile import StackFile, with_timeline

if TYPE_CHECKING:
    from engine.up import UpResult

NAME = "failover"


@dataclass(frozen=True)
class Plan:
    """The edit of a failover."""

    site: str
    timeline: tuple[str, ...]
    """The timeline afterwards."""
    is_edited: bool
    """Whether the file has it already: an earlier run was interrupted, or the site has led for long."""


def planned(file: StackFile, config: SiteConfig) -> Plan:
    """The plan for the site that is to lead.

    Raises:
        ConfigError: if the site's database may not lead, with the reason and a hint.
    """
    timeline = tuple(map(str, config.history))
    if config.role is DatabaseRole.LEADER:
        return Plan(config.site, timeline, is_edited=True)
    after = (*timeline, str(config.own_database))
    parse(with_timeline(file.config, after), stack=config.site)
    return Plan(config.site, after, is_edited=False)


def fail_over(stack: Stack, access: Access, report: Report) -> UpResult:
    """Let a site lead. Interrupted at any moment, it continues when it is run again.

    Raises:
        ConfigError: if the file has mistakes, or the site's database may not lead.
        DeploymentError: if the engine or a provider refuses.
        ProcedureError: if another operator works on the site, or the bucket of the state does not answer.
    """
    config = config_of(stack)
    with Lock(access, config).held(NAME) as killed:
        if killed:
            report.say(f"continues what {killed} began at {killed.since}, whose process has ended")
        report.done("lock")
        plan = planned(stack.file, config)
        if plan.is_edited:
            report.say(f"{stack.file.path.name} names {plan.timeline[-1]} as the leader already")
        else:
            stack.file.append_to_timeline(plan.timeline[-1])
            stack.file.save()
            report.say(f"{stack.file.path.name}: lifeline:timeline gets one more entry, {plan.timeline[-1]}")
        report.done("edit")
        done = stack.up(report.step)
        report.say(f"{config.site}: {len(done.steps)} steps")
        report.done("up")
    report.done("unlock")
    return done


def config_of(stack: Stack) -> SiteConfig:
    """The configuration in a stack's file.

    Raises:
        ConfigError: with every mistake in it.
    """
    return parse(stack.file.config, stack=site_of(stack.file))


def site_of(file: StackFile) -> str:
    """The stack's name, from the name of its file."""
    return file.path.name.removeprefix("Pulumi.").removesuffix(".yaml")
