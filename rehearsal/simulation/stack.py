"""One stack: its file, its state, and runs of `pulumi up`, whose steps come in the order of the real program.

`tests/rehearsal/simulation/test_order.py` compares the order with the steps that the program records.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from operations import clock
from operations.exit_codes import SUCCESS
from operations.instance import AVAILABLE
from recovery import timeline as rules
from recovery.timeline import DatabaseId, DatabaseRole
from rehearsal.simulation.cluster import Cluster, FenceSettings
from rehearsal.simulation.files import checked
from rehearsal.simulation.jobs import Jobs, gate_name, waiting_epochs
from rehearsal.simulation.kernel import Process
from rehearsal.simulation.network import SilentError
from rehearsal.simulation.server import Finish
from rehearsal.simulation.services import Services
from stacks.config import SiteConfig
from stacks.problems import ConfigError

CLUSTER, RDS = "cluster", "rds"
_CALL_SECONDS, _POLL_SECONDS = 10.0, 1.0
_PROMOTION_SECONDS, _CREATION_SECONDS = (3.0, 9.0), (5.0, 15.0)
FOLLOWERS = (DatabaseRole.REPLICA, DatabaseRole.STALE)


class Result(enum.Enum):
    """The end of a run of `up`."""

    DONE = "done"
    REFUSED = "refused"
    """By the configuration, a Job, a provider, or because another run has the state's lock."""
    KILLED = "killed"


class RefusedError(Exception):
    """A step was refused."""


@dataclass
class State:
    """The engine's notes about finished steps."""

    jobs: set[str] = field(default_factory=set[str])
    replicas: set[DatabaseId] = field(default_factory=set[DatabaseId])
    """The databases that are replicas."""
    leaders: set[DatabaseId] = field(default_factory=set[DatabaseId])


class Stack:
    """One site."""

    def __init__(self, name: str, file: dict[str, Any], services: Services, cluster: Cluster) -> None:
        self.name = name
        self.file = file
        self.cluster = cluster
        self.state = State()
        self.applied: SiteConfig | None = None
        self.earlier: list[dict[str, Any]] = []
        """Files that were applied."""
        self.tried: list[dict[str, Any]] = []
        """Files with which a run has begun."""
        self.edits = 0
        self.waited: Callable[[DatabaseId, int, bool], None] = lambda *_: None
        """Called with a database, its epoch, and whether its promotion is safe, when a Job has decided that."""
        self.promoted: Callable[[DatabaseId], None] = lambda _: None
        self.running: Process | None = None
        self._services = services
        self._jobs = Jobs(services)

    # The operator.

    def edit(self, **changes: Any) -> bool:
        """Change the file, unless the program refuses the change. Returns whether it did not."""
        file = self.file | {f"lifeline:{key}": value for key, value in changes.items()}
        try:
            checked(self.name, file)
        except ConfigError as error:
            self._services.kernel.say(f"{self.name}'s file is refused: {'; '.join(str(error).splitlines())}")
            return False
        self.file, self.edits = file, self.edits + 1
        return True

    @property
    def timeline(self) -> list[str]:
        return list(self.file["lifeline:timeline"])

    @property
    def own(self) -> str:
        """The name of the site's own database."""
        return f"{self.name}-{self.file.get('lifeline:database', {}).get('seeded', 1)}"

    def up(self, *, tries: int = 1, kind: str = "up") -> Result:
        """Run `up` to its end, and again if it is refused. Called by the process of an operator."""
        result = Result.REFUSED
        for number in range(tries):
            if number:
                clock.sleep(5.0)
            while self.running is not None and self.running.alive:
                clock.sleep(_POLL_SECONDS)  # another run has the lock of the state
            ends: list[Result] = []
            run = Process(self._services.kernel, kind, self.name, partial(self._run, ends))
            self.running = run.start()
            while run.alive:
                clock.sleep(_POLL_SECONDS)
            result = ends[0] if ends else Result.KILLED
            if result is Result.DONE:
                break
        return result

    # The engine.

    def _run(self, ends: list[Result]) -> None:
        self.tried.append(self.file)
        try:
            self.deploy(checked(self.name, self.file))
        except (ConfigError, RefusedError, SilentError) as error:
            self._services.kernel.say(f"{self.name}'s up: {type(error).__name__} {str(error).splitlines()[0]}")
            ends.append(Result.REFUSED)
        else:
            ends.append(Result.DONE)

    def deploy(self, config: SiteConfig) -> None:
        """Apply a configuration, step by step.

        Raises:
            RefusedError: if a step is refused.
            SilentError: if a service does not answer.
        """
        self._gate(config)
        self._claims(config)
        self._waits(config)
        self._databases(config)
        self._settle(config)

    def _gate(self, config: SiteConfig) -> None:
        if config.switchover.take is not None and config.is_active:
            self._job(gate_name(config), "handover", partial(self._jobs.gate, config), retries=0)

    def _claims(self, config: SiteConfig) -> None:
        for epoch, leader in config.claimed_epochs.items():
            self._job(f"claim-{epoch}-{leader}", "claim", partial(self._jobs.claim, config, epoch))

    def _waits(self, config: SiteConfig) -> None:
        for epoch in waiting_epochs(config):
            self._job(f"promotion-wait-{epoch}", "promotion-wait", partial(self._wait, config, epoch))

    def _wait(self, config: SiteConfig, epoch: int) -> int:
        code, safe = self._jobs.promotion_wait(config, epoch)
        if code == SUCCESS:
            self.waited(config.history[epoch - 1], epoch, safe)
        return code

    def _databases(self, config: SiteConfig) -> None:
        own = config.own_database
        for database in config.databases:
            if database not in self.state.replicas | self.state.leaders:
                self._create(database, config)
            fenced = rules.database_role(database, config.history) is DatabaseRole.FENCED
            self._call(RDS, partial(self._isolate, database, fenced))
        if config.role in FOLLOWERS and own in self.state.leaders:
            raise RefusedError(f"{own} is no replica, and is protected")
        if config.role is DatabaseRole.LEADER and own in self.state.replicas:
            self._promote(own)

    def _create(self, database: DatabaseId, config: SiteConfig) -> None:
        source = rules.seed_source(database, config.history)
        if self._call(RDS, lambda finish: finish(database in self._services.servers)):
            # Made by a run that was interrupted: docs/runbooks/failback.md imports it.
            self._note(database)
            return
        if rules.database_role(database, config.history) not in FOLLOWERS and source is not None:
            raise RefusedError(f"RDS needs a password to create {database}")
        if source is None:
            before = config.history[database.epoch - 2]
            self._call(RDS, lambda finish: finish(self._restore(database, before)))
            self._note(database)
            return
        self._call(RDS, lambda finish: finish(self._copy(database, source)))
        while self._call(RDS, lambda finish: finish(database in self._services.servers)) is False:
            clock.sleep(_POLL_SECONDS)
        self._note(database)

    def _note(self, database: DatabaseId) -> None:
        """Note in the state what a database is."""
        known = self.state.replicas if self._services.servers[database].follows else self.state.leaders
        known.add(database)

    def _restore(self, database: DatabaseId, source: DatabaseId) -> RefusedError | None:
        """A new database from the newest backup of the leader before, which is a little older."""
        before = self._services.servers.get(source)
        if before is None:
            return RefusedError(f"{source} has no backup")
        self._services.add(database, before.restored(str(database)))
        return None

    def _copy(self, database: DatabaseId, source: DatabaseId) -> RefusedError | None:
        """RDS begins to make a replica."""
        leader = self._services.servers.get(source)
        if (
            leader is None
            or leader.follows
            or not leader.is_up
            or not self._services.network.is_open(self.name, str(source))
        ):
            return RefusedError(f"{source} cannot be copied")

        def made() -> None:
            if database not in self._services.servers:
                self._services.add(database, leader.copy(str(database)))

        self._services.kernel.after(self._services.kernel.random.uniform(*_CREATION_SECONDS), made)
        return None

    def _isolate(self, database: DatabaseId, fenced: bool, finish: Finish) -> None:
        """Its security group admits the site's pods, or none."""
        self._services.servers[database].is_isolated = fenced
        finish(None)

    def _promote(self, own: DatabaseId) -> None:
        server = self._services.servers[own]

        def begin(finish: Finish) -> None:
            if server.status != AVAILABLE:
                finish(RefusedError(f"{own} is {server.status}"))
            elif not server.follows:
                finish(None)  # promoted before: docs/runbooks/failover.md refreshes this one resource
            else:
                server.status = "modifying"
                self._services.kernel.after(self._services.kernel.random.uniform(*_PROMOTION_SECONDS), end)
                finish(None)

        def end() -> None:
            if server.is_up:
                self.promoted(own)
                server.promote()
            server.status = AVAILABLE

        self._call(RDS, begin)
        while self._call(RDS, lambda finish: finish(server.status)) != AVAILABLE:
            clock.sleep(_POLL_SECONDS)
        if self._call(RDS, lambda finish: finish(server.follows)):
            raise RefusedError(f"{own} was not promoted")
        self.state.replicas.discard(own)
        self.state.leaders.add(own)

    def _settle(self, config: SiteConfig) -> None:
        """The ConfigMap and the workloads, and the fence last of all."""
        self._call(CLUSTER, lambda finish: finish(self.cluster.serve(config.own_database)))
        settings = FenceSettings(
            config.own_database, rules.epoch(config.history), config.drains, config.fence == "strict"
        )
        if self.cluster.settings != settings:
            self._call(CLUSTER, lambda finish: finish(self.cluster.roll(settings)))
        self.applied = config
        self.earlier.append(copy.deepcopy(self.file))

    def _job(self, name: str, kind: str, work: Callable[[], object], **options: int) -> None:
        if name in self.state.jobs:
            return
        self._call(CLUSTER, lambda finish: finish(self.cluster.create(name, kind, work, **options)))
        while not self._call(CLUSTER, lambda finish: finish(self.cluster.jobs[name].is_over)):
            clock.sleep(_POLL_SECONDS)
        code = self._call(CLUSTER, lambda finish: finish(self.cluster.jobs[name].code))
        if code != SUCCESS:
            raise RefusedError(f"{name} ends with {code}")
        self.state.jobs.add(name)

    def _call(self, target: str, effect: Callable[[Finish], None]) -> Any:
        return self._services.network.call(target, effect, patience=_CALL_SECONDS)
