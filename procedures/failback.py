"""A failback: a site that lost the lead follows again, leads again, and lets the other site follow."""

from __future__ import annotations

from procedures import readings
from procedures.access import Access, ProcedureError, Report, Stack
from procedures.deploying import Deployed
from procedures.failover import config_of
from procedures.reseed import reseed
from procedures.switchover import switch_over
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig

NEWEST_SECONDS = 60.0
"""The age of a replica that has caught up: the leader writes a heartbeat each minute."""
PATIENCE_SECONDS = 24 * 3600.0
"""The longest wait for a copy of the database."""
_LOOK_SECONDS = 30.0


def fail_back(home: Stack, away: Stack, access: Access, report: Report) -> tuple[Deployed, ...]:
    """Let a site lead that lost the lead. Interrupted at any moment, it continues when it is run again.

    Args:
        home: the stack of the site that is to lead again. Its region answers.
        away: that of the site that leads.
        access: the account and the platform.
        report: shows the progress.

    Raises:
        ConfigError: if a file has mistakes.
        DeploymentError: if the engine or a provider refuses.
        ProcedureError: if another operator works on a site, or a step does not end in time.
    """
    done: list[Deployed] = []
    config, leader = config_of(home), config_of(away)
    # A file that was not told of the failover still names its own site as the leader.
    if config.role is not DatabaseRole.LEADER or len(config.history) < len(leader.history):
        done += reseed(home, leader, access, report)
        caught_up(access, config_of(home), report)
    done += switch_over(away, home, access, report)
    done += reseed(away, config_of(home), access, report)
    return tuple(done)


def caught_up(access: Access, config: SiteConfig, report: Report) -> None:
    """Wait until a site's replica is new enough for a switchover.

    Raises:
        ProcedureError: if it is not in time.
    """
    waited, said = 0.0, ""
    while True:
        status = readings.database(access, config).status
        age = readings.replica_age(access, config)
        if status == "available" and age is not None and 0 <= age < NEWEST_SECONDS:
            return
        text = f"{config.own_database} is {status}" + ("" if age is None else f", {age:.0f} s old")
        if waited >= PATIENCE_SECONDS:
            raise ProcedureError(f"{text}, after {waited / 3600:.0f} hours", "lifeline status; then run it again")
        if text != said:
            report.say(f"waits until the replica has caught up: {text}")
            said = text
        access.wait(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
