"""A resume: the traces of a killed run are cleared, so that the procedure can be run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from procedures import readings, state
from procedures.access import Access, ProcedureError, Report
from procedures.failover import config_of
from procedures.lock import Lock
from stacks.config import SiteConfig
from stacks.stackfile import StackFile


class Repairable(Protocol):
    """A stack whose state can be repaired."""

    @property
    def file(self) -> StackFile:
        """Its stack file."""
        ...

    def cancel(self) -> None:
        """Remove the lock that a killed run of Pulumi has left.

        Raises:
            DeploymentError: with the engine's output.
        """
        ...

    def refresh(self, urns: Sequence[str]) -> None:
        """Read these resources, and no other, from AWS into the state.

        Raises:
            DeploymentError: with the engine's output.
        """
        ...


def resume(stack: Repairable, access: Access, report: Report) -> tuple[str, ...]:
    """Clear what stands in the way of running a procedure again. A lock that another operator may still have stays.

    Returns:
        Each thing that was done, in words.

    Raises:
        ConfigError: if the file has mistakes.
        DeploymentError: if the engine or a provider refuses.
        ProcedureError: if somebody else works on the site, the other site leads, or the bucket of the state does not
            answer.
    """
    config = config_of(stack)
    _claimed(access, config)
    done: list[str] = []

    def did(text: str) -> None:
        done.append(text)
        report.say(text)
        report.done(text.partition(":")[0])

    lock = Lock(access, config)
    if (holder := lock.holder()) is not None:
        lock.refuse_unless_gone(holder)
        lock.clear()
        did(f"note: {holder} ran 'lifeline {holder.procedure}', and its process has ended")
    for found in state.engine_locks(access, config):
        if not found.is_gone:
            hint = f"if that run has ended for certain: pulumi cancel --stack {config.site}"
            raise ProcedureError(str(found), hint)
        stack.cancel()
        did(f"lock: {found}, and its process has ended")
    pending = state.interrupted(access, config)
    if pending.changed:
        stack.refresh(pending.changed)
        did(f"interrupted operations: read from AWS: {', '.join(pending.changed)}")
    if pending.created:
        report.say(f"the next run creates: {', '.join(pending.created)}")
    if (urn := state.stale_source(access, config)) is not None:
        stack.refresh((urn,))
        did(f"source: the database is promoted already, and the state says so now: {urn}")
    return tuple(done)


def _claimed(access: Access, config: SiteConfig) -> None:
    """Refuse to go on if the other site leads a later epoch."""
    newest = readings.records(access, config.ledger_region).claim
    if newest is None or newest.epoch <= len(config.history):
        return
    if newest.database != config.own_database:
        hint = "its claim stays. Use the stack files of the one who let it lead: lifeline status"
        raise ProcedureError(f"{newest.database} leads epoch {newest.epoch}", hint)
