"""The random walk with clusters that die and are replaced, before, after and in the middle of everything else.

A database outlives its site's cluster, and takes writes without a fence until the next cluster has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from operations.fence import Standing
from recovery.timeline import DatabaseId
from stacks.config import SiteConfig
from tests.test_walk import LIVES, SEAT, Walk
from tests.test_walk_bugs import ENOUGH
from tests.walk_files import timeline_of
from tests.walk_model import Cloud
from tests.walk_sites import Run, Site


@dataclass
class ClusterSite(Site):
    """A stack whose pods and Jobs need a living API server."""

    clusters: set[int] = field(default_factory=set[int])
    """The generations in the state."""
    used: set[int] = field(default_factory=set[int])
    """Those that ever existed. Their audit logs stay."""
    dead: set[int] = field(default_factory=set[int])
    """Those whose API server does not answer."""
    empty: set[int] = field(default_factory=set[int])
    """Those of the dead ones whose pods are gone too."""
    holds: set[int] = field(default_factory=set[int])
    """Those with Kubernetes objects in the state."""
    protected: set[int] = field(default_factory=set[int])
    """Those that the engine may not delete: each that served when it was last declared."""
    forgettable: set[int] = field(default_factory=set[int])
    """Those whose provider in the state forgets objects that it cannot delete."""
    left_pods: dict[int, SiteConfig] = field(default_factory=dict[int, SiteConfig])
    """The settings of pods that go on in a dead cluster from which the state has moved."""

    @property
    def serving(self) -> int:
        """The generation that has the pods."""
        return self.applied.cluster.serving_generation if self.applied else 1

    @property
    def has_pods(self) -> bool:
        return self.serving not in self.empty

    def lose_cluster(self, *, pods: bool) -> None:
        """The API server of the serving cluster dies, and its pods too, or they go on."""
        self.dead.add(self.serving)
        if not pods:
            self.empty.add(self.serving)

    def look(self, cloud: Cloud) -> Standing | None:
        """The fence looks, and each one that goes on in a cluster that was given up."""
        present = self.applied
        for settings_then in self.left_pods.values():
            self.applied = settings_then
            super().look(cloud)
        self.applied = present
        return super().look(cloud) if self.has_pods else None

    def _apply(self, config: SiteConfig) -> Run:
        declared, serving = {*config.cluster.generations}, config.cluster.serving_generation
        new = declared - self.clusters
        if new & self.used:
            return False  # its log group exists
        self.clusters |= new
        self.used |= new
        self.protected = (self.protected - declared) | {serving}
        self.forgettable = (self.forgettable - declared) | {*config.cluster.unreachable}
        if new:
            yield
        if serving in self.dead:
            return False  # no object of it can be read
        before = self.applied
        self.holds.add(serving)
        done = yield from super()._apply(config)
        if (
            self.applied is config
            and before
            and before.cluster.serving_generation in self.dead - self.empty - {serving}
        ):
            self.left_pods[before.cluster.serving_generation] = before
        return done and (yield from self._leave(config))

    def _leave(self, config: SiteConfig) -> Run:
        """Delete or forget the objects of other clusters, and the clusters that are not declared any more."""
        declared, serving = {*config.cluster.generations}, config.cluster.serving_generation
        if (self.holds - {serving}) & (self.dead - self.forgettable):
            return False  # an API server that does not answer deletes nothing
        self.holds = {serving}
        yield
        if self.protected & (self.clusters - declared):
            return False
        self.clusters &= declared
        self.left_pods = {number: left for number, left in self.left_pods.items() if number in declared}
        return True


def cluster_of(site: ClusterSite, generations: list[int], serving: int) -> dict[str, Any]:
    """The cluster's section of a file, as docs/runbooks/cluster-loss.md says."""
    usual = {key: value for key, value in site.file["lifeline:cluster"].items() if key not in ("since", "unreachable")}
    begun = len(site.applied.history) if site.applied else len(timeline_of(site))
    unreachable = [number for number in generations if number in site.dead and number != serving]
    jobs = {"since": begun} if serving > 1 else {}
    return {**usual, "generations": generations, "serving": serving, "unreachable": unreachable, **jobs}


def successor_of(site: ClusterSite) -> int:
    """The other cluster, if it lives, or the next number."""
    others = site.clusters - site.dead - {site.serving}
    return max(others, default=max(site.used, default=1) + 1)


class WalkClusters(Walk):
    """Each site's cluster may die and be replaced."""

    site = ClusterSite
    sites: dict[str, ClusterSite]  # pyright: ignore[reportIncompatibleVariableOverride]

    @rule(seat=SEAT, pods=st.booleans())
    def lose_cluster(self, seat: str, *, pods: bool) -> None:
        self.sites[seat].lose_cluster(pods=pods)

    @rule(seat=SEAT, lives=LIVES, looks=st.booleans())
    def replace_cluster(self, seat: str, lives: int, *, looks: bool) -> None:
        """Build a successor and let it serve, or look at it first."""
        site = self.sites[seat]
        new = successor_of(site)
        self._try(
            site, lives, switchover={}, cluster=cluster_of(site, [site.serving, new], site.serving if looks else new)
        )

    @rule(seat=SEAT, lives=LIVES)
    def delete_the_old_cluster(self, seat: str, lives: int) -> None:
        site = self.sites[seat]
        self._try(site, lives, cluster=cluster_of(site, [site.serving], site.serving))

    @rule(seat=SEAT)
    def somebody_writes(self, seat: str) -> None:
        if self.sites[seat].has_pods:
            super().somebody_writes(seat)

    def is_bound(self, site: Site) -> bool:
        """Every site with pods: they take writes, and one of them is the fence."""
        assert isinstance(site, ClusterSite)
        return super().is_bound(site) and site.has_pods

    def _repair(self, site: Site, newest: dict[str, Any], history: list[DatabaseId]) -> None:
        """A cluster that is listed and does not serve is let go, even by a run that dies for another reason."""
        assert isinstance(site, ClusterSite)
        others = sorted(site.clusters - {site.serving})
        new = successor_of(site) if site.serving in site.dead else site.serving
        site.file = site.file | {"lifeline:cluster": cluster_of(site, [site.serving], site.serving)}
        super()._repair(site, newest, history)
        repaired = site.file
        for other in others:
            site.file = repaired | {"lifeline:cluster": cluster_of(site, [site.serving, other], site.serving)}
            site.up()
        site.file = repaired | {"lifeline:cluster": cluster_of(site, sorted({site.serving, new}), new)}


TestWalkClusters = WalkClusters.TestCase
TestWalkClusters.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)


class NoFenceLater(ClusterSite):
    def look(self, cloud: Cloud) -> Standing | None:
        return super().look(cloud) if self.serving == 1 else None


class MovesWithoutTheFence(WalkClusters):
    """A new cluster that has every pod but the fence's."""

    site = NoFenceLater

    def teardown(self) -> None:
        pass


class AsksTheDead(ClusterSite):
    def _leave(self, config: SiteConfig) -> Run:
        self.forgettable.clear()
        return (yield from super()._leave(config))


class ForgetsNothing(WalkClusters):
    """A provider that waits for a dead API server to delete its objects."""

    site = AsksTheDead


@pytest.mark.slow
@pytest.mark.parametrize(("bug", "message"), [(MovesWithoutTheFence, "two leaders"), (ForgetsNothing, "be recovered")])
def test_a_planted_bug_is_found(bug: type[Walk], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        run_state_machine_as_test(bug, settings=ENOUGH)
