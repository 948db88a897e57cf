"""The judge of a rehearsal: a recorded history against the data that is left, by rules that know nothing else.

It imports only the history and shares no code with the program, the jobs or the offline world, so that no mistake in
them can hide itself from it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rehearsal.history import Kind, Stored, Write

EVIDENCE = 5
"""The most writes that are printed for a finding."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The promises about writes. In simulated seconds."""

    disaster: float
    """The moment from which ages are counted."""
    oldest: Mapping[Kind, float]
    """A lost write of a kind must be younger than this at the disaster, and all of them must lie in a shorter time.

    0 if none may be lost.
    """
    overlap: float
    """The longest for which two databases may acknowledge writes beside each other.

    0 if not even one write may be; infinite if the scenario promises no bound.
    """
    late: float
    """The longest for which writes that are lost may be acknowledged after another database had begun to lead.

    0 and infinite as above.
    """


@dataclass(frozen=True)
class Span:
    """Writes of the same fate, in the order of their answers."""

    writes: tuple[Write, ...] = ()

    @property
    def seconds(self) -> float:
        """From the first answer to the last one. Simulated seconds."""
        return self.writes[-1].ended - self.writes[0].ended if self.writes else 0.0

    def within(self, limit: float) -> bool:
        """Whether they last no longer than a limit. A limit of 0 allows none, because a single one lasts 0 s."""
        return not self.writes or 0 < limit >= self.seconds

    def __str__(self) -> str:
        return f"{len(self.writes)} over {self.seconds:.1f} s"


@dataclass(frozen=True)
class Finding:
    """One rule, whether it holds, and the shortest part of the history that shows that it does not."""

    rule: str
    holds: bool
    evidence: tuple[str, ...] = ()


def judge(writes: Sequence[Write], found: Mapping[Kind, Sequence[Stored]], limits: Limits) -> tuple[Finding, ...]:
    """Every rule about the writes of a rehearsal.

    Args:
        writes: the whole history, in the order of the answers.
        found: the items that are left where the platform leads now, as often as they are stored.
        limits: the promises.
    """
    missing = {kind: lost(writes, kind, found[kind]) for kind in Kind}
    both = overlap(writes)
    return (
        *(_sampled(kind, writes) for kind in Kind),
        *(_once(kind, found[kind], writes) for kind in Kind),
        *(_young(kind, missing[kind], limits) for kind in Kind),
        _alone(both, limits),
        _not_late(both, [write for span in missing.values() for write in span.writes], limits),
    )


def acknowledged(writes: Iterable[Write], kind: Kind) -> tuple[Write, ...]:
    """The first acknowledgement of each version of each key of a kind."""
    first: dict[tuple[str, int], Write] = {}
    for write in writes:
        if write.kind is kind and write.acknowledged:
            first.setdefault((write.key, write.version), write)
    return tuple(first.values())


def lost(writes: Iterable[Write], kind: Kind, found: Iterable[Stored]) -> Span:
    """The acknowledged writes of a kind that are not left, neither themselves nor a later version."""
    left: dict[str, int] = {}
    for item in found:
        left[item.key] = max(item.version, left.get(item.key, 0))
    return Span(tuple(write for write in acknowledged(writes, kind) if write.version > left.get(write.key, 0)))


def overlap(writes: Iterable[Write]) -> Span:
    """The writes that a database acknowledged after a later one had begun to."""
    known = [write for write in writes if write.acknowledged and write.place]
    began = _first_answers(known)
    return Span(tuple(write for write in known if _superseded(write, began)))


def _first_answers(writes: Iterable[Write]) -> dict[str, float]:
    """When each database acknowledged its first write."""
    began: dict[str, float] = {}
    for write in writes:
        began.setdefault(write.place, write.ended)
    return began


def _superseded(write: Write, began: Mapping[str, float]) -> bool:
    return any(began[write.place] < later < write.ended for later in began.values())


def _sampled(kind: Kind, writes: Sequence[Write]) -> Finding:
    """Without any acknowledged write, nothing can be lost, and nothing is shown."""
    count = len(acknowledged(writes, kind))
    refused = [write for write in writes if write.kind is kind]
    return Finding(f"{kind}s were acknowledged: {count}", count > 0, _lines(refused))


def _once(kind: Kind, found: Sequence[Stored], writes: Sequence[Write]) -> Finding:
    twice = {key for key, count in Counter(item.key for item in found).items() if count > 1}
    return Finding(
        f"{kind}s are stored twice: {len(twice)}", not twice, _lines(write for write in writes if write.key in twice)
    )


def _young(kind: Kind, missing: Span, limits: Limits) -> Finding:
    before = [write for write in missing.writes if write.ended <= limits.disaster]
    after = len(missing.writes) - len(before)
    limit = limits.oldest[kind]
    old = [write for write in missing.writes if not limit or limits.disaster - write.ended >= limit]
    too_many = missing.seconds >= limit > 0
    oldest = max((limits.disaster - write.ended for write in before), default=0.0)
    text = f"lost {kind}s: {len(before)} from before the disaster, at most {oldest:.1f} s old, and {after} after it"
    return Finding(f"{text}, {_limit(limit)}", not old and not too_many, _lines(old or missing.writes))


def _alone(both: Span, limits: Limits) -> Finding:
    text = f"two databases took writes at once: {both}, {_limit(limits.overlap)}"
    return Finding(text, both.within(limits.overlap), _lines(both.writes))


def _not_late(both: Span, missing: Iterable[Write], limits: Limits) -> Finding:
    gone = {(write.kind, write.key, write.version) for write in missing}
    late = Span(tuple(write for write in both.writes if (write.kind, write.key, write.version) in gone))
    text = f"rows are lost that a database acknowledged after another one had begun to lead: {late}"
    return Finding(f"{text}, {_limit(limits.late)}", late.within(limits.late), _lines(late.writes))


def _limit(seconds: float) -> str:
    return f"limit {seconds:.0f} s" if math.isfinite(seconds) else "no limit"


def _lines(writes: Iterable[Write]) -> tuple[str, ...]:
    """The first writes and the last one, a line each."""
    lines = [str(write) for write in writes]
    if len(lines) <= EVIDENCE:
        return tuple(lines)
    return (*lines[: EVIDENCE - 1], f"... and {len(lines) - EVIDENCE} more", lines[-1])
