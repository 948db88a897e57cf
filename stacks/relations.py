"""Contradictions between the values of one configuration: peers, zones, sizes, and everything about the timeline."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from recovery import objectives
from recovery import timeline as rules
from recovery.timeline import DatabaseId
from stacks.problems import Problem

if TYPE_CHECKING:
    from stacks.config import SiteConfig
    from stacks.sections import RestoreConfig

LEDGER_REGION_SETS: tuple[frozenset[str], ...] = (
    frozenset({"us-east-1", "us-east-2", "us-west-2"}),
    frozenset({"eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"}),
    frozenset({"ap-northeast-1", "ap-northeast-2", "ap-northeast-3"}),
)
"""The regions of a table with multi-Region strong consistency: all three belong to one of these sets.

Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work", multi-Region strong consistency.
"""

AVAILABILITY_ZONES = 3


def relation_problems(site: SiteConfig) -> Iterator[Problem]:
    """The contradictions between values of a configuration whose values are each allowed."""
    yield from _peer_problems(site)
    yield from _bootstrap_problems(site)
    yield from _zone_problems(site)
    yield from _size_problems(site)
    yield from _cluster_problems(site)
    yield from _timeline_problems(site)


def _bootstrap_problems(site: SiteConfig) -> Iterator[Problem]:
    if site.bootstrap and site.globals != "own":
        hint = "remove the line: the other site declares the registries of both regions"
        yield Problem("lifeline:bootstrap", "is true, but lifeline:globals is use", hint)
    if site.bootstrap and len(site.timeline) > 1:
        hint = "remove the line: with it, everything but the registries would be deleted"
        yield Problem("lifeline:bootstrap", "is true, but the platform has failed over before", hint)


def _peer_problems(site: SiteConfig) -> Iterator[Problem]:
    if site.peer.site == site.site:
        yield Problem("lifeline:peer.site", f"names this site itself, {site.site}", "name the other site")
    if site.peer.region == site.region:
        hint = "name another region: one region's loss must not take both sites"
        yield Problem("lifeline:peer.region", f"is {site.region}, the site's own region", hint)
    if ipaddress.IPv4Network(site.network.cidr).overlaps(ipaddress.IPv4Network(site.peer.cidr)):
        hint = "choose ranges that do not overlap: the two networks must be able to route to each other"
        yield Problem("lifeline:peer.cidr", f"is {site.peer.cidr}, which overlaps {site.network.cidr}", hint)
    ledger = (site.region, site.peer.region, site.ledger.witness)
    if len(set(ledger)) < 3 or not any(allowed.issuperset(ledger) for allowed in LEDGER_REGION_SETS):
        sets = "; ".join(", ".join(sorted(allowed)) for allowed in LEDGER_REGION_SETS)
        yield Problem(
            "lifeline:ledger.witness",
            f"is {site.ledger.witness}: the ledger would be in {', '.join(ledger)}",
            f"strong consistency needs three regions of one set: {sets}",
        )


def _zone_problems(site: SiteConfig) -> Iterator[Problem]:
    if len(set(site.network.zones)) < AVAILABILITY_ZONES:
        yield Problem("lifeline:network.zones", f"is {list(site.network.zones)}, expected three different zones")
    for index, zone in enumerate(site.network.zones):
        if re.fullmatch(re.escape(site.region) + "[a-z]", zone) is None:
            yield Problem(f"lifeline:network.zones[{index}]", f"names zone '{zone}', expected a zone of {site.region}")
    if site.globals == "use" and site.zone_id is None:
        hint = "copy the output zoneId of the stack that has lifeline:globals: own"
        yield Problem("lifeline:zoneId", "is missing, and lifeline:globals is 'use'", hint)
    if site.globals == "own" and site.zone_id is not None:
        yield Problem(
            "lifeline:zoneId", "is set, and lifeline:globals is 'own'", "remove the line: this stack owns the zone"
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
    if cluster.since is not None and cluster.since > len(site.timeline):
        yield Problem(f"{path}.since", f"is {cluster.since}, when the timeline has {len(site.timeline)} epochs")
    if cluster.since is None and cluster.serving_generation > 1 and _has_jobs(site):
        hint = f"set it to {len(site.timeline)}: the Jobs of these epochs ran in an earlier cluster"
        yield Problem(f"{path}.since", f"is missing, and generation {cluster.serving_generation} serves", hint)


def _has_jobs(site: SiteConfig) -> bool:
    """Whether a Job runs before a cluster's namespace is declared, because it began an epoch."""
    return site.switchover.take is not None or any(restore.dump for restore in site.database.restores)


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


def _timeline_problems(site: SiteConfig) -> Iterator[Problem]:
    if not 0 < len(site.timeline) <= rules.MAX_EPOCHS:
        yield from _rule_problems([DatabaseId(site.site, 1)] * len(site.timeline), ())
        return
    history: list[DatabaseId] = []
    for index, text in enumerate(site.timeline):
        try:
            entry = DatabaseId.parse(text)
        except ValueError as error:
            yield Problem(f"lifeline:timeline[{index}]", str(error))
            continue
        if entry.site not in site.regions:
            expected = ", ".join(sorted(site.regions))
            yield Problem(f"lifeline:timeline[{index}]", f"names site '{entry.site}', expected one of {expected}")
        history.append(entry)
    if len(history) == len(site.timeline):
        yield from _rule_problems(history, site.discards)
        yield from _seeding_problems(site, history)
        yield from _retirement_problems(site, history)
        yield from _kept_problems(site, history)
        yield from _switchover_problems(site, history)
        yield from _restore_problems(site, history)
        yield from _rds_copy_problems(site, history)


def _rule_problems(history: list[DatabaseId], discards: tuple[int, ...]) -> Iterator[Problem]:
    for problem in rules.problems(history, discards):
        path = "lifeline:timeline" if problem.index is None else f"lifeline:timeline[{problem.index}]"
        yield Problem(path, problem.message, problem.hint)


def _seeding_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    seeded, path = site.database.seeded, "lifeline:database.seeded"
    led = [entry for entry in history if entry.site == site.site]
    source = rules.seed_source(site.own_database, history)
    if seeded > len(history):
        hint = f"the timeline has {len(history)} epochs: set it to {len(history)} to reseed now"
        yield Problem(path, f"is {seeded}, an epoch that has not begun", hint)
    if history[-1].site == site.site and history[-1].epoch != seeded:
        hint = f"set it to {history[-1].epoch}, or append {site.site}-{seeded} to the timeline instead"
        yield Problem(path, f"is {seeded}, but the timeline says that {history[-1]} leads", hint)
    elif led and led[-1].epoch > seeded:
        hint = f"set it to {led[-1].epoch}: a site continues with the database that led last"
        yield Problem(path, f"is {seeded}, older than {led[-1]} of the timeline", hint)
    elif source is not None and source.site == site.site:
        hint = f"a site reseeds from the other site: set it to {len(history)} to reseed now"
        yield Problem(path, f"is {seeded}, an epoch that {source} of this site led", hint)


def _restore_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    """A database that leads the epoch it is named after was restored from a backup, unless it is the first one."""
    restored = {
        entry.epoch for entry in history if entry.site == site.site and rules.is_born_leader(entry, history)
    } - {1}
    epochs = [restore.epoch for restore in site.database.restores]
    for number in sorted(restored - set(epochs) - set(site.database.retired)):
        hint = f"name its backup: lifeline:database.restores: [{{epoch: {number}, pointInTime: latest}}]"
        path = f"lifeline:timeline[{number - 1}]"
        yield Problem(path, f"names {site.site}-{number}, which is to be restored, but no backup is named", hint)
    for index, restore in enumerate(site.database.restores):
        path = f"lifeline:database.restores[{index}]"
        sources = [source for source in (restore.point_in_time, restore.snapshot, restore.dump) if source is not None]
        if len(sources) != 1:
            hint = "set exactly one of pointInTime, snapshot and dump"
            yield Problem(path, f"names {len(sources) or 'none'} of its sources", hint)
        if restore.dump is not None and rules.first_site(history) != site.site:
            hint = f"only {rules.first_site(history)} has the password of an empty database: restore a snapshot here"
            yield Problem(f"{path}.dump", f"is {restore.dump}, at a site that did not lead first", hint)
        if epochs.count(restore.epoch) > 1 and epochs.index(restore.epoch) == index:
            yield Problem(
                f"{path}.epoch", f"is {restore.epoch}, which another restore names too", "keep one restore per epoch"
            )
        if restore.epoch not in restored:
            hint = (
                f"a restore is a new epoch: make {site.site}-{restore.epoch} entry {restore.epoch} of lifeline:timeline"
            )
            yield Problem(f"{path}.epoch", f"is {restore.epoch}, which no restored database of this site leads", hint)
        elif restore.automated_backup is not None:
            yield from _automated_backup_problems(site, path, restore)
        elif restore.point_in_time is not None and history[restore.epoch - 2].site != site.site:
            before = history[restore.epoch - 2]
            hint = "name its automatedBackup in this region, or a snapshot that was copied here"
            yield Problem(f"{path}.pointInTime", f"is of {before}, whose backups are in {site.peer.region}", hint)


def _automated_backup_problems(site: SiteConfig, path: str, restore: RestoreConfig) -> Iterator[Problem]:
    if restore.point_in_time is None:
        hint = "name the time in it: pointInTime, or pointInTime: latest"
        yield Problem(f"{path}.automatedBackup", "is set without pointInTime", hint)
    if f":{site.region}:" not in str(restore.automated_backup):
        hint = f"RDS restores replicated backups in their own region: name one in {site.region}"
        yield Problem(f"{path}.automatedBackup", f"is {restore.automated_backup}, not in {site.region}", hint)


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


def _rds_copy_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    for index, number in enumerate(site.backups.rds_copies):
        if not 0 < number <= len(history):
            hint = "add it after the flip, when the other region is up: a flip must create nothing there"
            yield Problem(f"lifeline:backups.rdsCopies[{index}]", f"is {number}, an epoch that has not begun", hint)


def _retirement_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    for index, number in enumerate(site.database.retired):
        retired = DatabaseId(site.site, number)
        if retired not in history:
            yield Problem(
                f"lifeline:database.retired[{index}]", f"names {retired}, which is not in the timeline", "remove it"
            )
        elif retired == site.own_database:
            yield Problem(
                f"lifeline:database.retired[{index}]", f"names {retired}, the site's current database", "remove it"
            )


def _switchover_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    plan, path = site.switchover, "lifeline:switchover"
    if plan.accept_loss and plan.take is None:
        hint = "name the epoch to take in lifeline:switchover.take, or remove the line"
        yield Problem(f"{path}.acceptLoss", "is true, but lifeline:switchover.take is not set", hint)
    if plan.drain is not None and plan.drain > len(history):
        hint = f"set it to {len(history)} to drain now"
        yield Problem(f"{path}.drain", f"is {plan.drain}, an epoch that has not begun", hint)
    if plan.take is None:
        return
    if plan.take > len(history):
        hint = f"append {site.own_database} to lifeline:timeline in the same edit"
        yield Problem(f"{path}.take", f"is {plan.take}, when the timeline has {len(history)} epochs", hint)
    elif history[plan.take - 1].site != site.site:
        hint = "name an epoch that this site leads"
        yield Problem(f"{path}.take", f"is {plan.take}, which {history[plan.take - 1]} leads", hint)


def _kept_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    for index, number in enumerate(site.database.kept):
        kept = DatabaseId(site.site, number)
        path = f"lifeline:database.kept[{index}]"
        source = rules.seed_source(kept, history)
        if kept in history:
            yield Problem(path, f"names {kept}, which led and is therefore kept", "remove it")
        elif number >= site.database.seeded:
            yield Problem(path, f"names {kept}, which is not older than {site.own_database}", "remove it")
        elif source is None or source.site == site.site:
            yield Problem(path, f"names {kept}, which this site never had", "name the epoch it was seeded at")
