"""A drain: the leader stops taking writes, and notes how far it came."""

from __future__ import annotations

from operations.ledger import JobLedger
from operations.ledger_items import LedgerUnreadableError
from operations.records import HandoverRecord
from procedures.access import Access, ProcedureError, Report, Stack
from procedures.deploying import Deployed, deploy
from procedures.edits import edit
from recovery.naming import LEDGER_TABLE, NAMESPACE
from stacks.config import SiteConfig

SECTION = "lifeline:switchover"
PATIENCE_SECONDS = 600.0
"""The longest wait for the record of the drained leader. Its fence writes it within ten seconds."""
_LOOK_SECONDS = 0.5


def drain(leader: Stack, config: SiteConfig, report: Report) -> Deployed:
    """Let the site that leads take no more writes.

    Raises:
        ConfigError: if the file has mistakes.
        DeploymentError: if the engine or a provider refuses.
    """
    edit(leader, {SECTION: {"drain": len(config.history)}}, report)
    report.done("drain")
    done = deploy(leader, report)
    report.done("up drain")
    return done


def handover(access: Access, config: SiteConfig, epoch: int) -> HandoverRecord:
    """The record of the drained leader.

    Args:
        access: the account.
        config: of the site that reads it.
        epoch: that ends.

    Raises:
        ProcedureError: if there is none in time.
    """
    ledger = JobLedger(access.client("dynamodb", config.ledger_region), LEDGER_TABLE)
    problem, waited = "", 0.0
    while waited < PATIENCE_SECONDS:
        try:
            if record := ledger.handover_record(epoch):
                return record
        except LedgerUnreadableError as error:  # it may answer the next time
            problem = f": {error}"
        access.wait(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
    hint = f"kubectl logs -n {NAMESPACE} deployment/fence says why; docs/runbooks/switchover.md, Roll back"
    raise ProcedureError(f"epoch {epoch} has no handover record after {waited:.0f} s{problem}", hint)
