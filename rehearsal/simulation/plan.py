"""The events of a history: acts of operators, faults of the surroundings, and strikes at single calls."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rehearsal.simulation.network import Blow, Strike

SITES = ("primary", "secondary")
OTHER = {"primary": "secondary", "secondary": "primary"}
HORIZON_SECONDS = 150.0
"""Acts and faults begin before it. Then everything is mended."""


class Verb(enum.StrEnum):
    """The acts of an operator. Each is an edit and a run of `up`, as on the page of the runbook that is named."""

    FAIL_OVER = "fails over"
    FAIL_OVER_WITH_LOSS = "fails over and discards the epochs that are missing"
    DRAIN = "drains"
    RESUME = "ends the drain"
    TAKE = "takes over as planned"
    TAKE_WITH_LOSS = "takes over and accepts a loss"
    LEARN = "copies the other site's timeline"
    RESEED = "reseeds"
    RESTORE = "restores its database from a backup, as a new epoch"
    AGAIN = "runs `up` again"
    OLDER = "applies an older file"
    KILL_UP = "is killed while `up` runs"


class Trouble(enum.StrEnum):
    """Faults of the surroundings, which last for a time."""

    LOSE_REGION = "the region is lost"
    CUT_LEDGER = "the site does not reach the ledger"
    CUT_JOBS = "the jobs do not reach their database"
    CUT_REPLICATION = "the replica does not reach its source"
    ISOLATE = "the site reaches nothing outside"
    RESTART = "the database restarts"


@dataclass(frozen=True)
class Act:
    """One act of an operator, at a simulated second."""

    at: float
    site: str
    verb: Verb
    tries: int = 1

    def __str__(self) -> str:
        return f"{self.at:.1f} s: {self.site}'s operator {self.verb}"


@dataclass(frozen=True)
class Fault:
    """One fault of the surroundings, from a simulated second on."""

    at: float
    site: str
    trouble: Trouble
    seconds: float

    def __str__(self) -> str:
        return f"{self.at:.1f} s: {self.site}: {self.trouble}, for {self.seconds:.0f} s"


@dataclass(frozen=True)
class Plan:
    """Everything that a history is made of, besides its seed."""

    seed: int
    acts: tuple[Act, ...] = ()
    faults: tuple[Fault, ...] = ()
    strikes: tuple[Strike, ...] = ()
    strict: bool = False
    """Whether both sites have `lifeline:fence: strict`."""

    def __len__(self) -> int:
        return len(self.acts) + len(self.faults) + len(self.strikes)

    def __str__(self) -> str:
        timed = [(item.at, str(item)) for item in (*self.acts, *self.faults)]
        lines = [text for _, text in sorted([*timed, *((strike.after, str(strike)) for strike in self.strikes)])]
        return "\n".join((f"seed {self.seed}{', strict fences' if self.strict else ''}", *lines))

    @property
    def parts(self) -> tuple[Act | Fault | Strike, ...]:
        return (*self.acts, *self.faults, *self.strikes)

    def only(self, parts: Sequence[Act | Fault | Strike]) -> Plan:
        """The same plan with some of its parts."""
        return replace(
            self,
            acts=tuple(part for part in parts if isinstance(part, Act)),
            faults=tuple(part for part in parts if isinstance(part, Fault)),
            strikes=tuple(part for part in parts if isinstance(part, Strike)),
        )


_CALLS = {"fence": 40, "claim": 8, "handover": 12, "promotion-wait": 30, "up": 20, "application": 10, "crisis": 4}
"""A strike hits one of so many next calls of each kind of process."""
_WEIGHTS = {"fence": 5, "claim": 2, "handover": 2, "promotion-wait": 2, "up": 3, "application": 1, "crisis": 1}


def planned(seed: int) -> Plan:
    """The plan of a seed: a short story of operators, with three faults or more."""
    chance = random.Random(f"plan {seed}")
    story = _story(chance)
    acts, strikes, faults = tuple(story.acts), story.strikes, list[Fault]()
    moments = [act.at for act in acts]
    count = chance.randint(4, 8)
    for _ in range(count):
        if chance.random() < 0.4:
            faults.append(_fault(chance, moments))
        else:
            strikes.append(_strike(chance, moments))
    return Plan(seed, acts, tuple(faults), tuple(strikes), strict=chance.random() < 0.3)


@dataclass
class _Story:
    """The acts until now, and who leads if all of them succeed."""

    at: float = 12.0
    leader: str = "primary"
    acts: list[Act] = field(default_factory=list[Act])
    strikes: list[Strike] = field(default_factory=list[Strike])
    """Faults at a moment that is dangerous in this story. Others come by chance."""


def _story(chance: random.Random) -> _Story:
    story = _Story(at=chance.uniform(8.0, 20.0))
    for _ in range(chance.randint(1, 3)):
        chance.choice(_CHAPTERS)(story, chance)
    return story


def _add(story: _Story, chance: random.Random, site: str, verb: Verb, most: float = 25.0) -> None:
    if story.at < HORIZON_SECONDS:
        story.acts.append(Act(round(story.at, 1), site, verb, tries=chance.choice((1, 2, 3))))
    story.at += chance.uniform(0.0, most)


def _failover(story: _Story, chance: random.Random) -> None:
    taker = OTHER[story.leader]
    _add(story, chance, taker, Verb.FAIL_OVER, most=60.0)
    story.leader = taker


def _switchover(story: _Story, chance: random.Random) -> None:
    taker = OTHER[story.leader]
    if chance.random() < 0.3:
        _stop_fence(story, chance, story.leader, calls=40)
    _add(story, chance, story.leader, Verb.DRAIN, most=30.0)
    if chance.random() < 0.3:
        _add(story, chance, story.leader, Verb.RESUME, most=15.0)
    _add(story, chance, taker, chance.choice((Verb.TAKE, Verb.TAKE, Verb.TAKE_WITH_LOSS)), most=50.0)
    story.leader = taker


def _stop_fence(story: _Story, chance: random.Random, site: str, calls: int) -> None:
    """A pod of the fence stands still in the middle of a look that follows."""
    seconds = chance.choice((2.5, 4.0, 8.0))
    story.strikes.append(Strike("fence", site, round(story.at, 1), chance.randint(1, calls), Blow.PAUSE, seconds))


def _return(story: _Story, chance: random.Random) -> None:
    """The site that does not lead follows again."""
    follower = OTHER[story.leader]
    _add(story, chance, follower, Verb.LEARN)
    _add(story, chance, follower, Verb.RESEED, most=40.0)


def _quarrel(story: _Story, chance: random.Random) -> None:
    """Two operators act at once."""
    for site in chance.sample(SITES, 2):
        verb = chance.choice((Verb.FAIL_OVER, Verb.FAIL_OVER_WITH_LOSS, Verb.TAKE, Verb.RESUME))
        _add(story, chance, site, verb, most=8.0)


def _hasty(story: _Story, chance: random.Random) -> None:
    """A failover while the leader drains, whose operator ends the drain."""
    taker = OTHER[story.leader]
    _add(story, chance, story.leader, Verb.DRAIN, most=20.0)
    _stop_fence(story, chance, story.leader, calls=60)
    for verb, site in chance.sample(((Verb.FAIL_OVER, taker), (Verb.RESUME, story.leader)), 2):
        _add(story, chance, site, verb, most=6.0)
    story.leader = taker


def _gap(story: _Story, chance: random.Random) -> None:
    """A failover is killed before its claim, and the other site goes on from its file."""
    taker, first = OTHER[story.leader], story.leader
    story.strikes.append(Strike("up", taker, round(story.at, 1), 1, Blow.KILL_BEFORE))
    _add(story, chance, taker, Verb.FAIL_OVER)
    _add(story, chance, first, Verb.LEARN, most=40.0)
    _add(story, chance, first, Verb.FAIL_OVER_WITH_LOSS, most=40.0)


def _rivals(story: _Story, chance: random.Random) -> None:
    """One operator restores, and the other one fails over: both want the same epoch."""
    first, taker = story.leader, OTHER[story.leader]
    for verb, site in chance.sample(((Verb.RESTORE, first), (Verb.FAIL_OVER, taker)), 2):
        _add(story, chance, site, verb, most=6.0)


def _noise(story: _Story, chance: random.Random) -> None:
    _add(story, chance, chance.choice(SITES), chance.choice((Verb.AGAIN, Verb.OLDER, Verb.KILL_UP, Verb.RESUME)))


_CHAPTERS = (_failover, _failover, _switchover, _switchover, _return, _quarrel, _hasty, _gap, _rivals, _noise)


def _fault(chance: random.Random, moments: Sequence[float]) -> Fault:
    """A fault, often close to an act."""
    near = chance.choice(moments) + chance.uniform(-6.0, 25.0) if moments and chance.random() < 0.7 else None
    at = max(near if near is not None else chance.uniform(1.0, HORIZON_SECONDS), 0.5)
    trouble = chance.choice(tuple(Trouble))
    return Fault(round(at, 1), chance.choice(SITES), trouble, round(chance.choice((3.0, 10.0, 30.0, 80.0)), 1))


def _strike(chance: random.Random, moments: Sequence[float]) -> Strike:
    kind = chance.choices(tuple(_WEIGHTS), weights=tuple(_WEIGHTS.values()))[0]
    blow = chance.choice(tuple(Blow))
    seconds = chance.choice((0.5, 2.5, 8.0, 25.0)) if blow in (Blow.DELAY, Blow.PAUSE) else 0.0
    after = max(chance.choice(moments) + chance.uniform(-1.0, 15.0), 0.0) if moments else chance.uniform(0.0, 100.0)
    return Strike(kind, chance.choice(SITES), round(after, 1), chance.randint(1, _CALLS[kind]), blow, seconds)
