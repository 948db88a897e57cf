"""Where things stand: both sites side by side, each asked in its own region, all at once and for a few seconds only."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from components.alerts.watch import WATCHDOG
from procedures import readings
from procedures.access import Access
from procedures.asking import Unanswered, ask
from procedures.verification import BACKUP_DUE
from recovery.naming import FALLBACK, WEB, site_host
from recovery.objectives import RPO_USER_DATA_SECONDS
from recovery.timeline import DatabaseRole
from stacks.config import SiteConfig

PATIENCE_SECONDS = 3.0
"""Real seconds after which a question that has no answer is given up. All are asked at once."""
PROOF_DUE = timedelta(hours=50)
"""The newest dump of yesterday is restored today."""
CERTIFICATE_DAYS = 30
"""ACM renews 60 days before the end. Source: AWS Certificate Manager User Guide, "Managed certificate renewal"."""
CHANGE_DUE_DAYS = 92
"""The plan's full drill, every quarter, changes the leader and changes it back."""


class State(enum.StrEnum):
    """The verdict on a reading."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    """It could not be read."""


@dataclass(frozen=True)
class Reading:
    """One fact."""

    text: str
    state: State


@dataclass(frozen=True)
class SiteStatus:
    """The facts about one site."""

    site: str
    region: str
    role: str
    timeline: tuple[str, ...]
    readings: Mapping[str, Reading]

    @property
    def is_reachable(self) -> bool:
        """Whether the region answered anything."""
        return any(self.readings[name].state is not State.UNKNOWN for name in OF_REGION)


@dataclass(frozen=True)
class Status:
    """The facts about the platform."""

    sites: tuple[SiteStatus, ...]
    leader: str
    """The database of the newest claim that any region knows; empty if none answers."""
    epoch: int
    names: Mapping[str, Reading]
    """Where the public names lead."""
    problems: tuple[str, ...]
    """The contradictions, and all that is not good."""

    @property
    def is_healthy(self) -> bool:
        """Whether every fact was read and is good."""
        return not self.problems


Answer = tuple[str, bool]
"""A fact, and whether it is good."""


def status(access: Access, configs: Sequence[SiteConfig], *, seconds: float = PATIENCE_SECONDS) -> Status:
    """Ask everything at once.

    Args:
        access: the account and the platform.
        configs: of all sites.
        seconds: the real seconds until an answer counts as missing.
    """
    claims: dict[str, readings.Records] = {}
    tasks: dict[tuple[str, str], Callable[[], Answer]] = {}
    for config in configs:
        for name, read in QUESTIONS.items():
            tasks[config.site, name] = lambda read=read, config=config: read(access, config)
        tasks[config.site, CLAIM] = lambda config=config: _claim(access, config, claims)
    for name in (WEB, "api", FALLBACK):
        tasks["", name] = lambda name=name: _leads(access, configs, name)
    found = _asked(tasks, seconds)
    sites = tuple(
        SiteStatus(
            config.site,
            config.region,
            f"{config.role}: {config.own_database}",
            tuple(map(str, config.history)),
            {name: found[config.site, name] for name in (CLAIM, *QUESTIONS)},
        )
        for config in configs
    )
    newest = max((entry.claim for entry in claims.values() if entry.claim), key=lambda claim: claim.epoch, default=None)
    names = {name: found["", name] for name in (WEB, "api", FALLBACK)}
    leader, epoch = (str(newest.database), newest.epoch) if newest else ("", 0)
    return Status(sites, leader, epoch, names, tuple(_problems(sites, names, leader)))


def _asked(tasks: Mapping[tuple[str, str], Callable[[], Answer]], seconds: float) -> dict[tuple[str, str], Reading]:
    return {key: _reading(answer) for key, answer in ask(tasks, seconds).items()}


def _reading(answer: Answer | Unanswered) -> Reading:
    if isinstance(answer, Unanswered):
        return Reading(answer.reason, State.UNKNOWN)
    text, is_good = answer
    return Reading(text, State.GOOD if is_good else State.BAD)


def _claim(access: Access, config: SiteConfig, claims: dict[str, readings.Records]) -> Answer:
    found = readings.records(access, config.ledger_region)
    claims[config.site] = found
    if found.claim is None:
        return "no epoch is claimed", False
    text = f"epoch {found.claim.epoch}: {found.claim.database}"
    if found.ready != found.claim:
        return f"{text}, not ready yet", False
    agrees = (found.claim.epoch, found.claim.database) == (len(config.history), config.history[-1])
    return (f"{text}, ready", True) if agrees else (f"{text}; the file ends with {config.history[-1]}", False)


def _database(access: Access, config: SiteConfig) -> Answer:
    found = readings.database(access, config)
    return found.status, found.status == "available"


def _age(access: Access, config: SiteConfig) -> Answer:
    if config.role is DatabaseRole.LEADER:
        return "it leads", True
    if config.role is not DatabaseRole.REPLICA:
        return f"{config.own_database} is {config.role} and must be reseeded", False
    seconds = readings.replica_age(access, config)
    if seconds is None or seconds < 0:  # -1: it does not replicate
        return "CloudWatch has no lag: it may not replicate", False
    return f"{seconds:.0f} s", seconds < RPO_USER_DATA_SECONDS


def _crisis(access: Access, config: SiteConfig) -> Answer:
    answer = access.web.send(site_host(config.site, config.domain), "GET", "/api/crisis/health")
    return str(answer.get("status")), answer.get("status") == "operational"


def _dump(access: Access, config: SiteConfig) -> Answer:
    return _old(access.now(), readings.backups(access, config).newest, BACKUP_DUE, config)


def _proof(access: Access, config: SiteConfig) -> Answer:
    return _old(access.now(), readings.backups(access, config).proved, PROOF_DUE, config)


def _old(now: datetime, moment: datetime | None, due: timedelta, config: SiteConfig) -> Answer:
    """The age of something that the site that leads makes."""
    is_due = config.role is DatabaseRole.LEADER
    if moment is None:
        return "none", not is_due
    hours = (now - moment).total_seconds() / 3600
    return f"{hours:.0f} h ago", not is_due or now - moment < due


def _certificate(access: Access, config: SiteConfig) -> Answer:
    days = (readings.certificates_until(access, config) - access.now()).days
    return f"{days} days left", days >= CERTIFICATE_DAYS


def _alarms(access: Access, config: SiteConfig) -> Answer:
    firing = sorted(str(alarm["AlarmName"]) for alarm in readings.alarms(access, config) if _fires(alarm))
    return ", ".join(firing) or "none fires", not firing


def _fires(alarm: Mapping[str, object]) -> bool:
    return alarm["StateValue"] == "ALARM"


def _alerts(access: Access, config: SiteConfig) -> Answer:
    """The alerts of the site's Prometheus, of which one always fires."""
    names = access.firing(config)
    if WATCHDOG not in names:
        return f"no {WATCHDOG}: the site's monitoring is dead, or cannot write its metrics", False
    firing = sorted(names - {WATCHDOG})
    return ", ".join(firing) or "none fires", not firing


def _changed(access: Access, config: SiteConfig) -> Answer:
    """The time since a recovery was last proved in earnest: the newest epoch began."""
    days = (access.now() - readings.ready_since(access, config)).days
    return f"{days} days ago", days <= CHANGE_DUE_DAYS


def _leads(access: Access, configs: Sequence[SiteConfig], label: str) -> Answer:
    """The sites to which a name leads."""
    domain = configs[0].domain
    there = access.addresses(f"{label}.{domain}")
    at = [config.site for config in configs if there & access.addresses(site_host(config.site, domain))]
    leading = configs[0].history[-1].site
    if not there:
        return "nowhere", False
    return ", ".join(at) or ", ".join(sorted(there)), label != WEB or at == [leading]


CLAIM = "ledger"
QUESTIONS: dict[str, Callable[[Access, SiteConfig], Answer]] = {
    "database": _database,
    "replica age": _age,
    "crisis services": _crisis,
    "newest dump": _dump,
    "newest proved dump": _proof,
    "certificate": _certificate,
    "alarms": _alarms,
    "alerts": _alerts,
    "last change of leader": _changed,
}
OF_REGION = (CLAIM, "database", "newest dump", "certificate", "alarms")
"""The facts that only the region itself knows."""


def _problems(sites: Sequence[SiteStatus], names: Mapping[str, Reading], leader: str) -> list[str]:
    found: list[str] = []
    if not leader:
        found.append("no region's ledger says who leads")
    if len({site.timeline for site in sites}) > 1:
        found.append("the timelines of the stack files differ: " + "; ".join(_timeline(site) for site in sites))
    for site in sites:
        if not site.is_reachable:
            found.append(f"{site.site}: {site.region} does not answer")
            continue
        found += [f"{site.site}: {name}: {entry.text}" for name, entry in site.readings.items() if _is_wrong(entry)]
    return found + [f"{name}: {entry.text}" for name, entry in names.items() if _is_wrong(entry)]


def _timeline(site: SiteStatus) -> str:
    return f"{site.site} has {', '.join(site.timeline)}"


def _is_wrong(reading: Reading) -> bool:
    return reading.state is not State.GOOD
