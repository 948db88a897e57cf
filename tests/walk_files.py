"""The files of the random walk's stacks, and the edits of the runbooks in them."""

from __future__ import annotations

import copy
from typing import Any

from recovery import timeline as rules
from recovery.timeline import DatabaseId
from tests.adopted import PAGE
from tests.walk_model import Cloud
from tests.walk_sites import FILES, FIRST, REGIONS, SEATS, Site


def globals_of(site: Site) -> dict[str, Any]:
    """The lines of a file that say what the state has of the global resources."""
    first = site.name == FIRST["east"]
    stage = "own" if site.owns else "left" if first else "use"
    own = site.adopted if site.owns else None
    zone_id = None if site.owns and site.adopted is None else ZONE
    return {"globals": stage, "zoneId": zone_id, "adopted": own, "ledger": LEDGER}


def adopted(site: Site) -> dict[str, Any]:
    """The page and the passwords, as a stack in a region finds them."""
    arn = f"arn:aws:secretsmanager:{site.region}:123456789012:secret:lifeline/database/"
    return PAGE | {
        key: {"secretArn": f"{arn}{name}-AbCdEf", "versionId": "11111111-2222-3333-4444-555555555555", "number": 1}
        for key, name in (("ownerPassword", "password"), ("applicationPassword", "application"))
    }


def file_after_loss(seat: str, names: tuple[str, str], cloud: Cloud, last: dict[str, Any]) -> dict[str, Any]:
    """The file of the first new site after both regions were lost: docs/runbooks/both-regions-lost.md, step 2.

    Args:
        seat: its region.
        names: its name, and that of the second new site.
        cloud: the cloud, which has lost everything.
        last: the file with which the newest epoch was claimed.
    """
    file, name = copy.deepcopy(FILES[seat]), names[0]
    (other,) = {*SEATS} - {seat}
    epoch = len(last["lifeline:timeline"]) + 1
    bucket = f"lifeline-123456789012-{sorted(cloud.gone)[-1]}-ledger-copy"
    return file | {
        "lifeline:globals": "adopt",
        "lifeline:zoneId": ZONE,
        "lifeline:adopted": PAGE | {"ledger": "lost"},
        "lifeline:timeline": [*last["lifeline:timeline"], f"{name}-{epoch}"],
        "lifeline:discards": last.get("lifeline:discards", []),
        "lifeline:switchover": {"drain": epoch},
        "lifeline:lostSites": {**cloud.gone},
        "lifeline:primaryRecord": name,
        "lifeline:peer": {"site": names[1], "region": REGIONS[other], "cidr": network_of(names[1])},
        "lifeline:network": {**file["lifeline:network"], "cidr": network_of(name)},
        "lifeline:database": {
            **file["lifeline:database"],
            "seeded": epoch,
            "restores": [{"epoch": epoch, "empty": True}],
        },
        "lifeline:ledger": {**LEDGER, "restores": [{"bucket": bucket, "region": REGIONS[other]}]},
    }


def network_of(name: str) -> str:
    """The network of the site with a number in its name."""
    return f"10.{30 + int(name.removeprefix('site'))}.0.0/16"


def file_of(seat: str, name: str, peer: Site, **changes: Any) -> dict[str, Any]:
    """The file of a new site in a region, beside its peer: docs/runbooks/rebuild-region.md, step 4."""
    file, timeline = copy.deepcopy(FILES[seat]), list(peer.file["lifeline:timeline"])
    return file | {
        "lifeline:globals": "use",
        "lifeline:zoneId": ZONE,
        "lifeline:timeline": timeline,
        "lifeline:discards": peer.file.get("lifeline:discards", []),
        "lifeline:peer": peer_line(peer),
        "lifeline:ledger": LEDGER,
        "lifeline:lostSites": peer.file["lifeline:lostSites"],
        "lifeline:primaryRecord": name,
        "lifeline:network": {**file["lifeline:network"], "cidr": network_of(name)},
        "lifeline:database": {**file["lifeline:database"], "seeded": len(timeline)},
        **{f"lifeline:{key}": value for key, value in changes.items()},
    }


def elsewhere(file: dict[str, Any]) -> dict[str, Any]:
    """The same site in a region without a copy of the ledger: docs/runbooks/rebuild-elsewhere.md, step 6."""
    network = {**file["lifeline:network"], "zones": [f"{ELSEWHERE}{zone}" for zone in "abd"]}
    return file | {"aws:region": ELSEWHERE, "lifeline:network": network}


def next_copies(site: Site) -> dict[str, Any]:
    """The next generation of a site's copies."""
    return {"generation": generation_of(site) + 1}


def peer_line(peer: Site) -> dict[str, Any]:
    cidr = peer.file["lifeline:network"]["cidr"]
    return {"site": peer.name, "region": peer.region, "cidr": cidr, "copies": generation_of(peer)}


ELSEWHERE = "ca-central-1"
LEDGER: dict[str, Any] = {"witness": "us-east-1", "regions": sorted(REGIONS.values())}
ZONE = "Z0000000000EXAMPLE"


def timeline_of(site: Site) -> list[str]:
    return list(site.file["lifeline:timeline"])


def emergency_of(site: Site) -> dict[str, Any]:
    return dict(site.file.get("lifeline:emergency", {}))


def seeded_in(site: Site) -> int:
    return int(site.file["lifeline:database"]["seeded"])


def with_restore(site: Site, restore: dict[str, Any]) -> dict[str, Any]:
    """The database section with one more restore, of the epoch that begins with it."""
    earlier = site.file["lifeline:database"].get("restores", ())
    return seeded_at(site, restore["epoch"], restores=[*earlier, restore])


def seeded_at(site: Site, epoch: int, **changes: Any) -> dict[str, Any]:
    """The database section with another own database. A replica that never led is kept by name."""
    timeline = timeline_of(site)
    kept = [entry.epoch for entry in site.databases if str(entry) not in timeline and entry.epoch != epoch]
    return database_of(site, seeded=epoch, kept=sorted(kept), **changes)


def database_of(site: Site, **changes: Any) -> dict[str, Any]:
    return {**site.file["lifeline:database"], **changes}


def restores_of(site: Site, history: list[DatabaseId]) -> list[dict[str, Any]]:
    """The backups that a site's databases began with, from its file and from version control."""
    claimed = [site.cloud.files[epoch] for epoch, entry in site.cloud.claims.items() if entry.site == site.name]
    known = {
        restore["epoch"]: restore
        for file in (*site.earlier, *claimed, site.file)
        for restore in file["lifeline:database"].get("restores", ())
    }
    born = [entry for entry in history if entry.site == site.name and rules.is_born_leader(entry, history)]
    return [known[entry.epoch] for entry in dict.fromkeys(born) if entry.epoch in known]


def repaired(
    site: Site, other: Site, newest: dict[str, Any], history: list[DatabaseId], retired: list[int]
) -> dict[str, Any]:
    """The lines that bring a site's file up to date."""
    led = [entry for entry in history if entry.site == site.name]
    seeded = max((entry.epoch for entry in site.databases), default=seeded_in(site))
    if site.name == history[-1].site:
        seeded = history[-1].epoch
    elif led and seeded < led[-1].epoch:
        seeded = led[-1].epoch
    kept = sorted(entry.epoch for entry in site.databases if entry not in history and entry.epoch != seeded)
    restores = restores_of(site, history)
    own = database_of(site, seeded=seeded, kept=kept, retired=retired, unprotected=[], restores=restores)
    lines: dict[str, Any] = {
        "timeline": newest["lifeline:timeline"],
        "discards": newest.get("lifeline:discards", []),
        "switchover": {},
        "lostSites": {**site.cloud.gone},
        "emergency": {},
        "database": own,
        **globals_of(site),
    }
    if site.cloud.gone:
        names = (site.name, other.name)
        lines |= {"peer": peer_line(other), "primaryRecord": max(names), "copies": {"generation": generation_of(site)}}
    return {f"lifeline:{key}": value for key, value in lines.items()}


def generation_of(site: Site) -> int:
    """The generation of a site's copies."""
    return site.copies[0] if site.copies else 1


def newest_timeline(
    sites: list[Site], cloud: Cloud, retired: set[DatabaseId]
) -> tuple[dict[str, Any], list[DatabaseId]]:
    """The file with the newest timeline, as an engineer finds it who looks at all files, and its entries.

    A site may know of an epoch that was not claimed yet: its claimant's run failed. Then that run is repeated.
    """
    possible = [file for site in sites for file in site.earlier if _is_possible(file, cloud)]
    known = [cloud.files[max(cloud.claims)], *possible]
    newest = max(known, key=lambda file: len(file["lifeline:timeline"]))
    history = [DatabaseId.parse(entry) for entry in newest["lifeline:timeline"]]
    if not _is_possible(newest, cloud):
        # Another database has an epoch in the middle. The ledger decides: docs/runbooks/failover.md, "Interrupted".
        history = [cloud.claims.get(epoch, entry) for epoch, entry in enumerate(history, 1)]
        newest = _with_history(newest, history)
    if history[-1] not in retired - cloud.databases.keys():
        return newest, history
    # An outdated file let a deleted database take the lead: docs/runbooks/retire.md, under "Roll back".
    back = next(entry for entry in reversed(history) if entry.site != history[-1].site)
    history = [*history, back]
    return _with_history(newest, history), history


def _with_history(file: dict[str, Any], history: list[DatabaseId]) -> dict[str, Any]:
    """A file with another timeline, and everything discarded that it leaves behind."""
    left = {epoch for index in range(len(history)) for epoch in rules.discarded_epochs(index, history)}
    discards = sorted({*file.get("lifeline:discards", ()), *left})
    return {**file, "lifeline:timeline": [str(entry) for entry in history], "lifeline:discards": discards}


def _is_possible(file: dict[str, Any], cloud: Cloud) -> bool:
    """Whether the ledger contradicts no entry of a file's timeline."""
    entries = enumerate(file["lifeline:timeline"], 1)
    return all(str(cloud.claims.get(epoch, entry)) == entry for epoch, entry in entries)
