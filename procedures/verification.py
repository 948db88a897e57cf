"""The plan's "Recovery Validation": the ten points of its checklist, and the calls to the crisis services."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from procedures import readings
from procedures.access import Access
from procedures.calls import HURTING, calls
from procedures.checks import Check, reason
from recovery.naming import WEB, site_host
from recovery.objectives import CRISIS_RESPONSE_SECONDS
from recovery.timeline import active_site
from stacks.config import SiteConfig

BACKUP_DUE = timedelta(hours=26)
"""A dump is made each day, and may take two hours."""


def verify(access: Access, leader: SiteConfig) -> tuple[Check, ...]:
    """Look at every point of the plan's checklist, from the outside and in the region of the site that leads.

    Args:
        access: the account and the platform.
        leader: the configuration of the site that leads.
    """
    return (*calls(access.web, leader.domain), *checklist(access, leader))


def checklist(access: Access, leader: SiteConfig) -> Iterator[Check]:
    """The points of the checklist that the plan's calls do not show."""
    yield _looked("every pod is ready", lambda: _pods(access, leader))
    yield _looked("the database is available", lambda: _database(access, leader))
    yield _looked(f"crisis detection answers within {CRISIS_RESPONSE_SECONDS} s", lambda: _in_time(access, leader))
    yield _looked("the certificates are valid", lambda: _certificates(access, leader))
    yield _looked("the alarms act", lambda: _alarms(access, leader))
    yield _looked("backups are made", lambda: _backups(access, leader))
    yield _looked("DNS sends web traffic to the leader", lambda: _traffic(access, leader))


def _looked(name: str, look: Callable[[], tuple[bool, str]]) -> Check:
    """The result of a look. One that fails, in whatever way, is a point that is not proved."""
    try:
        passed, detail = look()
    except Exception as error:  # noqa: BLE001 - the other points must be looked at
        return Check(name, passed=False, detail=reason(error))
    return Check(name, passed=passed, detail=detail)


def _pods(access: Access, leader: SiteConfig) -> tuple[bool, str]:
    workloads = access.workloads(leader)
    missing = [f"{entry.name}: {entry.ready} of {entry.wanted}" for entry in workloads if entry.ready < entry.wanted]
    return bool(workloads) and not missing, "; ".join(missing) or f"{len(workloads)} Deployments"


def _database(access: Access, leader: SiteConfig) -> tuple[bool, str]:
    found = readings.database(access, leader)
    return found.status == "available" and not found.source, f"{leader.own_database}: {found.status}"


def _in_time(access: Access, leader: SiteConfig) -> tuple[bool, str]:
    began = time.monotonic()
    access.web.send(f"api.{leader.domain}", "POST", "/api/crisis/detect", HURTING)
    seconds = time.monotonic() - began
    return seconds < CRISIS_RESPONSE_SECONDS, f"{seconds:.3f} s"


def _certificates(access: Access, leader: SiteConfig) -> tuple[bool, str]:
    until = readings.certificates_until(access, leader)
    return until > access.now(), f"until {until:%Y-%m-%d}"


def _alarms(access: Access, leader: SiteConfig) -> tuple[bool, str]:
    found = list(readings.alarms(access, leader))
    mute = [str(alarm["AlarmName"]) for alarm in found if not (alarm["ActionsEnabled"] and alarm["AlarmActions"])]
    return bool(found) and not mute, f"do nothing: {', '.join(mute)}" if mute else f"{len(found)} alarms"


def _backups(access: Access, leader: SiteConfig) -> tuple[bool, str]:
    """RDS makes its own, and a dump of the leader is as new as its schedule says, once the first one is due."""
    if not readings.database(access, leader).keeps_days:
        return False, f"RDS makes no backup of {leader.own_database}"
    newest, now = readings.backups(access, leader).newest, access.now()
    ready = readings.ready_since(access, leader)
    if newest is None and now - ready < BACKUP_DUE:
        return True, f"the first dump is due {ready + BACKUP_DUE:%Y-%m-%d %H:%M} UTC"
    if newest is None:
        return False, "there is no dump"
    return now - newest < BACKUP_DUE or now - ready < BACKUP_DUE, f"the newest dump is of {newest:%Y-%m-%d %H:%M} UTC"


def _traffic(access: Access, leader: SiteConfig) -> tuple[bool, str]:
    web = access.addresses(f"{WEB}.{leader.domain}")
    site = access.addresses(site_host(active_site(leader.history), leader.domain))
    return bool(web & site), f"{', '.join(sorted(web)) or 'nowhere'}"
