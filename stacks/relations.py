"""Contradictions between the values of one configuration: peers, zones, sizes and clusters."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from components.addons import AFTER_NODES, BEFORE_NODES
from components.node_autoscaler import VERSIONS
from recovery import naming, objectives
from stacks.problems import Problem
from stacks.timeline_relations import left_bucket_problems, timeline_problems

if TYPE_CHECKING:
    from stacks.config import SiteConfig
    from stacks.global_sections import AdoptedConfig

LEDGER_REGION_SETS: tuple[frozenset[str], ...] = (
    frozenset({"us-east-1", "us-east-2", "us-west-2"}),
    frozenset({"eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"}),
    frozenset({"ap-northeast-1", "ap-northeast-2", "ap-northeast-3"}),
)
"""The regions of a table with multi-Region strong consistency: all three belong to one of these sets.

Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work", multi-Region strong consistency.
"""

AVAILABILITY_ZONES = 3
ADDON_NAMES = {addon.name for addon in (*BEFORE_NODES, *AFTER_NODES)}


def relation_problems(site: SiteConfig) -> Iterator[Problem]:
    """The contradictions between values of a configuration whose values are each allowed."""
    yield from _peer_problems(site)
    yield from _ledger_region_problems(site)
    yield from _lost_site_problems(site)
    yield from _bootstrap_problems(site)
    yield from _zone_problems(site)
    yield from _adoption_problems(site)
    yield from _ledger_restore_problems(site)
    yield from _size_problems(site)
    yield from _cluster_problems(site)
    yield from timeline_problems(site)


def _bootstrap_problems(site: SiteConfig) -> Iterator[Problem]:
    began = {1, *(restore.epoch for restore in site.database.restores if restore.empty)}
    led = [epoch for epoch, entry in enumerate(site.timeline, 1) if entry.rpartition("-")[0] == site.site]
    if site.bootstrap and led and (len(led) > 1 or led[0] not in began or led[0] < len(site.timeline)):
        hint = "remove the line: with it, everything but the registry and the zone would be deleted"
        yield Problem("lifeline:bootstrap", "is true, but this site has led before", hint)


def _peer_problems(site: SiteConfig) -> Iterator[Problem]:
    if site.peer.site == site.site:
        yield Problem("lifeline:peer.site", f"names this site itself, {site.site}", "name the other site")
    if site.peer.region == site.region:
        hint = "name another region: one region's loss must not take both sites"
        yield Problem("lifeline:peer.region", f"is {site.region}, the site's own region", hint)
    if ipaddress.IPv4Network(site.network.cidr).overlaps(ipaddress.IPv4Network(site.peer.cidr)):
        hint = "choose ranges that do not overlap: networks that overlap can never be connected"
        yield Problem("lifeline:peer.cidr", f"is {site.peer.cidr}, which overlaps {site.network.cidr}", hint)


def _ledger_region_problems(site: SiteConfig) -> Iterator[Problem]:
    copies = site.ledger_regions
    ledger = (*copies, site.ledger.witness)
    if len(set(ledger)) < 3 or not any(allowed.issuperset(ledger) for allowed in LEDGER_REGION_SETS):
        sets = "; ".join(", ".join(sorted(allowed)) for allowed in LEDGER_REGION_SETS)
        yield Problem(
            "lifeline:ledger.witness",
            f"is {site.ledger.witness}: the ledger would be in {', '.join(ledger)}",
            f"strong consistency needs three regions of one set: {sets}",
        )
    if site.region not in copies and site.peer.region not in copies:
        hint = f"one site is in {' or '.join(copies)}: the other one uses the copy there"
        yield Problem("lifeline:ledger.regions", f"are {', '.join(copies)}, where neither site is", hint)
    elif site.region not in copies and site.owns_globals:
        hint = f"let {site.peer.site} own the global resources: the owner of the ledger has a copy of it"
        yield Problem("lifeline:globals", f"is {site.globals}, but {site.region} has no copy of the ledger", hint)


def _lost_site_problems(site: SiteConfig) -> Iterator[Problem]:
    here = (site.site, site.peer.site)
    for name in sorted({*here} & site.lost_sites.keys()):
        hint = "a site that is built again has a new name: everything that the lost one left keeps the old one"
        yield Problem(f"lifeline:lostSites.{name}", f"is {'this site' if name == site.site else 'the peer'}", hint)
    entries = site.timeline or ("",)
    first, last = (entry.rpartition("-")[0] for entry in (entries[0], entries[-1]))
    if last in site.lost_sites:
        hint = "fail over first: append a database of this site to lifeline:timeline"
        yield Problem(f"lifeline:lostSites.{last}", f"leads epoch {len(site.timeline)}", hint)
    expected = f"expected {here[0]} or {here[1]}"
    if site.primary_record is not None and site.primary_record not in here:
        yield Problem("lifeline:primaryRecord", f"is {site.primary_record}", expected)
    elif site.primary_record is None and first in site.lost_sites:
        yield Problem("lifeline:primaryRecord", f"is missing, and {first}, which led first, is lost", expected)


def _ledger_restore_problems(site: SiteConfig) -> Iterator[Problem]:
    for index, restore in enumerate(site.ledger.restores):
        path = f"lifeline:ledger.restores[{index}]"
        if (restore.bucket is None) is (restore.table is None):
            both = "both a bucket and" if restore.bucket else "neither a bucket nor"
            yield Problem(path, f"names {both} a table", "name one of them")
        elif restore.bucket is not None:
            yield from left_bucket_problems(site, path, restore.bucket, naming.ledger_bucket)
        elif restore.table == naming.LEDGER_TABLE:
            hint = "restore the backup of the deleted table under another name"
            yield Problem(f"{path}.table", f"is {restore.table}, the ledger itself", hint)
        if site.adopted is None or site.adopted.ledger != "lost":
            yield Problem(path, "is set, and no ledger is lost", "remove it: the ledger has every event")


def _zone_problems(site: SiteConfig) -> Iterator[Problem]:
    if len(set(site.network.zones)) < AVAILABILITY_ZONES:
        yield Problem("lifeline:network.zones", f"is {list(site.network.zones)}, expected three different zones")
    for index, zone in enumerate(site.network.zones):
        if re.fullmatch(re.escape(site.region) + "[a-z]", zone) is None:
            yield Problem(f"lifeline:network.zones[{index}]", f"names zone '{zone}', expected a zone of {site.region}")


def _adoption_problems(site: SiteConfig) -> Iterator[Problem]:
    if site.globals not in ("own", "release") and site.zone_id is None:
        hint = "copy the output zoneId of the stack that has lifeline:globals: own"
        yield Problem("lifeline:zoneId", f"is missing, and lifeline:globals is '{site.globals}'", hint)
    if site.globals in ("own", "release") and site.zone_id is not None and site.adopted is None:
        hint = "remove the line: this stack owns the zone"
        yield Problem("lifeline:zoneId", f"is set, and lifeline:globals is '{site.globals}'", hint)
    if site.globals == "adopt" and site.adopted is None:
        hint = "name the secrets and their versions (docs/runbooks/adopt.md)"
        yield Problem("lifeline:adopted", "is missing, and lifeline:globals is 'adopt'", hint)
    if site.adopted is None:
        return
    if not site.owns_globals:
        hint = "remove the lines: another stack owns what they name"
        yield Problem("lifeline:adopted", f"is set, and lifeline:globals is '{site.globals}'", hint)
    yield from _adopted_password_problems(site, site.adopted)


def _adopted_password_problems(site: SiteConfig, adopted: AdoptedConfig) -> Iterator[Problem]:
    own = f"arn:aws:secretsmanager:{site.region}:{site.account}:"
    if (adopted.owner_password is None) is not (adopted.application_password is None):
        missing = "ownerPassword" if adopted.owner_password is None else "applicationPassword"
        hint = "name both secrets; or none, if both are lost"
        yield Problem(f"lifeline:adopted.{missing}", "is missing", hint)
    for key, password, number in (
        ("ownerPassword", adopted.owner_password, site.database.owner_password),
        ("applicationPassword", adopted.application_password, site.database.application_password),
    ):
        if password is None:
            continue
        if not password.secret_arn.startswith(own):
            hint = "name the secret of the site's own region: make a replica a secret of its own first"
            message = f"is {password.secret_arn}, expected {own}..."
            yield Problem(f"lifeline:adopted.{key}.secretArn", message, hint)
        if number < password.number:
            hint = f"set it to {password.number}, or to the next number to make another password"
            yield Problem(
                f"lifeline:database.{key}", f"is {number}, and the adopted password is {password.number}", hint
            )


def _cluster_problems(site: SiteConfig) -> Iterator[Problem]:
    cluster, path = site.cluster, "lifeline:cluster"
    listed = ", ".join(map(str, cluster.generations))
    if len(set(cluster.generations)) < len(cluster.generations):
        yield Problem(f"{path}.generations", f"is [{listed}]", "name each generation once")
    if cluster.serving is None and len(cluster.generations) > 1:
        hint = "name the generation that has the workloads now, or the one that they are to move to"
        yield Problem(f"{path}.serving", f"is missing, and lifeline:cluster.generations is [{listed}]", hint)
    elif cluster.serving is not None and cluster.serving not in cluster.generations:
        yield Problem(f"{path}.serving", f"is {cluster.serving}, expected one of generations: {listed}")
    for index, number in enumerate(cluster.unreachable):
        if number == cluster.serving_generation or number not in cluster.generations:
            hint = "it names clusters that no longer serve, until they are taken out of generations"
            yield Problem(f"{path}.unreachable[{index}]", f"is {number}", hint)
    yield from _version_problems(site)
    if cluster.since is not None and cluster.since > len(site.timeline):
        yield Problem(f"{path}.since", f"is {cluster.since}, when the timeline has {len(site.timeline)} epochs")
    if cluster.since is None and cluster.serving_generation > 1:
        hint = f"set it to {len(site.timeline)}: the Jobs of these epochs ran in an earlier cluster"
        yield Problem(f"{path}.since", f"is missing, and generation {cluster.serving_generation} serves", hint)


def _version_problems(site: SiteConfig) -> Iterator[Problem]:
    cluster, path = site.cluster, "lifeline:cluster"
    if cluster.version not in VERSIONS:
        hint = "add its autoscaler of nodes to components/node_autoscaler.py first (docs/runbooks/upgrade.md)"
        yield Problem(f"{path}.version", f"is {cluster.version}, expected {' or '.join(VERSIONS)}", hint)
    for name in sorted(cluster.addon_versions.keys() - ADDON_NAMES):
        yield Problem(f"{path}.addonVersions", f"names {name}", f"expected one of {', '.join(sorted(ADDON_NAMES))}")
    release = cluster.nodes.release_version
    if release is not None and not release.startswith(f"{cluster.version}."):
        hint = "nodes have the version of the control plane: name a release of it"
        yield Problem(
            f"{path}.nodes.releaseVersion", f"is {release}, and lifeline:cluster.version is {cluster.version}", hint
        )


def _size_problems(site: SiteConfig) -> Iterator[Problem]:
    if site.cluster.nodes.minimum > site.cluster.nodes.maximum:
        yield Problem("lifeline:cluster.nodes.minimum", "is larger than lifeline:cluster.nodes.maximum")
    if site.database.storage_gib > site.database.max_storage_gib:
        yield Problem("lifeline:database.storageGib", "is larger than lifeline:database.maxStorageGib")
    yield from _retention_problems(site)
    vault = site.backups.other_account_vault_arn
    if vault is not None and f":{site.region}:" not in vault:
        hint = f"name a vault in {site.region}: RDS is not copied to another region and another account in one step"
        yield Problem("lifeline:backups.otherAccountVaultArn", f"is {vault}, not in {site.region}", hint)
    if vault is not None and f":{site.account}:" in vault:
        hint = "a copy in the same account is lost with it"
        yield Problem("lifeline:backups.otherAccountVaultArn", f"is {vault}, in the site's own account", hint)
    if site.backups.scratch_gib < site.database.storage_gib:
        hint = "the daily check restores the whole database onto this disk"
        yield Problem("lifeline:backups.scratchGib", "is smaller than lifeline:database.storageGib", hint)
    active, standby = (
        cast("dict[str, int]", size.model_dump(by_alias=True)) for size in (site.capacity.active, site.capacity.standby)
    )
    for name in active:
        if standby[name] > active[name]:
            hint = "a flip may only add pods: set at most the active number"
            yield Problem(
                f"lifeline:capacity.standby.{name}", f"is {standby[name]}, more than {active[name]} when active", hint
            )


def _retention_problems(site: SiteConfig) -> Iterator[Problem]:
    days = cast("dict[str, int]", site.backups.keep_days.model_dump(by_alias=True))
    for data, retention in objectives.RETENTIONS.items():
        if days[data] < retention.minimum_days:
            hint = f"keep it for at least {retention.minimum_days} days: {retention.reason}"
            yield Problem(f"lifeline:backups.keepDays.{data}", f"is {days[data]}", hint)
    if days["configuration"] < days["userData"]:
        hint = "the bucket locks every object for keepDays.userData: set configuration to at least that"
        message = f"is {days['configuration']}, less than userData"
        yield Problem("lifeline:backups.keepDays.configuration", message, hint)
