"""The copies of a site's data, read from the resources that the program registers: their place, retention and proof.

A copy whose resource is missing has no row, so the table cannot promise what is not declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from engine.program import checked_config, recorded
from engine.registration import Registration
from recovery.naming import BACKUP_CONFIGURATION, copy_name
from stacks.config import SiteConfig, parse


@dataclass(frozen=True)
class Copy:
    """One copy of one kind of data."""

    data: str
    copy: str
    where: str
    kept: str
    proved: str


USERS, EVENTS, PASSWORD = "user data", "crisis events", "database passwords"
CONFIGURATION, LOGS, IMAGES, MODELS = "configuration", "logs", "images", "models"
_PRESENT = "the present state: a deletion reaches it"
_DAILY = "`restore-check`, every day"
_DRILL = "a drill: the offline world runs no AWS Backup"
_REPLICA = "`lifeline_heartbeat_age_seconds`; every rehearsal of a flip"
_NEXT_EXPORT = "the next export reads it"
_LEDGER = "`lifeline rehearse region-loss`: every acknowledged event is counted"


def table(root: Path, stack: str) -> str:
    """The copies of a site's data as a Markdown table."""
    config = checked_config(root, stack)
    site = parse(config, stack=stack)
    rows = list(copies(recorded(root, stack, config), site))
    heads = ["data", "copy", "where", "kept", "proved by"]
    assert len(heads) == len(fields(Copy))
    lines = [heads, ["---"] * len(heads), *(list(astuple(row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def copies(resources: Sequence[Registration], site: SiteConfig) -> Iterator[Copy]:
    """Every copy of a site's data among the resources that the program registers for it."""
    region, peer = site.region, site.peer.region
    copy = copy_name("", site.copies.generation)
    named = {entry.name.replace(f"{copy}-", "-copy-"): entry.inputs for entry in resources if entry.custom}
    yield from _users(named, named[f"database-{site.own_database.epoch}-instance"], region, peer)
    yield from _events(named, region, peer)
    yield from _pair(EVENTS, "daily export", "ledger-exports", named, region, peer, _NEXT_EXPORT)
    yield from _configuration(named, region, peer)
    yield from _logs(named, region, peer)
    yield from _images(named, region, peer)
    if password := named.get("password-secret"):
        places = ", ".join([region, *(replica["region"] for replica in password["replicas"])])
        yield Copy(PASSWORD, "Secrets Manager, replicated", places, _PRESENT, "every pod that starts in either site")


def _users(named: Mapping[str, Any], instance: Mapping[str, Any], region: str, peer: str) -> Iterator[Copy]:
    yield Copy(USERS, "the other site's database", peer, _PRESENT, _REPLICA)
    days = f"{instance['backupRetentionPeriod']} days"
    if instance.get("replicateSourceDb"):
        yield Copy(USERS, "daily RDS backup of the replica", region, days, "a drill")
    else:
        proof = "`lifeline rehearse database-loss`, by the archived log of a real PostgreSQL"
        yield Copy(USERS, "RDS backups, any second", region, days, proof)
    for name, copy in named.items():
        if name.startswith("database-copies-") and "sourceDbInstanceArn" in copy:
            kept = f"{copy['retentionPeriod']} days"
            yield Copy(
                USERS, "RDS backups, replicated, any second", peer, kept, "a drill: the offline world copies none"
            )
    for kind, place, proof in (("own", region, "the manifest"), ("copy", peer, _DAILY)):
        if lock := named.get(f"backups-{kind}-lock"):
            rule = lock["rule"]["defaultRetention"]
            name = named[f"backups-{kind}-bucket"]["bucket"]
            yield Copy(USERS, f"daily dump in `{name}`", place, f"{rule['days']} days, {_locked(rule['mode'])}", proof)
    yield from _recovery_points(USERS, named, region, peer)


def _events(named: Mapping[str, Any], region: str, peer: str) -> Iterator[Copy]:
    if ledger := named.get("ledger-table"):
        witness = ledger["globalTableWitness"]["regionName"]
        places = f"{region}, {', '.join(replica['regionName'] for replica in ledger['replicas'])} (witness {witness})"
        yield Copy(EVENTS, "the ledger, strongly consistent", places, "no item is deleted", _LEDGER)
        if ledger["pointInTimeRecovery"]["enabled"]:
            yield Copy(EVENTS, "DynamoDB point in time, any second", f"{region}, {peer}", "35 days", "a drill")
    yield from _recovery_points(EVENTS, named, region, peer)


def _configuration(named: Mapping[str, Any], region: str, peer: str) -> Iterator[Copy]:
    """The exports share the bucket of the dumps, and so its lock. Another rule of the bucket says when they expire."""
    if "configuration-export-job" not in named:
        return
    applied = "`lifeline rehearse database-loss` applies it to an empty cluster"
    for kind, place, proof in (("own", region, "its manifest"), ("copy", peer, f"{_NEXT_EXPORT}; {applied}")):
        if (lock := named.get(f"backups-{kind}-lock")) and (expiry := named.get(f"backups-{kind}-expiry")):
            rule = lock["rule"]["defaultRetention"]
            days = next(
                entry["expiration"]["days"]
                for entry in expiry["rules"]
                if entry["filter"]["prefix"] == BACKUP_CONFIGURATION
            )
            kept = f"{days} days, {_locked(rule['mode'])} for {rule['days']}"
            bucket = named[f"backups-{kind}-bucket"]["bucket"]
            yield Copy(CONFIGURATION, f"daily export in `{bucket}`", place, kept, proof)


def _logs(named: Mapping[str, Any], region: str, peer: str) -> Iterator[Copy]:
    groups = [entry for entry in named.values() if "retentionInDays" in entry]
    days = sorted({int(entry["retentionInDays"]) for entry in groups})
    kept = f"{' or '.join(str(number) for number in days)} days"
    yield Copy(LOGS, f"{len(groups)} log groups of CloudWatch", region, kept, "they are the originals")
    if stream := named.get("logs-stream"):
        seconds = stream["extendedS3Configuration"]["bufferingInterval"]
        copy = f"objects, written every {seconds} seconds or earlier"
        yield from _pair(
            LOGS, copy, "logs", named, region, peer, "`lifeline rehearse database-loss` finds a line in it"
        )


def _images(named: Mapping[str, Any], region: str, peer: str) -> Iterator[Copy]:
    if "registry-replication" in named:
        where, kept = f"{region}, {peer}", "no image expires"
        yield Copy(IMAGES, "Amazon ECR, sent to the other region", where, kept, "every pod of either site")
    for kind, place, proof in (("own", region, "its checksum at upload"), ("copy", peer, "a drill")):
        if lock := named.get(f"models-{kind}-lock"):
            rule = lock["rule"]["defaultRetention"]
            kept = f"no model expires; {_locked(rule['mode'])} for {rule['days']} days"
            yield Copy(MODELS, f"versions in `{named[f'models-{kind}-bucket']['bucket']}`", place, kept, proof)


def _pair(
    data: str, copy: str, name: str, named: Mapping[str, Any], region: str, peer: str, proof: str
) -> Iterator[Copy]:
    """The two buckets of a copied pair, of which only the second locks."""
    for kind, place, proved in (("own", region, "its copy"), ("copy", peer, proof)):
        if expiry := named.get(f"{name}-{kind}-expiry"):
            kept = f"{max(rule['expiration']['days'] for rule in expiry['rules'] if 'expiration' in rule)} days"
            if lock := named.get(f"{name}-{kind}-lock"):
                kept += f", {_locked(lock['rule']['defaultRetention']['mode'])}"
            yield Copy(data, f"{copy} in `{named[f'{name}-{kind}-bucket']['bucket']}`", place, kept, proved)


def _recovery_points(data: str, named: Mapping[str, Any], region: str, peer: str) -> Iterator[Copy]:
    plan = named.get("vaults-plan")
    if plan is None:
        return
    (rule,) = plan["rules"]
    lock = _locked("COMPLIANCE" if "changeableForDays" in named["vaults-own-lock"] else "GOVERNANCE")
    kept = f"{rule['lifecycle']['deleteAfter']} days, {lock}"
    yield Copy(data, f"daily recovery point in `{named['vaults-own-vault']['name']}`", region, kept, _DRILL)
    yield Copy(data, f"its copy in `{named['vaults-copy-vault']['name']}`", peer, kept, _DRILL)
    for action in rule["copyActions"][1:]:
        account = str(action["destinationVaultArn"]).split(":")[4]
        yield Copy(data, "its copy in another account", f"{region}, account {account}", kept, _DRILL)


def _locked(mode: str) -> str:
    return f"locked ({mode.lower()})"
