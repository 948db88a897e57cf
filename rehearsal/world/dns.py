"""Answers of a hosted zone as Route 53 gives them, and a client's resolver that caches them.

Sources: Route 53 Developer Guide, "How Amazon Route 53 chooses records when health checking is configured",
"Active-active and active-passive failover", "Choosing between alias and non-alias records"; RFC 1034, section 3.6.2
(a resolver follows a CNAME by asking again).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from procedures.web import NoAnswerError
from rehearsal.world.clock import Clock
from rehearsal.world.zone import Record, Zone, canonical

LOAD_BALANCER_TTL = 60
"""The TTL in seconds of an alias record to a load balancer, which Route 53 sets itself."""

_LONGEST_CHAIN = 8


@dataclass(frozen=True)
class Answer:
    """One record: where a name leads, and how long a resolver may keep it."""

    target: str
    """An address, or a name."""
    ttl: int
    """Seconds."""
    known: bool = False
    """Whether the target is a name in the zone, for which a resolver asks next. A load balancer's name is not."""


def same_region_first(client: str, region: str) -> float:
    """The latency between two regions in a simple model for two sites: 0 within a region, otherwise 1."""
    return 0.0 if client == region else 1.0


class Resolver:
    """Authoritative answers from the last published copy of the zone.

    Args:
        zone: the records.
        healthy: the status of a health check by id.
        target_healthy: whether a load balancer, by name, has healthy targets. Called only for alias records with
            EvaluateTargetHealth.
        latency: between a client's region and a record's region. The smallest wins, then the region's name.
        chance: draws among weighted records.
    """

    def __init__(
        self,
        zone: Zone,
        healthy: Callable[[str], bool],
        *,
        target_healthy: Callable[[str], bool] = lambda _: True,
        latency: Callable[[str, str], float] = same_region_first,
        chance: random.Random | None = None,
    ) -> None:
        self._zone = zone
        self._healthy = healthy
        self._target_healthy = target_healthy
        self._latency = latency
        self._chance = chance or random.Random(0)

    def replace(self, zone: Zone) -> None:
        """Publish a newly loaded copy of the zone."""
        self._zone = zone

    def lookup(self, name: str, region: str = "") -> Answer:
        """The record that a client in a region gets for a name.

        An alias is answered with the record that it leads to, and a load balancer's with its own TTL.

        Raises:
            NoAnswerError: if the zone does not have the name.
        """
        name = canonical(name)
        records = self._records(name)
        if not records:
            raise NoAnswerError(f"the zone has no record {name}")
        for _ in range(_LONGEST_CHAIN):
            record = self._choose(records, region)
            if record.alias is None:
                target = canonical(record.values[0])
                return Answer(target, record.ttl, known=record.type == "CNAME" and bool(self._records(target)))
            target = canonical(record.alias.target)
            records = self._records(target)
            if not records:
                return Answer(target, LOAD_BALANCER_TTL)
        raise _circle(name)

    def resolve(self, name: str, region: str = "") -> str:
        """Where a name leads in the end: an address, or a name outside the zone.

        Raises:
            NoAnswerError: if the zone does not have the name.
        """
        return _followed(name, lambda asked: self.lookup(asked, region))

    def _records(self, name: str) -> tuple[Record, ...]:
        return self._zone.named(name, "A") or self._zone.named(name, "CNAME")

    def _choose(self, records: Sequence[Record], region: str) -> Record:
        if records[0].failover:
            return self._failover(records)
        # If no record is healthy, Route 53 answers as if all were.
        candidates = [record for record in records if self._is_healthy(record)] or list(records)
        if records[0].region:
            return min(candidates, key=lambda record: (self._latency(region, record.region), record.region))
        if records[0].weight is not None:
            return self._weighted(candidates)
        return candidates[0]

    def _failover(self, records: Sequence[Record]) -> Record:
        by_role = {record.failover: record for record in records}
        primary, secondary = by_role.get("PRIMARY"), by_role.get("SECONDARY")
        if primary is None or secondary is None:
            return records[0]
        return secondary if not self._is_healthy(primary) and self._is_healthy(secondary) else primary

    def _weighted(self, candidates: Sequence[Record]) -> Record:
        weights = [record.weight or 0 for record in candidates]
        return self._chance.choices(candidates, weights if any(weights) else None)[0]

    def _is_healthy(self, record: Record) -> bool:
        if record.health_check and not self._healthy(record.health_check):
            return False
        if record.alias is None or not record.alias.evaluate_target_health:
            return True
        records = self._records(record.alias.target)
        if not records:
            return self._target_healthy(record.alias.target)
        return any(self._is_healthy(target) for target in records)


class ClientResolver:
    """A client's resolver, which caches each record for its own TTL. Safe to share between threads.

    Args:
        resolver: the authoritative answers.
        clock: simulated time.
        region: the region that the client is near.
        keeps: the shortest time for which it caches a record, whatever its TTL. Simulated seconds; infinite for a
            client that is pinned to the first address that it got.
    """

    def __init__(self, resolver: Resolver, clock: Clock, region: str = "", *, keeps: float = 0.0) -> None:
        self._resolver = resolver
        self._clock = clock
        self._region = region
        self._keeps = keeps
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[Answer, float]] = {}

    def resolve(self, name: str) -> str:
        """Where a name leads in the end, as this client knows it.

        Raises:
            NoAnswerError: if the zone does not have the name. This is not cached.
        """
        with self._lock:
            return _followed(name, self._lookup)

    def _lookup(self, name: str) -> Answer:
        now = self._clock.now()
        if name in self._cache:
            answer, expires = self._cache[name]
            if now < expires:
                return answer
        answer = self._resolver.lookup(name, self._region)
        self._cache[name] = answer, now + max(answer.ttl, self._keeps)
        return answer


def _followed(name: str, lookup: Callable[[str], Answer]) -> str:
    for _ in range(_LONGEST_CHAIN):
        answer = lookup(name)
        if not answer.known:
            return answer.target
        name = answer.target
    raise _circle(name)


def _circle(name: str) -> NoAnswerError:
    return NoAnswerError(f"{name} leads back to itself")
