"""A random walk over everything that people and machines may do to two sites, in any order and halfway.

The rules are the real ones: `parse` checks every edit, the timeline gives the roles, `Fence` decides which site may
write, and `Gate` which replica may be promoted. The cloud is a model: regions that fail and return, a database that is
a set of writes, and a ledger that accepts an item once. A run of `up` may die after each of its effects.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from operations.database import OwnDatabase
from operations.environment import Place
from operations.exit_codes import SUCCESS
from operations.fence import Fence, Standing
from operations.handover import Gate
from operations.instance import OwnInstance
from operations.ledger import JobLedger
from recovery import timeline as rules
from recovery.timeline import DatabaseId, DatabaseRole
from stacks.config import SiteConfig, parse
from stacks.problems import ConfigError
from tests.harness import stack_config
from tests.walk_model import Cloud, Database, View

SITES = ("primary", "secondary")
FILES = {name: stack_config(name) for name in SITES}
PEER = {"primary": "secondary", "secondary": "primary"}


class KilledError(Exception):
    """Kills the run of `up` here."""


@dataclass
class Site:
    """One stack: its file, the result of its last run, and its state."""

    name: str
    cloud: Cloud
    file: dict[str, Any]
    applied: SiteConfig | None = None
    serves: bool = False
    """Whether its pods take writes (EMERGENCY_READ_ONLY)."""
    known_claims: set[int] = field(default_factory=set[int])
    lives: int = 99
    """The number of effects that the run may still have."""

    def up(self, *, lives: int = 99) -> bool:
        """Apply the file. Returns whether the run finished."""
        if self.name in self.cloud.lost:
            return False
        try:
            config = parse(self.file, stack=self.name)
        except ConfigError:
            return False
        self.lives = lives
        try:
            return self._apply(config)
        except KilledError:
            return False

    def _apply(self, config: SiteConfig) -> bool:
        if not self._gate(config) or not self._claim(config):
            return False
        if not self._database(config):
            return False
        self.applied = config
        self.serves = config.role is DatabaseRole.LEADER and not config.drains
        self._effect()
        return True

    def _gate(self, config: SiteConfig) -> bool:
        take = config.switchover.take
        if take is None or take in self.known_claims:
            return True
        view = View(self.cloud, config.own_database)
        gate = Gate(
            cast("JobLedger", view),
            cast("OwnDatabase", view),
            take - 1,
            config.history[take - 2],
            config.own_database,
            0.0,
            cast("OwnInstance", view),
        )
        return gate.wait() == SUCCESS

    def _claim(self, config: SiteConfig) -> bool:
        for epoch, leader in rules.led_epochs(self.name, config.history).items():
            if epoch in self.known_claims:
                continue
            if self.cloud.claims.setdefault(epoch, leader) != leader:
                return False
            self.cloud.files[epoch] = self.file
            self._effect()  # in the ledger and not in the state: the owner deletes it as documented, and continues
            self.known_claims.add(epoch)
        return True

    def _database(self, config: SiteConfig) -> bool:
        own = config.own_database
        if own not in self.cloud.databases and not self._create(own, config):
            return False
        if config.role is DatabaseRole.LEADER:
            self.cloud.databases[own].source = None
        self._effect()
        return True

    def _create(self, own: DatabaseId, config: SiteConfig) -> bool:
        source = rules.seed_source(own, config.history)
        if source is None:
            self.cloud.databases[own] = Database()
            return True
        if source.site in self.cloud.lost or source not in self.cloud.databases:
            return False
        copied = self.cloud.databases[source]
        self.cloud.databases[own] = Database(set(copied.writes), source, copied.read_only)
        return True

    def _effect(self) -> None:
        self.lives -= 1
        if self.lives <= 0:
            raise KilledError


class Walk(RuleBasedStateMachine):
    """The possible events, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.cloud = Cloud()
        self.sites = {name: Site(name, self.cloud, copy.copy(FILES[name])) for name in SITES}
        self.acknowledged: set[int] = set()
        self.planned: list[tuple[DatabaseId, set[int]]] = []
        self.number = 0

    @initialize()
    def build(self) -> None:
        assert all(self.sites[name].up() for name in SITES)

    @rule(name=st.sampled_from(SITES))
    def lose(self, name: str) -> None:
        """One region at a time, because the promises cover the loss of one region."""
        if not self.cloud.lost:
            self.cloud.lost.add(name)

    @rule()
    def come_back(self) -> None:
        self.cloud.lost.clear()

    @rule()
    def replicate(self) -> None:
        self.cloud.replicate()

    @rule(name=st.sampled_from(SITES))
    def fence(self, name: str) -> None:
        self._look(name)

    @rule(name=st.sampled_from(SITES), lives=st.sampled_from((1, 2, 3, 99)))
    def run_again(self, name: str, lives: int) -> None:
        """Also the run of an outdated configuration, by an engineer who does not know that it is outdated."""
        self.sites[name].up(lives=lives)

    @rule(name=st.sampled_from(SITES), lives=st.sampled_from((1, 2, 3, 99)))
    def take_the_lead(self, name: str, lives: int) -> None:
        """The failover of the runbook, from any state of this site's file."""
        site = self.sites[name]
        self._try(site, lives, timeline=[*self._timeline(site), f"{name}-{self._seeded(site)}"])

    @rule(name=st.sampled_from(SITES), lives=st.sampled_from((1, 2, 3, 99)))
    def take_the_lead_and_accept_the_loss(self, name: str, lives: int) -> None:
        site = self.sites[name]
        timeline = [*self._timeline(site), f"{name}-{self._seeded(site)}"]
        try:
            history = [DatabaseId.parse(entry) for entry in timeline]
            thrown = {n for index in range(len(history)) for n in rules.discarded_epochs(index, history)}
        except IndexError:
            return
        self._try(site, lives, timeline=timeline, discards=sorted(thrown))

    @rule(name=st.sampled_from(SITES))
    def learn_the_timeline(self, name: str) -> None:
        """Copy the other site's timeline, and reseed if this site's database is outdated by it."""
        site, other = self.sites[name], self.sites[PEER[name]]
        keys = ("lifeline:timeline", "lifeline:discards")
        known = {key.partition(":")[2]: other.file[key] for key in keys if key in other.file}
        if len(self._timeline(other)) >= len(self._timeline(site)):
            self._try(site, 99, **known)

    @rule(name=st.sampled_from(SITES))
    def reseed(self, name: str) -> None:
        site = self.sites[name]
        database = {**site.file["lifeline:database"], "seeded": len(self._timeline(site))}
        self._try(site, 99, database=database)

    @rule(name=st.sampled_from(SITES))
    def drain(self, name: str) -> None:
        site = self.sites[name]
        self._try(site, 99, switchover={"drain": len(self._timeline(site))})

    @rule(name=st.sampled_from(SITES), lives=st.sampled_from((1, 2, 3, 99)))
    def take_over_as_planned(self, name: str, lives: int) -> None:
        """The second half of a switchover. It is refused unless the replica has everything."""
        site = self.sites[name]
        ending = len(self._timeline(site))
        leader = self.cloud.claims.get(ending)
        timeline = [*self._timeline(site), f"{name}-{self._seeded(site)}"]
        before = set(self.cloud.claims)
        self._try(site, lives, timeline=timeline, switchover={"take": ending + 1})
        taken = ending + 1 in self.cloud.claims and ending + 1 not in before
        if taken and leader in self.cloud.databases:
            self.planned.append((self.cloud.claims[ending + 1], set(self.cloud.databases[leader].writes)))

    @rule(name=st.sampled_from(SITES), looked=st.booleans(), resumed=st.booleans(), copied=st.booleans())
    def switch_over(self, name: str, looked: bool, resumed: bool, copied: bool) -> None:
        """A whole switchover, with writes between its steps."""
        leader = PEER[name]
        self.drain(leader)
        if looked:
            self.fence(leader)
        if copied:
            self.cloud.replicate()
        if resumed:
            self._try(self.sites[leader], 99, switchover={})
            self.fence(leader)
        self.somebody_writes(leader)
        self.take_over_as_planned(name, 99)

    @rule(name=st.sampled_from(SITES))
    def somebody_writes(self, name: str) -> None:
        """A write to any site that answers, because DNS answers are cached."""
        site = self.sites[name]
        if name in self.cloud.lost or not site.serves or site.applied is None:
            return
        database = self.cloud.databases[site.applied.own_database]
        if database.takes_writes:
            self.number += 1
            database.writes.add(self.number)

    @rule(name=st.sampled_from(SITES))
    def somebody_is_in_crisis(self, name: str) -> None:
        if name not in self.cloud.lost:
            self.number += 1
            self.cloud.events.add(self.number)
            self.acknowledged.add(self.number)

    @invariant()
    def no_acknowledged_crisis_event_is_lost(self) -> None:
        assert self.acknowledged <= self.cloud.events

    @invariant()
    def a_planned_change_loses_no_row(self) -> None:
        for leader, writes in self.planned:
            assert writes <= self.cloud.databases[leader].writes

    @invariant()
    @precondition(lambda self: bool(self.cloud.claims))
    def once_the_fences_have_looked_at_most_the_newest_claim_takes_writes(self) -> None:
        """Checked in a copy, so that the walk continues without the check's effects."""
        after = self.cloud.copy()
        for name in SITES:
            self._look(name, after)
        newest = self.cloud.claims[max(self.cloud.claims)]
        reachable = {
            site.applied.own_database
            for site in self.sites.values()
            if site.applied is not None and site.name not in self.cloud.lost
        }
        writable = {id_ for id_ in reachable if after.databases[id_].takes_writes}
        assert writable <= {newest}, f"{writable} take writes, {newest} leads"

    def teardown(self) -> None:
        """The end of every walk: all regions return, both files get the newest claim's timeline, and the platform
        works."""
        self.cloud.lost.clear()
        if not self.cloud.claims:
            return
        newest = self.cloud.files[max(self.cloud.claims)]
        timeline = newest["lifeline:timeline"]
        history = [DatabaseId.parse(entry) for entry in timeline]
        for name in (history[-1].site, PEER[history[-1].site]):
            site = self.sites[name]
            site.file |= {
                "lifeline:timeline": timeline,
                "lifeline:discards": newest.get("lifeline:discards", []),
                "lifeline:switchover": {},
            }
            led = [entry for entry in history if entry.site == name]
            if name == history[-1].site:
                site.file["lifeline:database"] = {**site.file["lifeline:database"], "seeded": history[-1].epoch}
            elif led and self._seeded(site) < led[-1].epoch:
                site.file["lifeline:database"] = {**site.file["lifeline:database"], "seeded": led[-1].epoch}
            parse(site.file, stack=name)
            assert site.up(), f"{name} cannot be recovered: {timeline}"
            self._look(name)
        assert self._look(history[-1].site) is Standing.LEADS
        assert [site.name for site in self.sites.values() if site.serves] == [history[-1].site]
        assert self.cloud.ready[max(self.cloud.ready)] == history[-1], "the traffic is elsewhere"
        writable = [id_ for id_, database in self.cloud.databases.items() if database.takes_writes]
        assert history[-1] in writable

    def _look(self, name: str, cloud: Cloud | None = None) -> Standing | None:
        site = self.sites[name]
        if name in self.cloud.lost or site.applied is None:
            return None
        view = View(cloud or self.cloud, site.applied.own_database)
        fence = Fence(
            Place(view.own, "region", "ledger"),
            cast("JobLedger", view),
            cast("OwnDatabase", view),
            rules.epoch(site.applied.history),
            drain=site.applied.drains,
        )
        return fence.look()

    def _try(self, site: Site, lives: int, **changes: Any) -> None:
        """Edit and run. A refused edit is undone; an edit whose run died stays."""
        before = site.file
        site.file = before | {f"lifeline:{key}": value for key, value in changes.items()}
        try:
            parse(site.file, stack=site.name)
        except ConfigError:
            site.file = before
            return
        if not site.up(lives=lives) and site.lives > 0 and site.name not in self.cloud.lost:
            site.file = before  # refused by the ledger or by the gate, not killed

    @staticmethod
    def _timeline(site: Site) -> list[str]:
        return list(site.file["lifeline:timeline"])

    @staticmethod
    def _seeded(site: Site) -> int:
        return int(site.file["lifeline:database"]["seeded"])


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
