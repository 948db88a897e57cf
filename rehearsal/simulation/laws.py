"""The laws of the protocol: what must hold at every moment of a history, and at its end.

They are written from outside: they see the items of the ledger, the commits of the databases and the answers to the
clients, and share no code with the jobs. The history of the clients is judged by `rehearsal.judge`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operations.fence import Standing
from operations.records import Claim
from recovery import timeline as rules
from recovery.naming import LEDGER_EVENTS, claim_key, closing_key, handover_key, ready_key
from recovery.timeline import DatabaseId
from rehearsal.history import Kind, Stored
from rehearsal.judge import Limits, judge
from rehearsal.simulation.network import LEDGER, Blow
from rehearsal.simulation.plan import HORIZON_SECONDS, Fault, Trouble
from rehearsal.simulation.server import IDLE_SECONDS, Server
from rehearsal.simulation.services import Services
from rehearsal.simulation.stack import Result, Stack
from rehearsal.simulation.statements import number

BOUND_SECONDS, STRICT_BOUND_SECONDS = 20.0, 60.0
"""The longest for which a superseded leader writes on while its fence works: docs/architecture.md, the waits."""
RESTART_SECONDS = 5.0
"""A killed pod's successor looks after this time at the latest."""
EVIDENCE = 3
"""The most rows that are named."""
LATE_SECONDS = 12.0
"""A later claim that is older than this is seen by a wait that reaches the ledger, also if a few calls fail."""


@dataclass(frozen=True)
class Violation:
    """A broken law."""

    law: str
    text: str
    at: float
    """Simulated seconds."""

    def __str__(self) -> str:
        return f"{self.at:.3f} s: {self.law}: {self.text}"


class Laws:
    """Watches one history."""

    def __init__(self, services: Services, stacks: Mapping[str, Stack], *, strict: bool) -> None:
        self._services = services
        self._stacks = stacks
        self._strict = strict
        self._violations: list[Violation] = []
        self._claimed: dict[int, tuple[DatabaseId, float]] = {1: (DatabaseId("primary", 1), 0.0)}
        self._lossy: set[int] = set()
        """The epochs that began without all rows: a wait that ended by its limit, or a loss that was accepted."""
        self._disturbed: dict[str, float] = {}
        """Until when a site's fence could not work as usual."""
        self._struck: dict[str, float] = {}
        """When a call of a site's fence was hit last."""
        self._began: dict[DatabaseId, float] = {}
        """The first row of each database since its newest claim."""
        self._over = set[Claim]()
        """The claims whose wait could see a later one, and ended."""
        self._promotions: dict[DatabaseId, float] = {}
        """When each database was promoted. One that is superseded by then is closed by its fence, which begins then."""
        self._rows: dict[str, int] = {}
        """The epoch in which each row was committed."""
        services.table.changed = self._changed
        services.added = self._watch
        services.disturbed = self.disturb
        for stack in stacks.values():
            stack.waited = self._waited
            stack.promoted = self._promoted

    def add(self, law: str, text: str) -> None:
        """Note a violation."""
        violation = Violation(law, text, self._services.kernel.now)
        self._services.kernel.say(f"VIOLATION {law}: {text}")
        self._violations.append(violation)

    def newest_claim(self) -> Claim:
        """The newest claim."""
        epoch = max(self._claimed)
        return Claim(epoch, self._claimed[epoch][0])

    # Disturbances of fences, which excuse late writes.

    def disturb(self, site: str, seconds: float) -> None:
        """A site's fence may not work as usual for some seconds."""
        until = self._services.kernel.now + seconds
        self._disturbed[site] = max(until, self._disturbed.get(site, 0.0))

    def struck(self, site: str, blow: Blow, seconds: float) -> None:
        """A call of a site's fence was hit.

        The other pod works on, unless the first one holds a lock, or a second blow comes soon.
        """
        now = self._services.kernel.now
        again = now - self._struck.get(site, -math.inf) < IDLE_SECONDS
        self._struck[site] = now
        if blow is Blow.VANISH:
            self.disturb(site, IDLE_SECONDS + RESTART_SECONDS)
        elif blow is Blow.PAUSE or again:
            self.disturb(site, seconds + RESTART_SECONDS)

    def trouble(self, fault: Fault) -> None:
        """A fault of the surroundings begins."""
        if self._strict and fault.trouble in (Trouble.CUT_LEDGER, Trouble.ISOLATE):
            return  # a strict fence needs no ledger to stop
        if fault.trouble is not Trouble.CUT_REPLICATION:
            seconds = fault.seconds if fault.trouble is not Trouble.RESTART else 0.0
            self.disturb(fault.site, seconds + RESTART_SECONDS)

    # The ledger.

    def _changed(self, key: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        if key.startswith(LEDGER_EVENTS):
            return
        epoch, again = int(key.partition("#")[2]), before is not None and before != after
        if key == claim_key(epoch):
            self._claim_changed(epoch, before, after)
        elif key in (ready_key(epoch), closing_key(epoch)) and again:
            self.add("marks stay", f"{key} changes from {before} to {after}")
        elif key == ready_key(epoch):
            self._marked(epoch, after)
        elif key == handover_key(epoch) and before and before["state"]["S"] == "taken" and again:
            self.add("a taken record stays", f"{key} changes from {before} to {after}")

    def _claim_changed(self, epoch: int, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        database = DatabaseId.parse(after["database"]["S"])
        if before is not None and before["database"] != after["database"]:
            self.add("an epoch has one owner", f"epoch {epoch}: {before['database']['S']}, then {database}")
        if epoch not in self._claimed:
            self._claimed[epoch] = (database, self._services.kernel.now)
            self._began.pop(database, None)
            self._lossy |= self._discarding(epoch, database)

    def _marked(self, epoch: int, item: Mapping[str, Any]) -> None:
        owner = self._claimed.get(epoch)
        database = DatabaseId.parse(item["database"]["S"])
        if owner is None or owner[0] != database:
            self.add("ready marks are of owners", f"epoch {epoch} is marked for {database}")
            return
        record = self._handover(epoch)
        is_newest = epoch == max(self._claimed)
        if is_newest and record is None and not self._services.servers[database].is_open:
            self.add("a ready site takes writes", f"epoch {epoch} is marked, and {database} takes no writes")

    def _handover(self, epoch: int) -> Mapping[str, Any] | None:
        """The record of a drain that lasts or is taken."""
        record = self._services.table.items.get(handover_key(epoch))
        return record if record is not None and record["state"]["S"] != "withdrawn" else None

    # The databases.

    def _watch(self, database: DatabaseId, server: Server) -> None:
        server.committed = lambda key: self._committed(database, server, key)

    def _led(self, database: DatabaseId) -> int:
        return max((epoch for epoch, (owner, _) in self._claimed.items() if owner == database), default=0)

    def _committed(self, database: DatabaseId, server: Server, key: str) -> None:
        epoch, position = self._led(database), server.position
        self._rows[key] = epoch
        if not epoch:
            self.add("only owners take writes", f"{database} commits row {key}, and never claimed an epoch")
            return
        notes = {"closing": self._services.table.items.get(closing_key(epoch)), "handover": self._handover(epoch)}
        for kind, record in notes.items():
            own = record is not None and record["database"]["S"] == str(database)
            if record is not None and own and number(record["position"]["S"]) < position:
                self.add("a noted position is the last", f"{database} commits row {key} after its {kind}")
        if not server.is_isolated:  # docs/correctness.md, "Not claimed": its fence cannot reach it, either
            self._superseded(database, epoch, key)

    def _superseded(self, database: DatabaseId, epoch: int, key: str) -> None:
        now = self._services.kernel.now
        newer = {owner: at for number_, (owner, at) in self._claimed.items() if number_ > epoch and owner != database}
        if not newer:
            self._began.setdefault(database, now)
            return
        claimed, disturbed = min(newer.values()), self._disturbed.get(database.site, 0.0)
        late = now - max(claimed, disturbed, self._promotions.get(database, 0.0))
        if late > (STRICT_BOUND_SECONDS if self._strict else BOUND_SECONDS):
            self.add("a superseded leader stops", f"{database} commits row {key} {late:.1f} s after it should have")
        others = [owner for owner in newer if self._began.get(owner, now) < now and not self._discards(owner)]
        if others and disturbed < claimed:
            self.add("two leaders", f"{database} commits row {key}, and {others[0]} has begun")

    def _check_promotion(self, law: str, old: DatabaseId, new: DatabaseId, epoch: int) -> None:
        """A database that takes over an epoch has every row of the one before, of the time before."""
        servers = self._services.servers
        if old == new or old not in servers or new not in servers:
            return
        lacked = servers[old].contents.rows.keys() - servers[new].contents.rows.keys()
        missing = sorted((key for key in lacked if self._rows[key] < epoch), key=int)
        if missing:
            self.add(law, f"{new} lacks rows {', '.join(missing[:EVIDENCE])} of {old}")

    def _waited(self, database: DatabaseId, epoch: int, safe: bool) -> None:
        earlier = [number_ for number_ in self._claimed if number_ < epoch]
        if not safe:
            self._lossy.add(epoch)
        server = self._services.servers.get(database)
        now = self._services.kernel.now
        later = [at for number_, (owner, at) in self._claimed.items() if number_ > epoch and owner != database]
        sees = safe or self._services.network.is_open(database.site, LEDGER)
        if later and now - min(later) > LATE_SECONDS and sees:
            self._over.add(Claim(epoch, database))
        if safe and earlier and server is not None and server.follows:
            old = self._claimed[max(earlier)][0]
            self._check_promotion("a safe promotion loses nothing", old, database, epoch)

    def _promoted(self, database: DatabaseId) -> None:
        self._promotions[database] = self._services.kernel.now
        if Claim(self._led(database), database) in self._over:
            self.add("an epoch that is over does not begin", f"{database} is promoted, and a later epoch is claimed")
        epoch = self._led(database)
        owner = self._claimed.get(epoch)
        if owner is None:
            self.add("a claim comes before its promotion", f"{database} is promoted without a claim")
            return
        record = self._services.table.items.get(handover_key(epoch - 1))
        plan = self._stacks[database.site].file.get("lifeline:switchover", {})
        taken = record is not None and record.get("taker", {}).get("S") == str(database)
        if plan.get("acceptLoss"):
            self._lossy.add(epoch)
        elif record is not None and taken and epoch == max(self._claimed):
            self._check_promotion(
                "a planned change loses nothing", DatabaseId.parse(record["database"]["S"]), database, epoch
            )

    def _discards(self, database: DatabaseId) -> bool:
        """Whether a database leads again, and throws away what others wrote meanwhile. It waits for no one."""
        return bool(self._discarding(self._led(database), database))

    def _discarding(self, epoch: int, database: DatabaseId) -> set[int]:
        """The epoch, if it begins without the rows of an earlier one, or with those of a backup."""
        history = [DatabaseId.parse(entry) for entry in self._stacks[database.site].timeline]
        if len(history) < epoch or history[epoch - 1] != database:
            return set()
        restored = epoch > 1 and rules.is_born_leader(database, history)
        return {epoch} if restored or rules.discarded_epochs(epoch - 1, history) else set()

    # The end.

    def recovered(self, ends: Sequence[Result], *, finished: bool, standings: Sequence[Standing]) -> None:
        """The operator has repaired both sites, or could not."""
        newest = self.newest_claim()
        if not finished or list(ends) != [Result.DONE, Result.DONE]:
            self.add("recovery", f"epoch {newest.epoch} of {newest.database}: {[end.value for end in ends]}")
            return
        if set(standings) != {Standing.LEADS}:
            self.add("recovery", f"the fences of {newest.database} say {[str(standing) for standing in standings]}")
        writable = {str(database) for database, server in self._services.servers.items() if server.takes_writes}
        if writable != {str(newest.database)}:
            self.add("one leader at the end", f"{sorted(writable)} take writes, and {newest.database} leads")
        mark = self._services.table.items.get(ready_key(newest.epoch))
        if mark is None or mark["database"]["S"] != str(newest.database):
            self.add("recovery", f"epoch {newest.epoch} has no ready mark")

    def judged(self) -> tuple[Violation, ...]:
        """All violations, also those that the judge of the rehearsals finds."""
        newest = self.newest_claim()
        server = self._services.servers.get(newest.database)
        rows: dict[str, int] = server.contents.rows if server is not None else {}
        self._check_rows(rows)
        kinds = {write.key: write.kind for write in self._services.writes}
        left = {kind: [Stored(key) for key in rows if kinds.get(key) is kind] for kind in Kind}
        event, items = LEDGER_EVENTS[0], self._services.table.items
        left[Kind.EVENT] = [Stored(key.removeprefix(event)) for key in items if key.startswith(event)]
        most = math.inf if self._lossy else 0.0
        quiet = not self._lossy and not self._disturbed
        limits = Limits(
            disaster=HORIZON_SECONDS,
            oldest={Kind.EVENT: 0.0, Kind.USER: most, Kind.EVENT_ROW: most},
            overlap=0.0 if quiet else math.inf,
            late=most,
        )
        for finding in judge(self._services.writes, left, limits):
            if not finding.holds:
                self.add("the judge of rehearsals", f"{finding.rule}: {'; '.join(finding.evidence)}")
        return tuple(self._violations)

    def _check_rows(self, rows: Mapping[str, int]) -> None:
        """A row that was acknowledged is missing only if a later epoch began with a loss."""
        for write in self._services.writes:
            if write.kind is Kind.EVENT or not write.acknowledged or write.key in rows:
                continue
            epoch = self._rows[write.key]
            if not any(lossy > epoch for lossy in self._lossy):
                self.add("no row is lost without a warning", f"row {write.key} of epoch {epoch}, {write.place}")
                return
