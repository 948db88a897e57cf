"""The timeline's rules, compared with a model that follows the data instead of the list."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recovery import timeline as rules
from recovery.timeline import DatabaseId, DatabaseRole

SITES = ("primary", "secondary")
Epochs = frozenset[int]


def ids(*texts: str) -> tuple[DatabaseId, ...]:
    return tuple(DatabaseId.parse(text) for text in texts)


@dataclass(frozen=True)
class World:
    """Two sites, and the epochs whose writes each of their databases contains.

    Nothing here uses a rule of `recovery.timeline`: a move copies sets of epochs, as replication and restores do.
    """

    timeline: tuple[DatabaseId, ...]
    holds: dict[DatabaseId, Epochs]
    follows: dict[DatabaseId, DatabaseId] = field(default_factory=dict[DatabaseId, DatabaseId])
    discards: Epochs = frozenset()

    @classmethod
    def built(cls, first: str) -> World:
        leader = DatabaseId(first, 1)
        return cls((leader,), {leader: frozenset({1})}).reseeded()

    def reseeded(self) -> World:
        """The standby site copies the leader."""
        copy = DatabaseId(_other(self.leader.site), len(self.timeline))
        if copy in self.holds:
            return self
        return replace(
            self,
            holds={**self.holds, copy: self.holds[self.leader]},
            follows={**self.follows, copy: self.leader},
        )

    def restored(self) -> World:
        """The leader's site restores a backup as a new database."""
        return self._led(DatabaseId(self.leader.site, len(self.timeline) + 1), self.holds[self.leader])

    def moved(self, database: DatabaseId) -> World:
        """An existing database takes the lead. The epochs that it lacks are discarded by name."""
        lost = self.holds[self.leader] - self.holds[database]
        skipped = frozenset(rules.discarded_epochs(len(self.timeline), (*self.timeline, database)))
        assert lost <= skipped | self.discards, "the rules overlook an epoch whose writes are lost"
        return replace(self._led(database, self.holds[database]), discards=self.discards | skipped)

    def _led(self, database: DatabaseId, held: Epochs) -> World:
        written = held | {len(self.timeline) + 1}
        follows = {copy: source for copy, source in self.follows.items() if copy != database}
        holds = {**self.holds, database: written}
        holds |= {copy: written for copy, source in follows.items() if source == database}
        return replace(self, timeline=(*self.timeline, database), holds=holds, follows=follows)

    @property
    def leader(self) -> DatabaseId:
        return self.timeline[-1]

    @property
    def replicas(self) -> set[DatabaseId]:
        return {copy for copy, source in self.follows.items() if source == self.leader}

    @property
    def fenced(self) -> set[DatabaseId]:
        return set(self.timeline) - {self.leader}

    def successors(self) -> Iterator[World]:
        """Every world one move away: reseed, restore, fail over, or return to an older database."""
        if (again := self.reseeded()) is not self:
            yield again
        yield self.restored()
        for database in self.holds.keys() - {self.leader}:
            yield self.moved(database)


def _other(site: str) -> str:
    return SITES[1 - SITES.index(site)]


@st.composite
def worlds(draw: st.DrawFn, *, discarding: bool = True) -> World:
    """A history of random legal moves; without `discarding`, only those that lose nothing."""
    world = World.built(draw(st.sampled_from(SITES)))
    for _ in range(draw(st.integers(0, 12))):
        following = list(world.successors())
        if not discarding:
            following = [after for after in following if after.discards == world.discards]
        world = draw(st.sampled_from(following))
    return world


def every_database(world: World) -> set[DatabaseId]:
    """All databases of a site, also those that never existed: the rules must answer for any name."""
    epochs = range(1, len(world.timeline) + 1)
    return set(world.holds) | {DatabaseId(site, epoch) for site in SITES for epoch in epochs}


@given(worlds())
def test_every_history_of_legal_moves_is_accepted(world: World) -> None:
    assert rules.problems(world.timeline, world.discards) == []


@given(worlds())
def test_one_database_leads_over_all_sites(world: World) -> None:
    roles = {database: rules.database_role(database, world.timeline) for database in every_database(world)}
    assert [database for database, role in roles.items() if role is DatabaseRole.LEADER] == [world.leader]


@given(worlds())
def test_a_replica_follows_the_leader_and_nothing_else_does(world: World) -> None:
    replicas = {d for d in world.holds if rules.database_role(d, world.timeline) is DatabaseRole.REPLICA}
    assert replicas == world.replicas
    assert {rules.seed_source(replica, world.timeline) for replica in replicas} <= {world.leader}


@given(worlds())
def test_a_replica_holds_every_write_of_the_leader(world: World) -> None:
    for database in world.holds:
        if rules.database_role(database, world.timeline) is DatabaseRole.REPLICA:
            assert world.holds[database] == world.holds[world.leader]


@given(worlds(discarding=False))
def test_a_superseded_database_never_leads_or_follows_again(world: World) -> None:
    assert {rules.database_role(d, world.timeline) for d in world.fenced} <= {DatabaseRole.FENCED}
    assert len(set(world.timeline)) == len(world.timeline)


@given(worlds(), st.data())
def test_a_superseded_database_leads_again_only_with_every_epoch_between_named(w: World, data: st.DataObject) -> None:
    assume(w.fenced)
    old = data.draw(st.sampled_from(sorted(w.fenced)))
    last_led = max(number for number, entry in enumerate(w.timeline, start=1) if entry == old)
    between = set(range(last_led + 1, len(w.timeline) + 1))
    back = (*w.timeline, old)
    assert rules.problems(back, w.discards | between) == []
    for kept in between - w.discards:
        assert rules.problems(back, (w.discards | between) - {kept}) != []


@given(worlds())
def test_no_write_is_missing_from_the_leader_unless_its_epoch_is_discarded(world: World) -> None:
    all_epochs = set(range(1, len(world.timeline) + 1))
    assert all_epochs - world.holds[world.leader] <= world.discards


@given(worlds(), st.sampled_from(SITES))
def test_a_flip_forgets_no_database_that_was_written_at_the_site(world: World, site: str) -> None:
    own = max((d for d in world.holds if d.site == site), default=DatabaseId(site, 1))
    declared = set(rules.declared_databases(own, world.timeline))
    assert {d for d in world.timeline if d.site == site} <= declared
    assert all(d.site == site for d in declared)


@given(worlds())
def test_the_claims_of_both_sites_cover_every_epoch_once(world: World) -> None:
    claims = [number for site in SITES for number in rules.led_epochs(site, world.timeline)]
    assert sorted(claims) == list(range(1, len(world.timeline) + 1))


def test_the_rules_accept_exactly_the_histories_that_moves_can_make() -> None:
    """All lists of up to four entries over two sites, with all discards, compared with all reachable worlds."""
    reachable = {world.timeline for world in _worlds_within(4)}
    names = [DatabaseId(site, epoch) for site in SITES for epoch in range(1, 5)]
    everything = {timeline for length in range(1, 5) for timeline in itertools.product(names, repeat=length)}
    accepted = {timeline for timeline in everything if _is_accepted(timeline)}
    assert len(everything) == 8 + 8**2 + 8**3 + 8**4
    assert sorted(accepted) == sorted(reachable)


def _worlds_within(length: int) -> Iterator[World]:
    waiting = [World.built(site) for site in SITES]
    seen: set[tuple[tuple[DatabaseId, ...], Epochs, frozenset[DatabaseId]]] = set()
    while waiting:
        world = waiting.pop()
        key = (world.timeline, world.discards, frozenset(world.holds))
        if key in seen or len(world.timeline) > length:
            continue
        seen.add(key)
        yield world
        waiting.extend([*world.successors(), *_restores_at_the_other_site(world)])


def _restores_at_the_other_site(world: World) -> Iterator[World]:
    """The off-site copies of a backup are in the peer's region, so a restore may happen there."""
    yield world._led(DatabaseId(_other(world.leader.site), len(world.timeline) + 1), world.holds[world.leader])


def _is_accepted(timeline: tuple[DatabaseId, ...]) -> bool:
    thrown = {n for index in range(len(timeline)) for n in rules.discarded_epochs(index, timeline)} if timeline else ()
    return rules.problems(timeline, thrown) == []


@pytest.mark.parametrize(
    ("own", "timeline", "role"),
    [
        ("primary-1", ("primary-1",), DatabaseRole.LEADER),
        ("secondary-1", ("primary-1",), DatabaseRole.REPLICA),
        ("primary-1", ("primary-1", "secondary-1"), DatabaseRole.FENCED),
        ("secondary-1", ("primary-1", "secondary-1"), DatabaseRole.LEADER),
        ("primary-2", ("primary-1", "secondary-1"), DatabaseRole.REPLICA),
        ("secondary-1", ("primary-1", "primary-2"), DatabaseRole.STALE),
        ("secondary-2", ("primary-1", "primary-2"), DatabaseRole.REPLICA),
        ("primary-2", ("primary-1", "secondary-1", "primary-2"), DatabaseRole.LEADER),
        ("primary-1", ("primary-1", "secondary-1", "primary-1"), DatabaseRole.LEADER),
        ("secondary-1", ("primary-1", "secondary-1", "primary-1"), DatabaseRole.FENCED),
        ("secondary-3", ("primary-1", "secondary-1", "primary-1"), DatabaseRole.REPLICA),
    ],
)
def test_the_role_follows_from_the_list(own: str, timeline: tuple[str, ...], role: DatabaseRole) -> None:
    assert rules.database_role(DatabaseId.parse(own), ids(*timeline)) is role


@pytest.mark.parametrize(
    ("timeline", "discards", "expected"),
    [
        ((), (), [(None, "is empty")]),
        (("primary-1", "primary-1"), (), [(1, "names primary-1 twice in a row")]),
        (("primary-2",), (), [(0, "names primary-2, seeded at an epoch that had not begun")]),
        (("primary-1", "secondary-3"), (), [(1, "names secondary-3, seeded at an epoch that had not begun")]),
        (
            ("primary-1", "secondary-1", "primary-1"),
            (),
            [(2, "names primary-1, which lacks epoch 2: the writes of that time would be lost")],
        ),
        (
            ("primary-1", "primary-2", "primary-3", "secondary-1"),
            (2,),
            [(3, "names secondary-1, which lacks epoch 3: the writes of that time would be lost")],
        ),
        (
            ("primary-1", "secondary-1", "secondary-2"),
            (),
            [(2, "names secondary-2, a copy of secondary-1 at its own site")],
        ),
        (("primary-1",), (1,), [(None, "discards no epoch 1, but lifeline:discards names it")]),
        (
            ("primary-2", "primary-2"),
            (7,),
            [
                (0, "names primary-2, seeded at an epoch that had not begun"),
                (1, "names primary-2 twice in a row"),
                (None, "discards no epoch 7, but lifeline:discards names it"),
            ],
        ),
    ],
)
def test_a_list_that_is_no_history_is_refused(
    timeline: tuple[str, ...], discards: tuple[int, ...], expected: list[tuple[int | None, str]]
) -> None:
    problems = rules.problems(ids(*timeline), discards)
    assert [(problem.index, problem.message) for problem in problems] == expected
    assert all(problem.hint for problem in problems)


def test_a_list_longer_than_any_life_is_refused_in_one_line() -> None:
    pasted = ids(*(f"{site}-1" for _ in range(rules.MAX_EPOCHS) for site in SITES))
    problems = rules.problems(pasted)
    assert [problem.message for problem in problems] == ["has 400 entries, at most 200 are allowed"]


@pytest.mark.parametrize("text", ["", "primary", "primary-0", "primary-01", "Primary-1", "primary-1 ", "p-1", "a_b-1"])
def test_a_name_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form <site>-<epoch>"):
        DatabaseId.parse(text)


@given(st.from_regex(r"[a-z][a-z0-9]{1,19}", fullmatch=True), st.integers(1, 999))
def test_a_name_reads_back_as_it_was_written(site: str, epoch: int) -> None:
    assert DatabaseId.parse(str(DatabaseId(site, epoch))) == DatabaseId(site, epoch)


def test_a_restored_database_is_a_born_leader_and_a_promoted_one_is_not() -> None:
    timeline = ids("primary-1", "secondary-1", "secondary-3")
    assert [rules.is_born_leader(entry, timeline) for entry in timeline] == [True, False, True]


@given(worlds(), st.sampled_from(SITES))
def test_retiring_a_fenced_database_removes_it_and_no_other(world: World, site: str) -> None:
    fenced = sorted(d for d in world.fenced if d.site == site)
    own = world.leader if world.leader.site == site else DatabaseId(site, len(world.timeline))
    assume(fenced and own not in fenced)
    kept = rules.declared_databases(own, world.timeline, (fenced[0].epoch,))
    assert set(rules.declared_databases(own, world.timeline)) - set(kept) == {fenced[0]}
