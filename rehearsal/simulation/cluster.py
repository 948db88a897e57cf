"""The pods of one site: two fences, the Jobs of a flip, an application that always tries to write, crisis events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from components.kube.cron import RETRIES
from components.kube.jobs import FENCE_SECONDS, LEASE_SECONDS
from operations import clock
from operations.environment import Place
from operations.exit_codes import REFUSED, SUCCESS
from operations.fence import Fence, Standing
from operations.ledger import PATIENCE, QUICK
from recovery.naming import LEDGER_EVENTS, LEDGER_KEY, LEDGER_TABLE
from recovery.timeline import DatabaseId
from rehearsal.history import Kind, Write
from rehearsal.simulation.clients import LedgerClient, SimulatedDatabase, connected, ledger
from rehearsal.simulation.kernel import Process
from rehearsal.simulation.server import APPLICATION
from rehearsal.simulation.services import Services

PODS = 2
GRACE_SECONDS = 15.0
"""`terminationGracePeriodSeconds` of the fence."""
START_SECONDS = (0.5, 3.0)
"""A pod's start, on a node that has room and the image."""
ROLL_SECONDS = 20.0
"""The most until new pods of the fence look: the old ones end, and new ones start."""
BACKOFF_SECONDS = 10.0
"""Before a Job's next pod. Source: Kubernetes documentation, "Jobs", pod backoff failure policy."""
LONG_TRANSACTIONS = 0.2
"""The part of the transactions that think before they commit."""
THINK_SECONDS = (0.5, 2.5)
"""Between two writes of the application."""


@dataclass(frozen=True)
class FenceSettings:
    """The settings of the fence's pods, which they read when they start."""

    own: DatabaseId
    epoch: int
    drain: bool
    strict: bool


@dataclass(eq=False)
class Job:
    """A Job of Kubernetes."""

    name: str
    pod: Callable[[], Process]
    retries: int
    attempts: int = 0
    code: int | None = None
    """The exit code of its last pod; None while it runs."""

    @property
    def is_over(self) -> bool:
        return self.code is not None


@dataclass(eq=False)
class Pod:
    """A pod of the fence."""

    process: Process
    looks: bool = False
    stops: bool = False


class Cluster:
    """The pods of a site. They run while its region does."""

    def __init__(self, site: str, services: Services, pace: float) -> None:
        self.site = site
        self._services = services
        self._pace = pace
        self.is_up = True
        self.jobs: dict[str, Job] = {}
        self.fences: list[Pod] = []
        self.settings: FenceSettings | None = None
        self.standings: dict[Pod, Standing] = {}
        self._rolling = 0
        self._others: list[Process] = []
        self._wanted: dict[str, Callable[[], object]] = {}

    def spawn(
        self, kind: str, work: Callable[[], object], ended: Callable[[Process], None] = lambda _: None
    ) -> Process:
        """Start a pod."""
        process = Process(self._services.kernel, kind, self.site, work, pace=self._pace, ended=ended)
        return process.start()

    # The fence.

    def roll(self, settings: FenceSettings) -> None:
        """Replace the fence's pods, after the old ones have ended: the Deployment's strategy is Recreate."""
        self.settings = settings
        self._rolling += 1
        self._services.disturbed(self.site, ROLL_SECONDS)
        for pod in list(self.fences):
            pod.stops = True
            if pod.looks:
                self._services.kernel.after(GRACE_SECONDS, pod.process.kill)
            else:
                pod.process.kill()
        self._begin_fences(self._rolling)

    def _begin_fences(self, rolling: int) -> None:
        """Start pods until there are enough, unless old ones still end."""
        if rolling != self._rolling or not self.is_up:
            return
        if any(pod.stops for pod in self.fences):
            self._services.kernel.after(0.5, lambda: self._begin_fences(rolling))
            return
        while len(self.fences) < PODS:
            self._start_fence()

    def _start_fence(self) -> None:
        settings = self.settings
        assert settings is not None
        pod = Pod(Process(self._services.kernel, "fence", self.site, lambda: self._fence(pod, settings), self._pace))
        pod.process.ended = lambda _: self._fence_ended(pod)
        self.fences.append(pod)
        self._services.kernel.between(START_SECONDS, pod.process.start)

    def _fence(self, pod: Pod, settings: FenceSettings) -> None:
        database = SimulatedDatabase(self._services.network, self._services.finds(settings.own), str(settings.own))
        fence = Fence(
            Place(settings.own, "region", LEDGER_TABLE),
            ledger(self._services.network, self._services.table, QUICK),
            database,
            settings.epoch,
            settings.drain,
            LEASE_SECONDS if settings.strict else 0.0,
        )
        while not pod.stops:
            pod.looks = True
            self.standings[pod] = fence.look()
            pod.looks = False
            if not pod.stops:
                clock.sleep(FENCE_SECONDS)

    def _fence_ended(self, pod: Pod) -> None:
        self.fences.remove(pod)
        self.standings.pop(pod, None)
        rolling = self._rolling
        self._services.kernel.after(0.5, lambda: self._begin_fences(rolling))

    # Jobs.

    def create(self, name: str, kind: str, work: Callable[[], object], retries: int = RETRIES) -> None:
        """Create a Job, unless there is one. One that failed is replaced."""
        job = self.jobs.get(name)
        if job is not None and job.code in (None, SUCCESS):
            return
        job = self.jobs[name] = Job(name, lambda: self.spawn(kind, work, ended), retries)

        def ended(process: Process) -> None:
            code = 1 if process.killed else process.result
            job.attempts += 1
            if code in (SUCCESS, REFUSED) or job.attempts > job.retries:
                job.code = int(str(code))
            else:
                self._services.kernel.after(BACKOFF_SECONDS, again)

        def again() -> None:
            if self.is_up:
                job.pod()
            else:
                job.code = 1

        again()

    # The application, and the crisis services.

    def serve(self, database: DatabaseId) -> None:
        """Let the application use a database, from now on."""
        self._wanted = {"application": lambda: self._write(database), "crisis": self._report}
        for process in self._others:
            process.kill()
        self._others.clear()
        for kind in self._wanted:
            self._start_other(kind)

    def _start_other(self, kind: str) -> None:
        if self.is_up and kind in self._wanted:
            self._others.append(self.spawn(kind, self._wanted[kind], self._other_ended))

    def _other_ended(self, process: Process) -> None:
        if process in self._others:
            self._others.remove(process)
            self._services.kernel.between(START_SECONDS, lambda: self._start_other(process.kind))

    def _write(self, database: DatabaseId) -> None:
        """Add rows, whatever the site's role is: nothing but the database stops it."""
        services = self._services
        while True:
            try:
                with connected(services.network, services.finds(database)(), APPLICATION) as connection:
                    while True:
                        self._add_row(database, connection)
                        clock.sleep(services.kernel.random.uniform(*THINK_SECONDS))
            except psycopg.Error:
                clock.sleep(services.kernel.random.uniform(*THINK_SECONDS))

    def _add_row(self, database: DatabaseId, connection: Any) -> None:
        key, began, refusal = self._services.next_key(), self._services.kernel.now, "it broke off"
        try:
            with connection.transaction():
                connection.execute("INSERT INTO users (id) VALUES (%s)", (key,))
                if self._services.kernel.random.random() < LONG_TRANSACTIONS:
                    clock.sleep(self._services.kernel.random.uniform(*THINK_SECONDS))
            refusal = ""
        finally:
            self._services.wrote(
                Write(
                    kind=Kind.EVENT_ROW if int(key) % 3 == 0 else Kind.USER,
                    key=key,
                    began=began,
                    ended=self._services.kernel.now,
                    refusal=refusal,
                    place=str(database) if not refusal else "",
                )
            )

    def _report(self) -> None:
        """Put crisis events. One that was not acknowledged is put again, with its id."""
        services = self._services
        client = LedgerClient(services.network, services.table, PATIENCE)
        while True:
            key, began = services.next_key(), services.kernel.now
            while True:
                try:
                    client.put_item(TableName=LEDGER_TABLE, Item={LEDGER_KEY: {"S": f"{LEDGER_EVENTS[0]}{key}"}})
                    break
                except Exception:  # noqa: BLE001 - a client that tries again whatever happened
                    clock.sleep(1.0)
            services.wrote(Write(kind=Kind.EVENT, key=key, began=began, ended=services.kernel.now))
            clock.sleep(4 * services.kernel.random.uniform(*THINK_SECONDS))

    # The region.

    def stop(self) -> None:
        """The region is lost: every pod dies."""
        self.is_up = False
        for process in [pod.process for pod in self.fences] + self._others:
            process.kill()
        for process in self._services.kernel.processes:
            if process.site == self.site and process.kind not in ("up", "operator"):
                process.kill()

    def start(self) -> None:
        """The region is back, and with it the pods of its Deployments."""
        self.is_up = True
        self._rolling += 1
        self._begin_fences(self._rolling)
        for kind in self._wanted:
            self._start_other(kind)
