"""The stacks of the random walk: a file, a state, and runs of `up` that may die or pause after each effect."""

from __future__ import annotations

import copy
from collections.abc import Generator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, ClassVar, cast

from components.kube.jobs import LEASE_SECONDS
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

SEATS = ("east", "west")
"""The two regions. A site with a new name may take the place of a lost one."""
REGIONS = {"east": "us-east-2", "west": "us-west-2"}
FIRST = {"east": "primary", "west": "secondary"}
FILES = {seat: stack_config(name) for seat, name in FIRST.items()}
FOLLOWERS = (DatabaseRole.REPLICA, DatabaseRole.STALE)


class Result(Enum):
    """The end of a run of `up`."""

    DONE = auto()
    REFUSED = auto()
    """By the configuration, a gate, the ledger, the engine, or because another run has the state's lock."""
    KILLED = auto()


Run = Generator[None, None, bool]
"""The effects of a run. It returns whether it finished."""


@dataclass
class Site:
    """One stack: its file, the result of its last run, and its state."""

    seat: str
    name: str
    cloud: Cloud
    file: dict[str, Any]
    applied: SiteConfig | None = None
    serves: bool = False
    """Whether its pods take writes (EMERGENCY_READ_ONLY)."""
    known_claims: dict[int, DatabaseId] = field(default_factory=dict[int, DatabaseId])
    """The Jobs of claims in the state. One for another database is another Job."""
    databases: set[DatabaseId] = field(default_factory=set[DatabaseId])
    """The databases in the state."""
    unprotected: set[DatabaseId] = field(default_factory=set[DatabaseId])
    owns: bool = False
    """Whether the state has the global resources."""
    released: bool = False
    copies: tuple[int, str] | None = None
    """The generation and the region of the copies in the state."""
    copies_released: bool = False
    adopted: dict[str, Any] | None = None
    """The lines about those that it has and did not make."""
    earlier: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Files that were applied."""
    running: Run | None = None
    fence: ClassVar[str] = "evidence"

    @property
    def region(self) -> str:
        return str(self.file["aws:region"])

    @property
    def has_ledger(self) -> bool:
        return self.region in REGIONS.values()

    @property
    def committed(self) -> list[dict[str, Any]]:
        """Those of the earlier files that version control has: docs/runbooks/adopt.md commits the others later."""
        return [file for file in self.earlier if file["lifeline:globals"] not in ("adopt", "release")]

    def up(self, *, lives: int = 99) -> Result:
        """Apply the file. The run dies after so many effects."""
        run = self._begin()
        return Result.REFUSED if run is None else self._go_on(run, lives)

    def start(self, effects: int) -> None:
        """Begin to apply the file, and pause."""
        run = self._begin()
        if run is not None and self._go_on(run, effects) is Result.KILLED:
            self.running = run

    def finish(self, lives: int) -> None:
        """Go on with a paused run."""
        run, self.running = self.running, None
        if run is not None:
            self._go_on(run, lives)

    def look(self, cloud: Cloud) -> Standing | None:
        """Let the fence look, at the cloud or at a copy of it."""
        if self.name in cloud.lost or self.applied is None:
            return None
        view = View(cloud, self.applied.own_database)
        fence = Fence(
            Place(view.own, "region", "ledger"),
            cast("JobLedger", view),
            cast("OwnDatabase", view),
            rules.epoch(self.applied.history),
            drain=self.applied.drains,
            lease=LEASE_SECONDS if self.applied.fence == "strict" else 0.0,
        )
        return fence.look()

    def _begin(self) -> Run | None:
        if self.name in self.cloud.lost or self.running is not None:
            return None
        try:
            return self._apply(parse({**self.file, "lifeline:fence": self.fence}, stack=self.name))
        except ConfigError:
            return None

    def _go_on(self, run: Run, lives: int) -> Result:
        try:
            for _ in range(lives):
                if self.name in self.cloud.lost:
                    return Result.KILLED
                next(run)
        except StopIteration as end:
            return Result.DONE if end.value else Result.REFUSED
        return Result.KILLED

    def _apply(self, config: SiteConfig) -> Run:
        if not self._copies(config):
            return False
        if not self.has_ledger:
            self.cloud.reads_at[self.name] = config.peer.site
        if not (yield from self._globals(config)):
            return False
        if not self._gate(config) or not (yield from self._claim(config)):
            return False
        if not (yield from self._database(config)):
            return False
        self.applied = config
        self.earlier.append(copy.deepcopy(self.file))
        if config.ledger.restores and self.cloud.copies:
            self.cloud.events |= self.cloud.copies.events
        self.serves = config.takes_writes
        yield
        return (yield from self._remove(config))

    def _copies(self, config: SiteConfig) -> bool:
        """Whether the engine accepts the copies: they cannot move, and it forgets only those that were released."""
        declared = (config.copies.generation, config.peer.region)
        made = self.copies or declared
        if made != declared and (made[0] == declared[0] or not self.copies_released):
            return False
        self.copies, self.copies_released = declared, config.copies.release
        return True

    def _globals(self, config: SiteConfig) -> Run:
        """Make, adopt or release the zone, the ledger and the passwords."""
        if config.owns_globals and not self.owns:
            if config.globals != "adopt" and self.cloud.has_globals:
                return False  # they exist already
            self.cloud.has_globals = self.owns = True
            self.adopted = copy.deepcopy(self.file["lifeline:adopted"]) if config.globals == "adopt" else None
            self.released = config.globals == "release"
            yield
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

    def _claim(self, config: SiteConfig) -> Run:
        for epoch, leader in config.claimed_epochs.items():
            if self.known_claims.get(epoch) == leader:
                continue
            if not self.cloud.reads(self.name) or self.cloud.claims.setdefault(epoch, leader) != leader:
                return False
            self.cloud.files[epoch] = self.file
            yield  # in the ledger and not in the state: the owner may claim again
            self.known_claims[epoch] = leader
        return True

    def _database(self, config: SiteConfig) -> Run:
        own = config.own_database
        if own not in self.cloud.databases and not self._create(own, config):
            return False
        self.databases.add(own)
        database = self.cloud.databases[own]
        if config.role in FOLLOWERS and database.source is None:
            return False  # RDS makes no leader a replica, and the engine replaces nothing that is protected
        if config.role is DatabaseRole.LEADER and database.source is not None:
            self.cloud.wait()
            database.source = None
        yield
        return True

    def _create(self, own: DatabaseId, config: SiteConfig) -> bool:
        source = rules.seed_source(own, config.history)
        if source is None:
            restores = [restore for restore in config.database.restores if config.cluster.has_job_of(restore.epoch)]
            dumped = any(restore.epoch == own.epoch and restore.dump for restore in restores)
            self.cloud.databases[own] = Database({*self.cloud.copies.writes} if dumped and self.cloud.copies else set())
            return True
        if source.site in self.cloud.lost or source not in self.cloud.databases:
            return False
        copied = self.cloud.databases[source]
        self.cloud.databases[own] = Database(set(copied.writes), source, copied.read_only)
        return True

    def _remove(self, config: SiteConfig) -> Run:
        """Delete or forget everything that is no longer declared, last of all, unless one of it is protected."""
        gone = self.databases - set(config.databases)
        if gone - self.unprotected or (self.owns and not config.owns_globals and not self.released):
            return False
        if not config.owns_globals:
            self.owns = self.released = False
        for database in gone:
            del self.cloud.databases[database]
            self.databases.remove(database)
            yield
        self.released = config.globals == "release"
        self.unprotected = {DatabaseId(self.name, number) for number in config.database.unprotected}
        return True
