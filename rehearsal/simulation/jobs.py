"""The Jobs of a run, with the real code of each over simulated clients."""

from __future__ import annotations

from components.kube.once import PROMOTION_WAIT_SECONDS, STRICT_WAIT_SECONDS
from operations import claim, promotion_wait
from operations.exit_codes import REFUSED, SUCCESS
from operations.handover import Gate
from operations.ledger import PATIENCE, QUICK
from operations.log import say
from operations.records import Claim
from recovery import timeline as rules
from recovery.timeline import DatabaseId
from rehearsal.simulation.clients import SimulatedDatabase, SimulatedInstance, ledger
from rehearsal.simulation.services import Services
from stacks.config import SiteConfig

GATE_SECONDS = 30.0
"""The gate's patience. Shorter than the real one, so that a history is short."""


class Jobs:
    """The work of each Job's pod."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def gate(self, config: SiteConfig) -> int:
        """The gate of a planned switchover."""
        own, take = config.own_database, rules.epoch(config.history)
        return Gate(
            ledger(self._services.network, self._services.table, PATIENCE),
            self._database(own),
            take - 1,
            config.history[take - 2],
            own,
            GATE_SECONDS,
            self._instance(own),
            config.switchover.accept_loss,
        ).wait()

    def claim(self, config: SiteConfig, epoch: int) -> int:
        """The claim of an epoch."""
        wanted = Claim(epoch, config.claimed_epochs[epoch])
        replica = self._instance(wanted.database) if epoch == config.promoted_epoch else None
        own = ledger(self._services.network, self._services.table, PATIENCE)
        return claim.claim(own, wanted, config.history[: epoch - 1], replica)

    def promotion_wait(self, config: SiteConfig, epoch: int) -> tuple[int, bool]:
        """The wait before a promotion. Returns its exit code, and whether the promotion loses nothing."""
        leader = config.history[epoch - 1]
        wait = promotion_wait.PromotionWait(
            ledger(self._services.network, self._services.table, QUICK),
            self._database(leader),
            leader,
            epoch,
            STRICT_WAIT_SECONDS if config.fence == "strict" else PROMOTION_WAIT_SECONDS,
            epoch == config.promoted_epoch,
        )
        try:
            return SUCCESS, wait.wait()
        except promotion_wait.LateError as error:
            say("must not promote", epoch=epoch, reason=str(error))
            return REFUSED, False

    def _instance(self, database: DatabaseId) -> SimulatedInstance:
        return SimulatedInstance(self._services.network, self._services.finds(database), str(database))

    def _database(self, database: DatabaseId) -> SimulatedDatabase:
        return SimulatedDatabase(self._services.network, self._services.finds(database), str(database))


def gate_name(config: SiteConfig) -> str:
    """The name of the gate's Job."""
    suffix = "-accepting-loss" if config.switchover.accept_loss else ""
    return f"handover-{(config.switchover.take or 0) - 1}{suffix}"


def waiting_epochs(config: SiteConfig) -> list[int]:
    """The epochs of the site that began with a promotion. Each has a Job that waits before it."""
    led = sorted(rules.led_epochs(config.site, config.history).items())
    return [epoch for epoch, database in led if not rules.is_born_leader(database, config.history)]
