"""One history: both sites at work, a plan that happens to them, the end at which everything is mended, and its laws."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from engine.root import PROGRAM_ROOT
from operations import clock
from operations.records import Claim
from recovery.naming import LEDGER_KEY, claim_key, handover_key, ready_key
from recovery.timeline import DatabaseId
from rehearsal.simulation.cluster import Cluster
from rehearsal.simulation.edits import EDITS, tell
from rehearsal.simulation.kernel import Kernel, Process
from rehearsal.simulation.laws import Laws, Violation
from rehearsal.simulation.network import LEDGER, Network
from rehearsal.simulation.plan import HORIZON_SECONDS, OTHER, SITES, Act, Fault, Plan, Trouble, Verb
from rehearsal.simulation.server import Server
from rehearsal.simulation.services import Services
from rehearsal.simulation.stack import CLUSTER, RDS, Result, Stack
from rehearsal.simulation.table import Table
from stacks.stackfile import StackFile

CLOCK_ERROR = 0.01
"""The most by which the clock of a site's nodes is too fast or too slow, as a part."""
QUIET_SECONDS = 40.0
"""After everything is mended, and before the operator looks: fences that are new, or waited for locks, have looked."""
_OPERATOR_SECONDS = 400.0


@dataclass(frozen=True)
class History:
    """The result of one history."""

    plan: Plan
    trace: tuple[str, ...]
    steps: int
    """The calls and waits of all processes."""
    violations: tuple[Violation, ...]
    hits: int = 0
    """The faults that happened: a strike whose call is never made is none."""


class World:
    """Both sites, from the moment at which they are built and serve."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.kernel = Kernel(plan.seed)
        self.network = Network(self.kernel, plan.strikes)
        self.services = Services(self.kernel, self.network, Table())
        self.stacks = {name: self._stack(name) for name in SITES}
        self.laws = Laws(self.services, self.stacks, strict=plan.strict)
        self.hits = 0
        self.network.hit = self._struck
        self._build()

    def _stack(self, name: str) -> Stack:
        pace = 1.0 + self.kernel.random.uniform(-CLOCK_ERROR, CLOCK_ERROR)
        file = copy.deepcopy(dict(_committed(name)))
        if self.plan.strict:
            file["lifeline:fence"] = "strict"
        return Stack(name, file, self.services, Cluster(name, self.services, pace))

    def _build(self) -> None:
        """Both sites as their first deployment leaves them."""
        first, second = DatabaseId("primary", 1), DatabaseId("secondary", 1)
        leader = Server(self.kernel, str(first))
        replica = leader.copy(str(second))
        self.services.add(first, leader)
        self.services.add(second, replica)
        self.services.table.items[claim_key(1)] = Claim(1, first).item
        ready = {LEDGER_KEY: {"S": ready_key(1)}, "database": {"S": str(first)}, "readyAt": {"S": "2027-01-15"}}
        self.services.table.items[ready_key(1)] = ready
        self.stacks["primary"].state.jobs.add(f"claim-1-{first}")
        self.stacks["primary"].state.leaders.add(first)
        self.stacks["secondary"].state.replicas.add(second)
        for stack in self.stacks.values():
            self._spawn(stack.name, partial(stack.up, kind="first up"))

    # The plan.

    def play(self) -> History:
        """Let the plan happen, mend everything, let an operator repair, and judge."""
        with contextlib.redirect_stdout(_Lines(self.kernel)):
            for act in self.plan.acts:
                self.kernel.after(act.at, partial(self._act, act))
            for fault in self.plan.faults:
                self.kernel.after(fault.at, partial(self._fault, fault))
            self.kernel.run(HORIZON_SECONDS)
            self._mend()
            self.kernel.run(self.kernel.now + QUIET_SECONDS)
            self._repair()
            violations = self.laws.judged()
            self.kernel.end()
        return History(self.plan, tuple(self.kernel.trace), self.kernel.steps, violations, self.hits)

    def _spawn(self, site: str, work: Callable[[], object]) -> Process:
        return Process(self.kernel, "operator", site, work).start()

    def _struck(self, process: Process, strike: Any) -> None:
        self.hits += 1
        self.kernel.say(f"FAULT {strike}")
        if process.kind == "fence":
            self.laws.struck(process.site, strike.blow, strike.seconds)

    def _act(self, act: Act) -> None:
        stack = self.stacks[act.site]
        self.kernel.say(f"ACT {act.site}'s operator {act.verb}")
        if act.verb is Verb.KILL_UP:
            self.hits += stack.running is not None and stack.running.alive
            if stack.running is not None:
                stack.running.kill()
        elif self.edit(stack, act.verb):
            self._spawn(act.site, partial(self._up, stack, act.tries))

    def _up(self, stack: Stack, tries: int) -> None:
        result = stack.up(tries=tries)
        self.kernel.say(f"{stack.name}'s up is {result.value}: {', '.join(stack.timeline)}")

    def edit(self, stack: Stack, verb: Verb) -> bool:
        """Make the edit of an act. Returns whether the program accepts it."""
        return EDITS[verb](self.stacks, stack)

    def _fault(self, fault: Fault) -> None:
        self.hits += 1
        self.kernel.say(f"FAULT {fault.site}: {fault.trouble}")
        self.laws.trouble(fault)
        end = self._begin(fault)
        self.kernel.after(min(fault.seconds, HORIZON_SECONDS - fault.at), end)

    def _begin(self, fault: Fault) -> Callable[[], None]:
        """Begin a fault. Returns its end."""
        if fault.trouble is Trouble.RESTART:
            for database, server in self.services.servers.items():
                if database.site == fault.site:
                    server.restart()
            return lambda: None
        if fault.trouble is Trouble.LOSE_REGION:
            return self._lose(fault.site)
        ways = _ways(fault, [str(database) for database in self.services.servers])
        for way in ways:
            self.network.cut(*way)

        def mend() -> None:
            for way in ways:
                self.network.mend(*way)

        return mend

    def _lose(self, site: str) -> Callable[[], None]:
        servers = [server for database, server in self.services.servers.items() if database.site == site]
        ways = [(site, CLUSTER), (site, RDS), (site, LEDGER)]
        self.stacks[site].cluster.stop()
        for server in servers:
            server.restart()
            server.is_up = False
        for way in ways:
            self.network.cut(*way)

        def back() -> None:
            for server in servers:
                server.is_up = True
            for way in ways:
                self.network.mend(*way)
            self.stacks[site].cluster.start()

        return back

    def _mend(self) -> None:
        """The end of the plan. Faults have ended by themselves; runs that last are left alone."""
        self.kernel.say("everything is mended")

    # The end.

    def _repair(self) -> None:
        """Give both files the newest claim's timeline, as an engineer does who has looked at everything."""
        ends: list[Result] = []
        process = self._spawn("operator", partial(self._recover, ends))
        end = self.kernel.now + _OPERATOR_SECONDS
        while process.alive and self.kernel.now < end:
            self.kernel.run(self.kernel.now + 1.0)
        newest = self.laws.newest_claim()
        standings = [*self.stacks[newest.database.site].cluster.standings.values()]
        self.laws.recovered(ends, finished=not process.alive, standings=standings)

    def _recover(self, ends: list[Result]) -> None:
        self._finish_handover()
        newest = self.laws.newest_claim()
        leader = self.stacks[newest.database.site]
        for stack in (leader, self.stacks[OTHER[leader.name]]):
            if not tell(stack, newest, leader, self.services.servers):
                self.laws.add("recovery", f"{stack.name}'s file cannot be mended for epoch {newest.epoch}")
                return
            ends.append(stack.up(tries=5))
        clock.sleep(QUIET_SECONDS)

    def _finish_handover(self) -> None:
        """A record that is taken and led to no claim: docs/runbooks/switchover.md, under Roll back."""
        newest = self.laws.newest_claim()
        record = self.services.table.items.get(handover_key(newest.epoch))
        if record is None or record["state"]["S"] != "taken":
            return
        leader = self.stacks[newest.database.site]
        taker = self.stacks[OTHER[leader.name]]
        database = DatabaseId.parse(taker.own)
        own = record["taker"]["S"] == taker.own and database in taker.state.replicas
        if (
            own
            and tell(taker, newest, leader, self.services.servers)
            and taker.own == str(database)
            and self.edit(taker, Verb.TAKE)
        ):
            taker.up(tries=5)
        else:
            record["state"] = {"S": "drained"}
            del record["taker"]


def _ways(fault: Fault, databases: list[str]) -> list[tuple[str, str]]:
    site, other = fault.site, OTHER[fault.site]
    own = [name for name in databases if name.startswith(f"{site}-")]
    peers = [name for name in databases if name.startswith(f"{other}-")]
    match fault.trouble:
        case Trouble.CUT_LEDGER:
            return [(site, LEDGER)]
        case Trouble.CUT_JOBS:
            return [(site, name) for name in own]
        case Trouble.CUT_REPLICATION:
            return [(site, name) for name in peers]
        case _:
            return [(site, LEDGER), *((site, name) for name in peers), *((other, name) for name in own)]


class _Lines(io.TextIOBase):
    """Takes the lines that the jobs log into the history."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                process = clock.CLOCK.get()
                who = f"{process.site}'s {process.kind}" if isinstance(process, Process) else ""
                self._kernel.say(f"{who}: {line}")
        return len(text)


@cache
def _committed(name: str) -> Mapping[str, Any]:
    return StackFile(PROGRAM_ROOT / f"Pulumi.{name}.yaml").config


def play(plan: Plan) -> History:
    """The history of a plan."""
    return World(plan).play()
