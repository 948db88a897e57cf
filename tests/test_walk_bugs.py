"""Each invariant of the random walk can fail: a planted bug breaks it, and the walk finds it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from operations.fence import Standing
from recovery import timeline as rules
from recovery.timeline import DatabaseId
from stacks.config import SiteConfig
from stacks.global_sections import LedgerConfig
from tests.test_walk import SEAT, Walk, WalkElsewhere
from tests.walk_model import Cloud
from tests.walk_sites import Result, Run, Site

ENOUGH = settings(
    max_examples=2000,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large),
)


class OnTheWay(Walk):
    """A walk without its end, whose mistakes would hide those on the way."""

    def teardown(self) -> None:
        pass


class LosesEvents(OnTheWay):
    """A ledger that has an event in one region only."""

    @rule(seat=SEAT)
    def lose(self, seat: str) -> None:
        super().lose(seat)
        self.cloud.events.clear()


class OpenGate(Site):
    def _gate(self, config: SiteConfig) -> bool:
        return True


class AsksNoGate(OnTheWay):
    """A planned switchover that does not wait for the replica."""

    site = OpenGate


class FencesNothing(OnTheWay):
    """A fence that looks, and leaves a superseded leader open."""

    def _look(self, site: Site, cloud: Cloud | None = None) -> Standing | None:
        return None if site.serves and cloud is not None else super()._look(site, cloud)


class AnyClaim(Site):
    def _claim(self, config: SiteConfig) -> Run:
        for epoch, leader in rules.led_epochs(self.name, config.history).items():
            self.cloud.claims[epoch] = leader
            self.cloud.files[epoch] = self.file
            yield
        return True


class OverwritesClaims(Walk):
    """A ledger that lets a second site claim an epoch."""

    site = AnyClaim


class NoProtection(Site):
    def _remove(self, config: SiteConfig) -> Run:
        self.unprotected = {*self.databases}
        return (yield from super()._remove(config))


class DeletesUnasked(OnTheWay):
    """An engine that deletes every database that a file does not declare."""

    site = NoProtection


class AdoptsFromALivingOwner(OnTheWay):
    """An adoption without the release before it."""

    @rule(seat=SEAT)
    def hand_over(self, seat: str) -> None:
        if not self.sites[seat].owns:
            self._adopt(self.sites[seat])


class ClaimsOnce(Site):
    def _claim(self, config: SiteConfig) -> Run:
        for epoch in rules.led_epochs(self.name, config.history):
            if epoch in self.cloud.claims and epoch not in self.known_claims:
                return False  # as a table item that is created only if absent
        return (yield from super()._claim(config))


class RefusesItsOwnClaim(Walk):
    """A claim that an owner cannot repeat: a run that died after it can never be completed."""

    site = ClaimsOnce


class NeedsTheOldPeer(OnTheWay):
    """A survivor whose file refuses another peer."""

    def _try(self, site: Site, lives: int, **changes: Any) -> Result:
        return Result.REFUSED if "peer" in changes else super()._try(site, lives, **changes)


class NoRelease(Site):
    def _copies(self, config: SiteConfig) -> bool:
        accepted = super()._copies(config)
        self.copies_released = False
        return accepted


class ReleasesNoCopies(OnTheWay):
    """Copies in a lost region that cannot be left behind."""

    site = NoRelease


class AcknowledgesAnyway(WalkElsewhere):
    """Services that acknowledge an event while the ledger's copy in the peer's region does not answer."""

    @rule(seat=SEAT)
    def somebody_is_in_crisis(self, seat: str) -> None:
        site = self.sites[seat]
        if site.name in self.cloud.lost or self.cloud.reads(site.name):
            super().somebody_is_in_crisis(seat)
        else:
            self.number += 1
            self.acknowledged.add(self.number)


class NoLedgerRestore(Site):
    def _apply(self, config: SiteConfig) -> Run:
        return super()._apply(config.model_copy(update={"ledger": LedgerConfig()}))


class RestoresNoEvents(OnTheWay):
    """A new ledger that gets no export."""

    site = NoLedgerRestore


class BeginsEmpty(Site):
    def _create(self, own: DatabaseId, config: SiteConfig) -> bool:
        made = super()._create(own, config)
        if rules.is_born_leader(own, config.history):
            self.cloud.databases[own].writes.clear()
        return made


class RestoresNoRows(OnTheWay):
    """A database for a dump that stays empty."""

    site = BeginsEmpty


class WritesAnyway(Site):
    def _apply(self, config: SiteConfig) -> Run:
        done = yield from super()._apply(config)
        self.serves = self.serves or config.emergency.read_only
        return done


class IgnoresReadOnly(OnTheWay):
    """Services of a leader that take writes although its file says that they are to take none."""

    site = WritesAnyway


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "message"),
    [
        (LosesEvents, "a crisis event is lost"),
        (AsksNoGate, "a planned change lost a row"),
        (FencesNothing, "two leaders"),
        (OverwritesClaims, "two leaders|cannot be recovered"),
        (DeletesUnasked, "a database is deleted"),
        (AdoptsFromALivingOwner, "two owners"),
        (RefusesItsOwnClaim, "cannot be recovered"),
        (NeedsTheOldPeer, "cannot have a new peer"),
        (ReleasesNoCopies, "the survivor cannot have a new peer"),
        (AcknowledgesAnyway, "a crisis event is lost"),
        (RestoresNoEvents, "a crisis event is lost"),
        (RestoresNoRows, "a row of the dump is lost"),
        (IgnoresReadOnly, "at a site that is to take none"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_planted_bug_is_found(bug: type[Walk], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        run_state_machine_as_test(bug, settings=ENOUGH)
