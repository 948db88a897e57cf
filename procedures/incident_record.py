"""The record of an incident as Markdown: the facts are filled in, and what a person has to write is marked."""

from __future__ import annotations

from collections.abc import Iterator

from procedures.incident import Incident
from recovery.objectives import RPO_USER_DATA_SECONDS, TIERS

WRITE = "**TO WRITE:**"
"""Marks what a person has to write."""
REVIEW = (
    ("Timeline analysis", "correct the table above, and add what people did and said"),
    ("Root cause analysis", "the cause, and what contributed to it"),
    ("Response evaluation", "each step beside those of the page; each wait, and what it was for"),
    ("Data impact assessment", "the counts of `lifeline reconcile`: rows listed, entered and given up"),
    ("Clinical impact review", "the count `missed` of the crisis review; what the clinical director decided"),
    ("Improvement plan", "each action with an owner and a date"),
)
"""The plan's 24-hour review."""


def record(incident: Incident) -> str:
    """The record. It has times, counts and keys, and no word of a person who asked for help."""
    return "\n".join(_lines(incident)) + "\n"


def _lines(incident: Incident) -> Iterator[str]:
    yield f"# Incident of {incident.since:%Y-%m-%d}"
    yield ""
    yield f"From {incident.since:%Y-%m-%d %H:%M} to {incident.until:%Y-%m-%d %H:%M} UTC."
    yield f"{incident.leader} leads epoch {incident.epoch} now." if incident.leader else "No ledger said who leads now."
    yield ""
    yield f"{WRITE} in two sentences, what happened and who was affected."
    yield from ("", "## Timeline", "")
    yield from _table(
        ("time (UTC)", "site", "event", "source"),
        ((f"{event.at:%m-%d %H:%M:%S}", event.site, event.text, event.source) for event in incident.events),
    )
    yield from ("", "## Outage by tier", "")
    yield from _outages(incident)
    yield from (
        "",
        "## Loss",
        "",
        "Crisis events: none that was acknowledged. The ledger writes to both regions first.",
    )
    lags = ", ".join(f"{seconds:.0f} s at {site}" for site, seconds in incident.lags.items())
    yield f"User data: the replica was at most {lags or 'an unknown time'} old; {RPO_USER_DATA_SECONDS} s are promised."
    yield f"{WRITE} the rows that `lifeline reconcile` listed, or that nothing was lost."
    yield from ("", "## Decisions", "")
    yield f"{WRITE} each decision: who made it, when, and why. The edits are in the history of the stack files."
    yield from ("", "## 24-hour review", "")
    for name, words in REVIEW:
        yield f"- [ ] {name}. {WRITE} {words}."
    yield from ("", "## Text for the status page", "", _for_users(incident), "")
    yield f"{WRITE} the clinical director reads it before it is published."
    yield from ("", "## Not read", "")
    yield from ([f"- {text}" for text in incident.unread] or ["Every source answered."])


def _outages(incident: Incident) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for tier in TIERS:
        seen = [outage for outage in incident.outages if outage.tier == tier.name]
        worst = max(seen, key=lambda outage: outage.seconds, default=None)
        if worst is None:
            rows.append((tier.title, f"{tier.rto_seconds} s", "none measured", ""))
            continue
        kept = "kept" if worst.seconds <= tier.rto_seconds else "**broken**"
        text = f"{worst.seconds:.0f} s from {worst.began:%H:%M:%S}, seen from {worst.seen_from}"
        rows.append((tier.title, f"{tier.rto_seconds} s", text, kept))
    yield from _table(("tier", "promise", "longest outage", "verdict"), rows)


def _for_users(incident: Incident) -> str:
    began = min((outage.began for outage in incident.outages), default=incident.since)
    return (
        f"> On {began:%Y-%m-%d} at {began:%H:%M} UTC, parts of our service did not answer. All systems work again."
        " If you are in a crisis, call or text 988, or call 911. If you wrote something in that time and do not find"
        " it, please enter it again, or call us."
    )


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - whether there is one
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
    if not count:
        yield f"| nothing was found |{' |' * (len(header) - 1)}"
