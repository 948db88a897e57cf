"""A random walk over everything that people and machines may do to two sites, in any order and halfway.

The rules are the real ones: `parse` checks every edit, the timeline gives the roles, `Fence` decides which site may
write, and `Gate` which replica may be promoted. The cloud is a model: regions that fail and return, a database that is
a set of writes, and a ledger that accepts an item once. A run of `up` may die after each of its effects, or pause there
while others act.
"""

from __future__ import annotations

import copy
import itertools
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from components.kube.once import STRICT_WAIT_SECONDS
from operations.fence import Standing
from recovery import timeline as rules
from recovery.timeline import DatabaseId
from stacks.config import parse
from stacks.problems import ConfigError
from tests.modes import CRISIS_KEYS, MODES
from tests.walk_files import (
    ELSEWHERE,
    LEDGER,
    ZONE,
    adopted,
    database_of,
    elsewhere,
    emergency_of,
    file_after_loss,
    file_of,
    globals_of,
    network_of,
    newest_timeline,
    next_copies,
    repaired,
    seeded_at,
    seeded_in,
    timeline_of,
    with_restore,
)
from tests.walk_model import Cloud
from tests.walk_sites import FILES, FIRST, REGIONS, SEATS, Result, Site

OTHER = {"east": "west", "west": "east"}
SEAT = st.sampled_from(SEATS)
LIVES = st.sampled_from((1, 2, 3, 99))
"""The number of effects after which a run of `up` dies; 99: it does not."""
MOST_REBUILDS = 3


class Walk(RuleBasedStateMachine):
    """The possible events, in any order."""

    site: type[Site] = Site

    def __init__(self) -> None:
        super().__init__()
        self.cloud = Cloud()
        self.sites = {
            seat: self.site(seat, name, self.cloud, copy.deepcopy(FILES[seat])) for seat, name in FIRST.items()
        }
        self.acknowledged: set[int] = set()
        self.planned: list[tuple[DatabaseId, set[int]]] = []
        self.retired: set[DatabaseId] = set()
        self.made: set[DatabaseId] = set()
        self.number = 0
        self.names = itertools.count(1)

    @initialize()
    def build(self) -> None:
        assert [self.sites[seat].up() for seat in SEATS] == [Result.DONE, Result.DONE]

    @rule(seat=SEAT)
    def lose(self, seat: str) -> None:
        """One region at a time, because the promises cover the loss of one region."""
        if self.cloud.lost == self.cloud.gone.keys():
            self.cloud.lost.add(self.sites[seat].name)

    @rule()
    def come_back(self) -> None:
        self.cloud.lost = {*self.cloud.gone}

    @rule()
    def replicate(self) -> None:
        self.cloud.replicate()

    @rule(seat=SEAT)
    def fence(self, seat: str) -> None:
        self._look(self.sites[seat])

    @rule(seat=SEAT, lives=LIVES)
    def run_again(self, seat: str, lives: int) -> None:
        """Also the run of an outdated configuration, by an engineer who does not know that it is outdated."""
        self.sites[seat].up(lives=lives)

    @rule(seat=SEAT, effects=st.sampled_from((1, 2)))
    def begin(self, seat: str, effects: int) -> None:
        """A run pauses, and another engineer goes on at the other site, or here."""
        self.sites[seat].start(effects)

    @rule(seat=SEAT, lives=LIVES)
    def finish(self, seat: str, lives: int) -> None:
        self.sites[seat].finish(lives)

    @rule(seat=SEAT, back=st.integers(1, 4), lives=LIVES)
    def use_an_older_file(self, seat: str, back: int, lives: int) -> None:
        """An engineer checks out an older commit, and applies it."""
        site = self.sites[seat]
        if len(site.committed) >= back and site.running is None:
            site.file = copy.deepcopy(site.committed[-back])
            site.up(lives=lives)

    @rule(seat=SEAT, lives=LIVES)
    def take_the_lead(self, seat: str, lives: int) -> None:
        """The failover of the runbook, from any state of this site's file."""
        site = self.sites[seat]
        self._try(site, lives, timeline=self._with_own_entry(site))

    @rule(seat=SEAT, lives=LIVES)
    def take_the_lead_and_accept_the_loss(self, seat: str, lives: int) -> None:
        site = self.sites[seat]
        timeline = self._with_own_entry(site)
        try:
            history = [DatabaseId.parse(entry) for entry in timeline]
            thrown = {n for index in range(len(history)) for n in rules.discarded_epochs(index, history)}
        except IndexError:
            return
        self._try(site, lives, timeline=timeline, discards=sorted(thrown))

    @rule(seat=SEAT)
    def learn_the_timeline(self, seat: str) -> None:
        """Copy the other site's timeline, and reseed if this site's database is outdated by it."""
        site, other = self.sites[seat], self.sites[OTHER[seat]]
        keys = ("lifeline:timeline", "lifeline:discards")
        known = {key.partition(":")[2]: other.file[key] for key in keys if key in other.file}
        known["emergency"] = {key: value for key, value in emergency_of(site).items() if key in CRISIS_KEYS}
        if len(timeline_of(other)) >= len(timeline_of(site)):
            self._try(site, 99, **known)

    @rule(seat=SEAT)
    def reseed(self, seat: str) -> None:
        site = self.sites[seat]
        self._try(site, 99, database=seeded_at(site, len(timeline_of(site))))

    @rule(seat=SEAT)
    def drain(self, seat: str) -> None:
        site = self.sites[seat]
        self._try(site, 99, switchover={"drain": len(timeline_of(site))})

    @rule(seat=SEAT, lives=LIVES)
    def take_over_as_planned(self, seat: str, lives: int) -> None:
        """The second half of a switchover. It is refused unless the replica has everything."""
        site = self.sites[seat]
        ending = len(timeline_of(site))
        leader = self.cloud.claims.get(ending)
        before = set(self.cloud.claims)
        self._try(site, lives, timeline=self._with_own_entry(site), switchover={"take": ending + 1})
        taken = ending + 1 in self.cloud.claims and ending + 1 not in before
        if taken and leader in self.cloud.databases:
            self.planned.append((self.cloud.claims[ending + 1], set(self.cloud.databases[leader].writes)))

    @rule(seat=SEAT, looked=st.booleans(), resumed=st.booleans(), copied=st.booleans())
    def switch_over(self, seat: str, looked: bool, resumed: bool, copied: bool) -> None:
        """A whole switchover, with writes between its steps."""
        leader = OTHER[seat]
        self.drain(leader)
        if looked:
            self.fence(leader)
        if copied:
            self.cloud.replicate()
        if resumed:
            self._try(self.sites[leader], 99, switchover={})
            self.fence(leader)
        self.somebody_writes(leader)
        self.take_over_as_planned(seat, 99)

    @rule(seat=SEAT, retired=st.booleans())
    def lead_and_let_the_other_follow(self, seat: str, retired: bool) -> None:
        """A failover, and the return of the other site: docs/runbooks/failover.md and failback.md."""
        self.take_the_lead(seat, 99)
        self.come_back()
        self.learn_the_timeline(OTHER[seat])
        self.reseed(OTHER[seat])
        self.cloud.replicate()
        if retired:
            self.retire(OTHER[seat], 99)

    @rule(seat=SEAT, lives=LIVES)
    def retire(self, seat: str, lives: int) -> None:
        """Delete the oldest fenced database of a site, in the two runs of docs/runbooks/retire.md.

        The page asks for the newest claim: the leader of the timeline's last epoch has it.
        """
        site = self.sites[seat]
        applied, newest = site.applied, max(self.cloud.claims.items())
        if applied is None or site.running is not None or newest != (len(applied.history), applied.history[-1]):
            return
        history, own = applied.history, applied.own_database
        fenced = [database for database in applied.databases if database in history and database != own]
        if not fenced:
            return
        old = fenced[0]
        self._try(site, 99, database=database_of(site, unprotected=[old.epoch]))
        self.retired.add(old)
        retired = [*site.file["lifeline:database"].get("retired", ()), old.epoch]
        self._try(site, lives, database=database_of(site, unprotected=[], retired=retired))

    @rule(seat=SEAT, mode=st.sampled_from(sorted(MODES)), lives=LIVES)
    def degrade(self, seat: str, mode: str, lives: int) -> None:
        """One more degraded mode of a site: docs/runbooks/emergency.md."""
        site = self.sites[seat]
        self._try(site, lives, emergency=emergency_of(site) | MODES[mode][0])

    @rule(seat=SEAT, lives=LIVES)
    def end_the_emergency(self, seat: str, lives: int) -> None:
        self._try(self.sites[seat], lives, emergency={})

    @rule(seat=SEAT)
    def hand_over(self, seat: str) -> None:
        """The next step of docs/runbooks/adopt.md, with a living owner."""
        owner, taker = self.sites[seat], self.sites[OTHER[seat]]
        if owner.owns and not owner.released:
            self._try(owner, 99, globals="release")
        elif owner.owns:
            first = owner.name == FIRST["east"]
            self._try(owner, 99, globals="left" if first else "use", zoneId=ZONE, adopted=None, ledger=LEDGER)
        elif not taker.owns:
            self._adopt(taker)
        elif taker.file["lifeline:globals"] == "adopt":
            self._try(taker, 99, globals="own")

    @rule(seat=SEAT, moves=st.booleans())
    def rebuild(self, seat: str, *, moves: bool) -> None:
        """A lost site is given up, and another one takes its place: docs/runbooks/rebuild-region.md.

        If its region stays lost, the new site is elsewhere: docs/runbooks/rebuild-elsewhere.md.
        """
        lost, survivor = self.sites[seat], self.sites[OTHER[seat]]
        newest = self.cloud.claims[max(self.cloud.claims)]
        leads = survivor.applied is not None and survivor.applied.history[-1] == newest == survivor.applied.own_database
        timeline = [str(entry) for entry in survivor.applied.history] if survivor.applied else []
        if lost.name not in self.cloud.lost or not leads or timeline_of(survivor) != timeline:
            return
        if len(self.cloud.gone) >= MOST_REBUILDS or survivor.running is not None or not survivor.has_ledger:
            return
        if survivor.up() is not Result.DONE:
            return  # its file has an edit that cannot be applied, which is taken back first
        self.cloud.gone[lost.name] = lost.region
        name = f"site{next(self.names)}"
        if not survivor.owns:
            assert self._adopt(survivor) is Result.DONE
        peer = {"site": name, "region": ELSEWHERE if moves else REGIONS[seat], "cidr": network_of(name)}
        known = {"lostSites": {**self.cloud.gone}, "primaryRecord": name, **globals_of(survivor)}
        if peer["region"] != lost.region:
            released = self._try(survivor, 99, copies={**survivor.file.get("lifeline:copies", {}), "release": True})
            assert released is Result.DONE, "the copies cannot be released"
            known |= {"copies": next_copies(survivor)}
        changed = self._try(survivor, 99, peer=peer, **known)
        assert changed is Result.DONE, "the survivor cannot have a new peer"
        file = file_of(seat, name, survivor)
        built = self.sites[seat] = self.site(seat, name, self.cloud, elsewhere(file) if moves else file)
        assert built.up() is Result.DONE, f"{name} cannot be built"

    @rule()
    def back_up(self) -> None:
        self.cloud.back_up()

    @rule(seat=SEAT, lives=LIVES)
    def restore(self, seat: str, lives: int) -> None:
        """A restore in place from the newest dump: docs/runbooks/restore.md."""
        site = self.sites[seat]
        if self.cloud.copies is not None and site.running is None:
            epoch = len(timeline_of(site)) + 1
            database = with_restore(site, {"epoch": epoch, "dump": "latest"})
            self._try(site, lives, timeline=[*timeline_of(site), f"{site.name}-{epoch}"], database=database)

    @rule(seat=SEAT, lives=LIVES)
    def lose_everything(self, seat: str, lives: int) -> None:
        """Both regions lose all but the copies, and two new sites are built: docs/runbooks/both-regions-lost.md."""
        copies = self.cloud.copies
        if copies is None or len(self.cloud.gone) > MOST_REBUILDS - 2:
            return
        newest = max(self.cloud.claims)
        last = self.cloud.files[newest]
        last = last | {"lifeline:timeline": last["lifeline:timeline"][:newest]}
        self.retired |= self.made | self.cloud.databases.keys()
        self.planned.clear()
        self.acknowledged &= copies.events  # the page says so: those after the newest export are lost
        self.cloud.lose_everything({site.name: site.region for site in self.sites.values()})
        names = (f"site{next(self.names)}", f"site{next(self.names)}")
        home = self.site(seat, names[0], self.cloud, file_after_loss(seat, names, self.cloud, last))
        home.up(lives=lives)
        assert home.up() is Result.DONE, f"{home.name} cannot be built from the copies"
        epoch, left = (
            newest + 2,
            f"lifeline-123456789012-{last['lifeline:timeline'][-1].partition('-')[0]}-backups-copy",
        )
        dump = {"epoch": epoch, "dump": "latest", "dumpFrom": {"bucket": left, "region": REGIONS[OTHER[seat]]}}
        timeline = [*timeline_of(home), f"{home.name}-{epoch}"]
        restored = self._try(home, 99, timeline=timeline, database=with_restore(home, dump))
        assert restored is Result.DONE, "the dump of a lost site cannot be restored"
        assert copies.writes <= self.cloud.databases[DatabaseId(home.name, epoch)].writes, "a row of the dump is lost"
        file = file_of(OTHER[seat], names[1], home, primaryRecord=home.name)
        away = self.site(OTHER[seat], names[1], self.cloud, file)
        assert away.up() is Result.DONE, f"{away.name} cannot be built"
        self.sites = {site.seat: site for site in (home, away)}
        assert self._try(home, 99, globals="own") is Result.DONE, "the zone cannot be owned"

    @rule(seat=SEAT)
    def somebody_writes(self, seat: str) -> None:
        """A write to any site that answers, because DNS answers are cached."""
        site = self.sites[seat]
        if site.name in self.cloud.lost or not site.serves or site.applied is None:
            return
        database = self.cloud.databases[site.applied.own_database]
        if database.takes_writes:
            assert not site.applied.emergency.read_only, "a write is saved at a site that is to take none"
            self.number += 1
            database.writes.add(self.number)

    @rule(seat=SEAT)
    def somebody_is_in_crisis(self, seat: str) -> None:
        if self.cloud.reads(self.sites[seat].name):
            self.number += 1
            self.cloud.events.add(self.number)
            self.acknowledged.add(self.number)

    @invariant()
    def no_acknowledged_crisis_event_is_lost(self) -> None:
        assert self.acknowledged <= self.cloud.events, "a crisis event is lost"

    @invariant()
    def a_planned_change_loses_no_row(self) -> None:
        for leader, writes in self.planned:
            if leader not in self.retired:
                assert writes <= self.cloud.databases[leader].writes, "a planned change lost a row"

    @invariant()
    def only_a_retired_database_is_deleted(self) -> None:
        self.made |= self.cloud.databases.keys()
        assert self.made - self.cloud.databases.keys() <= self.retired, "a database is deleted"

    @invariant()
    def the_global_resources_have_one_owner_at_most(self) -> None:
        owners = [site.name for site in self.sites.values() if site.owns and not site.released]
        assert len(owners) <= 1, f"two owners: {owners}"

    @invariant()
    @precondition(lambda self: bool(self.cloud.claims))
    def once_the_fences_have_looked_at_most_the_newest_claim_takes_writes(self) -> None:
        """Checked in a copy, so that the walk continues without the check's effects."""
        after = self.cloud.copy()
        after.now += STRICT_WAIT_SECONDS
        for site in self.sites.values():
            self._look(site, after)
        self.at_most_the_newest_claim_takes_writes(after)

    def at_most_the_newest_claim_takes_writes(self, cloud: Cloud) -> None:
        newest = cloud.claims[max(cloud.claims)]
        known = {site.applied.own_database for site in self.sites.values() if site.applied and self.is_bound(site)}
        writable = {id_ for id_ in known if cloud.databases[id_].takes_writes}
        assert writable <= {newest}, f"two leaders: {writable} take writes, {newest} leads"

    def is_bound(self, site: Site) -> bool:
        """Whether a look of a site's fence closes a superseded database. Without the ledger, it learns nothing."""
        return self.cloud.reads(site.name)

    def teardown(self) -> None:
        """The end of every walk: all regions return, both files get the newest claim's timeline, and the platform
        works."""
        self.come_back()
        if not self.cloud.claims:
            return
        newest, history = newest_timeline([*self.sites.values()], self.cloud, self.retired)
        leader = next((site for site in self.sites.values() if site.name == history[-1].site), None)
        assert leader is not None, f"{history[-1]} is of a site that was given up"
        for site in (leader, self.sites[OTHER[leader.seat]]):
            site.finish(99)
            self._repair(site, newest, history)
            assert site.up() is Result.DONE, f"{site.name} cannot be recovered: {newest['lifeline:timeline']}"
            self._look(site)
        assert self._look(leader) is Standing.LEADS
        assert [site for site in self.sites.values() if site.serves] == [leader]
        assert self.cloud.ready[max(self.cloud.ready)] == history[-1], "the traffic is elsewhere"
        assert self.cloud.databases[history[-1]].takes_writes
        if not any(site.owns for site in self.sites.values()):
            owner = next(site for site in (leader, *self.sites.values()) if site.has_ledger)
            assert self._adopt(owner) is Result.DONE, "the global resources cannot be adopted"

    def _repair(self, site: Site, newest: dict[str, Any], history: list[DatabaseId]) -> None:
        """Give a site's file the present timeline and sites, as an engineer does who has looked at everything."""
        retired = [entry.epoch for entry in self.retired if entry.site == site.name and entry not in site.databases]
        site.file |= repaired(site, self.sites[OTHER[site.seat]], newest, history, retired)
        try:
            parse(site.file, stack=site.name)
        except ConfigError as error:
            raise AssertionError(f"{site.name} cannot be recovered: {error}") from error

    def _adopt(self, site: Site) -> Result:
        """Adopt the global resources. An edit that could not be applied is undone, because two stacks could adopt."""
        before = site.file
        result = self._try(site, 99, globals="adopt", zoneId=ZONE, adopted=adopted(site))
        if result is Result.REFUSED:
            site.file = before
        return result

    def _look(self, site: Site, cloud: Cloud | None = None) -> Standing | None:
        return site.look(cloud or self.cloud)

    def _try(self, site: Site, lives: int, **changes: Any) -> Result:
        """Edit and run. A refused edit is undone; an edit whose run died stays."""
        before = site.file
        site.file = before | {f"lifeline:{key}": value for key, value in changes.items()}
        try:
            parse(site.file, stack=site.name)
        except ConfigError:
            site.file = before
            return Result.REFUSED
        result = site.up(lives=lives)
        if result is Result.REFUSED and site.name not in self.cloud.lost:
            site.file = before
        return result

    @staticmethod
    def _with_own_entry(site: Site) -> list[str]:
        return [*timeline_of(site), f"{site.name}-{seeded_in(site)}"]


class WalkElsewhere(Walk):
    """The same, from a state in which the region of one site has no copy of the ledger."""

    @initialize()
    def build(self) -> None:
        super().build()
        self.lose("east")
        self.take_the_lead("west", 99)
        self.rebuild("east", moves=True)
        assert [self.sites[seat].has_ledger for seat in SEATS] == [False, True]


TestWalk, TestWalkElsewhere = Walk.TestCase, WalkElsewhere.TestCase
TestWalk.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
TestWalkElsewhere.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
