"""Contradictions in the timeline, and of the values of a configuration that name its epochs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from recovery import naming
from recovery import timeline as rules
from recovery.timeline import DatabaseId
from stacks.emergency import emergency_problems
from stacks.problems import Problem
from stacks.sections import BucketConfig

if TYPE_CHECKING:
    from stacks.config import SiteConfig
    from stacks.sections import RestoreConfig


FIRST_DELAYED = {14: 19, 15: 14, 16: 10, 17: 6}
"""The first minor version of each major one that can delay a replica; newer ones all can.

Source: Amazon RDS User Guide, "Configuring delayed replication with RDS for PostgreSQL".
"""


def timeline_problems(site: SiteConfig) -> Iterator[Problem]:
    """The contradictions in the timeline, and of the values that name its epochs."""
    if not 0 < len(site.timeline) <= rules.MAX_EPOCHS:
        yield from _rule_problems([DatabaseId(site.site, 1)] * len(site.timeline), ())
        return
    history: list[DatabaseId] = []
    for index, text in enumerate(site.timeline):
        try:
            entry = DatabaseId.parse(text)
        except ValueError as error:
            hint = "one entry per line: '- ' at the same indentation as the entry above" if " " in text else ""
            yield Problem(f"lifeline:timeline[{index}]", str(error), hint)
            continue
        if entry.site not in site.regions:
            expected = ", ".join(sorted(site.regions))
            yield Problem(f"lifeline:timeline[{index}]", f"names site '{entry.site}', expected one of {expected}")
        history.append(entry)
    if len(history) == len(site.timeline):
        yield from _first_entry_problems(site, history)
        yield from _rule_problems(history, site.discards)
        yield from _seeding_problems(site, history)
        yield from _retirement_problems(site, history)
        yield from _old_database_problems(site, history)
        yield from _delayed_problems(site)
        yield from _kept_problems(site, history)
        yield from _switchover_problems(site, history)
        yield from _restore_problems(site, history)
        yield from _rds_copy_problems(site, history)
        yield from emergency_problems(site)


def _first_entry_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    """The site that made the global resources was built first, so it led epoch 1, unless that site is lost."""
    if site.adopted is not None:
        return  # any site may adopt them
    made_them = site.globals in ("own", "release", "left")
    wrong, right = (site.peer.site, site.site) if made_them else (site.site, site.peer.site)
    if history[0].site == wrong:
        hint = f"append entries and keep the earlier ones: the first is {DatabaseId(right, 1)}"
        yield Problem("lifeline:timeline[0]", f"is {history[0]}, and lifeline:globals is '{site.globals}'", hint)


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
        hint = _backup_hint(site, history, number)
        path = f"lifeline:timeline[{number - 1}]"
        yield Problem(path, f"names {site.site}-{number}, which is to be restored, but no backup is named", hint)
    for index, restore in enumerate(site.database.restores):
        path = f"lifeline:database.restores[{index}]"
        yield from _source_problems(site, path, restore, newest=len(history))
        if epochs.count(restore.epoch) > 1 and epochs.index(restore.epoch) == index:
            yield Problem(
                f"{path}.epoch", f"is {restore.epoch}, which another restore names too", "keep one restore per epoch"
            )
        if restore.epoch not in restored:
            hint = (
                f"a restore is a new epoch: make {site.site}-{restore.epoch} entry {restore.epoch} of lifeline:timeline"
            )
            yield Problem(f"{path}.epoch", f"is {restore.epoch}, which no restored database of this site leads", hint)
        elif restore.empty and history[restore.epoch - 2].site not in site.lost_sites:
            hint = "name a backup: a database begins empty only if the site of the leader before it is in lostSites"
            yield Problem(f"{path}.empty", f"is true, and {history[restore.epoch - 2]} led before", hint)
        elif restore.automated_backup is not None:
            yield from _automated_backup_problems(site, path, restore)
        elif restore.point_in_time is not None and history[restore.epoch - 2].site != site.site:
            before = history[restore.epoch - 2]
            hint = "name its automatedBackup in this region, or a snapshot that was copied here"
            yield Problem(f"{path}.pointInTime", f"is of {before}, whose backups are in {site.peer.region}", hint)
        else:
            yield from _moment_problems(site, history, path, restore)


def _source_problems(site: SiteConfig, path: str, restore: RestoreConfig, *, newest: int) -> Iterator[Problem]:
    sources = [restore.point_in_time, restore.snapshot, restore.dump, restore.empty or None]
    number = len(sources) - sources.count(None)
    if number != 1:
        hint = "set exactly one of pointInTime, snapshot and dump"
        yield Problem(path, f"names {number or 'none'} of its sources", hint)
    # The lines stay in the file as long as the database, also when another stack has taken over the passwords.
    if restore.begins_empty and not site.owns_globals and restore.epoch == newest:
        key, value = ("dump", restore.dump) if restore.dump else ("empty", "true")
        hint = "only the stack with lifeline:globals: own has the password of an empty database: restore a snapshot"
        yield Problem(f"{path}.{key}", f"is {value}, and lifeline:globals is '{site.globals}'", hint)
    if isinstance(restore.dump_from, BucketConfig):
        yield from left_bucket_problems(site, f"{path}.dumpFrom", restore.dump_from.bucket, naming.backup_bucket)


def left_bucket_problems(site: SiteConfig, path: str, left: str, bucket_of: Callable[..., str]) -> Iterator[Problem]:
    """A bucket that is named in full belongs to a lost site. Those of the two sites follow from their names."""
    buckets = [bucket_of(name, account=site.account) for name in sorted(site.lost_sites)]
    if not any(re.fullmatch(rf"{bucket}({naming.copy_name('')}(-[0-9]+)?)?", left) for bucket in buckets):
        expected = f"expected one of {', '.join(buckets)}, or its -copy" if buckets else "lifeline:lostSites is empty"
        yield Problem(f"{path}.bucket", f"is {left}", expected)


def _moment_problems(
    site: SiteConfig, history: list[DatabaseId], path: str, restore: RestoreConfig
) -> Iterator[Problem]:
    """A promoted database has backups from its promotion on: a replica of PostgreSQL has no point in time."""
    source, moment = history[restore.epoch - 2], restore.point_in_time
    if moment in (None, "latest") or rules.is_born_leader(source, history):
        return
    if restore.earliest is None:
        hint = (
            "set it to RestoreWindow.EarliestTime of `aws rds describe-db-instance-automated-backups"
            f" --db-instance-identifier {naming.database_identifier(source)}`"
        )
        yield Problem(f"{path}.earliest", f"is missing, and {source} was promoted", hint)
    elif str(moment) < restore.earliest:
        hint = f"before it, {source} was a replica: name a snapshot or a dump of that time"
        yield Problem(f"{path}.pointInTime", f"is {moment}, before {restore.earliest}", hint)


def _backup_hint(site: SiteConfig, history: list[DatabaseId], number: int) -> str:
    """A way out that is not refused itself."""
    if history[number - 2].site == site.site:
        return f"name its backup: lifeline:database.restores: [{{epoch: {number}, pointInTime: latest}}]"
    if site.database.seeded < number and history[number - 1] != site.own_database:
        return f"to fail over, append {site.own_database}; to restore, name a snapshot in lifeline:database.restores"
    return f"name a snapshot or an automatedBackup in {site.region}: lifeline:database.restores"


def _automated_backup_problems(site: SiteConfig, path: str, restore: RestoreConfig) -> Iterator[Problem]:
    if restore.point_in_time is None:
        hint = "name the time in it: pointInTime, or pointInTime: latest"
        yield Problem(f"{path}.automatedBackup", "is set without pointInTime", hint)
    if f":{site.region}:" not in str(restore.automated_backup):
        hint = f"RDS restores replicated backups in their own region: name one in {site.region}"
        yield Problem(f"{path}.automatedBackup", f"is {restore.automated_backup}, not in {site.region}", hint)


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


def _old_database_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    """Values that name databases which no longer serve, and are still declared."""
    values = {"reconciled": site.database.reconciled, "unprotected": site.database.unprotected}
    for key, numbers in values.items():
        for index, number in enumerate(numbers):
            named, path = DatabaseId(site.site, number), f"lifeline:database.{key}[{index}]"
            if named == site.own_database:
                yield Problem(path, f"names {named}, the site's current database", "remove it")
            elif named not in site.databases:
                hint = "remove it, or name an epoch whose database this site still declares"
                yield Problem(path, f"names {named}, which this site does not declare", hint)
            elif key == "reconciled" and named not in history:
                yield Problem(path, f"names {named}, which never led and is not fenced", "remove it")


def _delayed_problems(site: SiteConfig) -> Iterator[Problem]:
    plan, path = site.database.delayed, "lifeline:database.delayed"
    if plan is None:
        return
    source, version = DatabaseId(site.site, plan.epoch), site.database.engine_version
    if source not in site.databases:
        hint = "remove the line, or name the epoch at which a database that this site declares was seeded"
        yield Problem(f"{path}.epoch", f"names {source}, which this site does not declare", hint)
    major, minor = (int(part) for part in version.split("."))
    if minor < FIRST_DELAYED.get(major, 0):
        hint = f"upgrade to {major}.{FIRST_DELAYED[major]} or newer, or remove the line"
        yield Problem(path, f"is set, and RDS for PostgreSQL {version} cannot delay a replica", hint)


def _switchover_problems(site: SiteConfig, history: list[DatabaseId]) -> Iterator[Problem]:
    plan, path = site.switchover, "lifeline:switchover"
    if plan.accept_loss and plan.take is None:
        hint = "name the epoch to take in lifeline:switchover.take, or remove the line"
        yield Problem(f"{path}.acceptLoss", "is true, but lifeline:switchover.take is not set", hint)
    if plan.drain is not None and plan.drain > len(history):
        hint = f"set it to {len(history)} to drain now"
        yield Problem(f"{path}.drain", f"is {plan.drain}, an epoch that has not begun", hint)
    elif plan.drain is not None and history[plan.drain - 1].site != site.site:
        hint = f"set it in the stack of {history[plan.drain - 1].site}, or remove the line"
        yield Problem(f"{path}.drain", f"is {plan.drain}, which {history[plan.drain - 1]} leads", hint)
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
        elif kept == site.own_database:
            yield Problem(path, f"names {kept}, the site's current database", "remove it")
        elif source is None or source.site == site.site:
            yield Problem(path, f"names {kept}, which this site never had", "name the epoch it was seeded at")
