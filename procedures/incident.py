"""The facts about an incident: what the ledger, the states, the jobs' logs, the alarms and the metrics say about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from components.alerts.endpoints import PROBE_JOB
from operations.ledger_items import found
from procedures import readings
from procedures.access import Access
from procedures.asking import Unanswered, ask
from recovery.naming import (
    LEDGER_TABLE,
    PROJECT,
    claim_key,
    closing_key,
    handover_key,
    pod_log_group,
    ready_key,
    state_bucket,
)
from recovery.objectives import TIERS
from stacks.config import SiteConfig

STEP = timedelta(seconds=15)
"""The time between two probes."""
PODS = "platform"
STEPS_OF_JOBS = (
    "claimed",
    "not claimed",
    "refused",
    "may promote",
    "must not promote",
    "promotes although rows may be lost",
    "fenced",
    "closing noted",
    "lease is over",
    "drained",
    "writes resumed",
    "ready",
    "restore began",
    "restored",
    "events restored",
)
"""The lines of the jobs that tell of a recovery."""
PATIENCE_SECONDS = 30.0
_EPOCHS = 5
"""The epochs before the newest one that are looked at."""
PROBES = f'max by (tier) (probe_success{{job="{PROBE_JOB}"}})'

Samples = Mapping[str, Sequence[tuple[datetime, float]]]
"""Values over time, by tier."""
Metrics = Callable[[SiteConfig, str, datetime, datetime, timedelta], Samples]
"""Asks the workspace that keeps a site's metrics, which is in the other site's region."""


@dataclass(frozen=True, order=True)
class Event:
    """Something that happened."""

    at: datetime
    site: str
    text: str
    source: str


@dataclass(frozen=True)
class Outage:
    """The longest time without an answer of a tier, as one site's probes saw it."""

    tier: str
    seen_from: str
    began: datetime
    seconds: float


@dataclass(frozen=True)
class Incident:
    """The facts that are known about an incident."""

    since: datetime
    until: datetime
    leader: str
    epoch: int
    events: tuple[Event, ...]
    outages: tuple[Outage, ...]
    lags: Mapping[str, float]
    """The oldest age of each site's replica, in seconds."""
    unread: tuple[str, ...]
    """The sources that did not answer, with the reason."""


def incident(
    access: Access,
    configs: Sequence[SiteConfig],
    metrics: Metrics,
    since: datetime,
    until: datetime,
    *,
    seconds: float = PATIENCE_SECONDS,
) -> Incident:
    """Ask every source at once. One that does not answer is named.

    Args:
        access: the account.
        configs: of all sites.
        metrics: asks the metrics.
        since: the beginning of the time that is looked at.
        until: its end.
        seconds: the real seconds until an answer counts as missing.
    """
    questions: dict[tuple[str, str], Callable[[], Any]] = {}
    for config in configs:
        for name, read in _SOURCES.items():
            questions[config.site, name] = lambda read=read, config=config: list(read(access, config, since, until))
        questions[config.site, "claim"] = lambda config=config: readings.records(access, config.ledger_region).claim
        questions[config.site, "probes"] = lambda config=config: metrics(config, PROBES, since, until, STEP)
        questions[config.site, "lag"] = lambda config=config: readings.oldest_replica(access, config, since, until)
    answers = ask(questions, seconds)
    known = {key: answer for key, answer in answers.items() if not isinstance(answer, Unanswered)}
    claims = [claim for (_, name), claim in known.items() if name == "claim" and claim is not None]
    newest = max(claims, key=lambda claim: claim.epoch, default=None)
    events = {event for (_, name), found in known.items() if name in _SOURCES for event in found}
    return Incident(
        since,
        until,
        str(newest.database) if newest else "",
        newest.epoch if newest else 0,
        tuple(sorted(events)),
        tuple(
            outage for (site, name), samples in known.items() if name == "probes" for outage in outages(site, samples)
        ),
        {site: lag for (site, name), lag in known.items() if name == "lag" and lag is not None},
        tuple(f"{site}: {name}: {text}" for (site, name), text in _unread(answers)),
    )


def _unread(answers: Mapping[tuple[str, str], Any]) -> Iterator[tuple[tuple[str, str], str]]:
    for key, answer in answers.items():
        if isinstance(answer, Unanswered):
            yield key, answer.reason


def outages(site: str, samples: Samples) -> Iterator[Outage]:
    """The longest outage of each tier that had one: from a failed probe to the next that succeeds. No gap is seen."""
    for tier in TIERS:
        longest: Outage | None = None
        began: datetime | None = None
        values = samples.get(tier.name, ())
        for at, value in values:
            if value < 1:
                began = began or at
                continue
            if began is not None:
                longest = _longer(longest, Outage(tier.name, site, began, (at - began).total_seconds()))
            began = None
        if began is not None:
            longest = _longer(longest, Outage(tier.name, site, began, (values[-1][0] - began).total_seconds()))
        if longest is not None:
            yield longest


def _longer(one: Outage | None, other: Outage) -> Outage:
    return other if one is None or other.seconds > one.seconds else one


def _ledger(access: Access, config: SiteConfig, since: datetime, until: datetime) -> Iterator[Event]:
    """The records of the epochs around the newest one. A claim has no time of its own."""
    dynamodb = access.client("dynamodb", config.ledger_region)
    newest = readings.records(access, config.ledger_region).claim
    last = newest.epoch if newest else 0
    epochs = range(max(1, last - _EPOCHS), last + 1)
    keys = {
        key(epoch): (words, epoch)
        for epoch in epochs
        for key, words in (
            (handover_key, "drained"),
            (closing_key, "closed: it takes no writes"),
            (ready_key, "ready: it takes writes, and the traffic follows"),
        )
    }
    claims = [claim_key(epoch) for epoch in epochs]
    items = found(dynamodb, LEDGER_TABLE, [*keys, *claims])
    for key, (words, epoch) in keys.items():
        if (item := items.get(key)) is None or (at := _time_of(item)) is None or not since <= at <= until:
            continue
        database = item.get("database") or items.get(claim_key(epoch), {}).get("database") or {"S": "?"}
        yield Event(at, str(database["S"]).rpartition("-")[0], f"epoch {epoch}, {database['S']} {words}", "ledger")


def _time_of(item: Mapping[str, Any]) -> datetime | None:
    for name in ("drainedAt", "closedAt", "readyAt"):
        if name in item:
            return datetime.fromisoformat(str(item[name]["S"]))
    return None


def _updates(access: Access, config: SiteConfig, since: datetime, until: datetime) -> Iterator[Event]:
    """The runs of Pulumi.

    Source: pulumi/pulumi, `pkg/backend/diy/state.go`, `addToHistory`: the keys; `sdk/go/common/apitype/history.go`,
    `UpdateInfo`: times are in seconds since 1970.
    """
    s3 = access.client("s3", config.region)
    bucket = state_bucket(config.site, account=config.account)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f".pulumi/history/{PROJECT}/{config.site}/"
    )
    for page in pages:
        for entry in page.get("Contents", ()):
            if not str(entry["Key"]).endswith(".history.json") or entry["LastModified"] < since:
                continue
            run = json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
            began, ended = (datetime.fromtimestamp(run[name], tz=since.tzinfo) for name in ("startTime", "endTime"))
            if since <= began <= until:
                changes = ", ".join(f"{count} {op}" for op, count in sorted((run.get("resourceChanges") or {}).items()))
                took = f"{(ended - began).total_seconds():.0f} s"
                text = f"pulumi {run['kind']} {run['result']} after {took}: {changes or 'nothing changed'}"
                yield Event(began, config.site, text, "history of the state")


def _jobs(access: Access, config: SiteConfig, since: datetime, until: datetime) -> Iterator[Event]:
    """The lines of the jobs that tell of the recovery. They have no message of a person."""
    logs = access.client("logs", config.region)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=pod_log_group(config.site, PODS),
        startTime=int(since.timestamp() * 1000),
        endTime=int(until.timestamp() * 1000),
        filterPattern=" ".join(f'?"{step}"' for step in STEPS_OF_JOBS),
    )
    for page in pages:
        for entry in page["events"]:
            at = datetime.fromtimestamp(entry["timestamp"] / 1000, tz=since.tzinfo)
            if text := _told(str(entry["message"])):
                yield Event(at, config.site, text, "logs of the jobs")


def _told(message: str) -> str:
    """The step that a line of a job tells, with its epoch; empty if it is another line."""
    begins = message.find('{"at"')
    try:
        line, _ = json.JSONDecoder().raw_decode(message[begins:] if begins >= 0 else "")
    except ValueError:
        return ""
    if line.get("step") not in STEPS_OF_JOBS:
        return ""
    return str(line["step"]) + (f", epoch {line['epoch']}" if "epoch" in line else "")


def _alarms(access: Access, config: SiteConfig, since: datetime, until: datetime) -> Iterator[Event]:
    """The changes of the alarms of CloudWatch."""
    pages = (
        access.client("cloudwatch", config.region)
        .get_paginator("describe_alarm_history")
        .paginate(HistoryItemType="StateUpdate", StartDate=since, EndDate=until)
    )
    for page in pages:
        for item in page["AlarmHistoryItems"]:
            yield Event(item["Timestamp"], config.site, f"{item['AlarmName']}: {item['HistorySummary']}", "alarms")


_SOURCES: Mapping[str, Callable[[Access, SiteConfig, datetime, datetime], Iterator[Event]]] = {
    "ledger": _ledger,
    "history of the state": _updates,
    "logs of the jobs": _jobs,
    "alarms": _alarms,
}
