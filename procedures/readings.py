"""Single facts about a site, each read from AWS with one or two calls in the site's own region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from operations.backup_store import PASSED, BackupStore
from operations.ledger import JobLedger
from operations.ledger_items import found
from operations.manifest import moment_of
from operations.records import Claim
from procedures.access import Access
from recovery.naming import (
    BACKUP_CHECKS,
    BACKUP_MANIFESTS,
    LEDGER_TABLE,
    backup_bucket,
    database_identifier,
    ready_key,
)
from stacks.config import SiteConfig

LAG_PERIOD = timedelta(minutes=5)
"""CloudWatch has a value each minute, some minutes late."""
_KEY_TYPES = ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
"""All of them: without a filter, ACM lists certificates with RSA keys of 1024 and 2048 bits only.
Source: AWS Certificate Manager API Reference, "ListCertificates"."""


class AbsentError(LookupError):
    """AWS answered, and does not have it."""


@dataclass(frozen=True)
class Database:
    """An instance of RDS."""

    status: str
    """`available`, if it may be changed now."""
    keeps_days: int
    """The days for which RDS keeps backups; 0 if it makes none."""
    source: str
    """The database that it follows; empty for a leader."""


def database(access: Access, config: SiteConfig) -> Database:
    """The site's own database.

    Raises:
        AbsentError: if there is none.
    """
    rds = access.client("rds", config.region)
    name = database_identifier(config.own_database)
    try:
        (found,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    except rds.exceptions.DBInstanceNotFoundFault:
        raise AbsentError(f"{config.region} has no database {name}") from None
    source = str(found.get("ReadReplicaSourceDBInstanceIdentifier", ""))
    return Database(str(found["DBInstanceStatus"]), int(found.get("BackupRetentionPeriod", 0)), source)


def replica_age(access: Access, config: SiteConfig) -> float | None:
    """The age in seconds of the newest change that the site's replica has; None if CloudWatch knows none.

    Source: Amazon RDS User Guide, "Monitoring read replication": the metric ReplicaLag.
    """
    now = access.now()
    points = _lags(access, config, now - LAG_PERIOD, now + timedelta(minutes=1))
    return points[-1] if points else None


def oldest_replica(access: Access, config: SiteConfig, since: datetime, until: datetime) -> float | None:
    """The greatest age in seconds that the site's replica had in a time; None if CloudWatch knows none."""
    return max(_lags(access, config, since, until), default=None)


def _lags(access: Access, config: SiteConfig, since: datetime, until: datetime) -> list[float]:
    answer = access.client("cloudwatch", config.region).get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName="ReplicaLag",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": database_identifier(config.own_database)}],
        StartTime=since,
        EndTime=until,
        Period=60,
        Statistics=["Maximum"],
    )
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return [float(point["Maximum"]) for point in points]


@dataclass(frozen=True)
class Records:
    """The newest records of the ledger, as the copy in one region has them."""

    claim: Claim | None
    ready: Claim | None


def records(access: Access, region: str) -> Records:
    """The newest claim and the newest ready mark.

    Raises:
        LedgerUnreadableError: if the ledger does not answer.
    """
    ledger = JobLedger(access.client("dynamodb", region), LEDGER_TABLE)
    return Records(ledger.newest_claim(), ledger.newest_ready())


def ready_since(access: Access, leader: SiteConfig) -> datetime:
    """The time from which the site has led, by the ready mark of the newest epoch.

    Raises:
        AbsentError: if the newest epoch has no mark.
        LedgerUnreadableError: if the ledger does not answer.
    """
    key = ready_key(len(leader.history))
    items = found(access.client("dynamodb", leader.ledger_region), LEDGER_TABLE, [key])
    if (mark := items.get(key)) is None:
        raise AbsentError(f"the ledger has no {key}")
    return datetime.fromisoformat(mark["readyAt"]["S"])


@dataclass(frozen=True)
class Backups:
    """The dumps of a site."""

    newest: datetime | None
    proved: datetime | None
    """The time of the newest dump that was restored and checked."""


def backups(access: Access, config: SiteConfig) -> Backups:
    """The newest dump, and the newest one that is proved.

    Raises:
        StoreError: if the bucket does not answer.
    """
    store = BackupStore(access.client("s3", config.region), backup_bucket(config.site, account=config.account))
    dumps = sorted(key.removeprefix(BACKUP_MANIFESTS).removesuffix(".json") for key in store.keys(BACKUP_MANIFESTS))
    passed = (key for key in store.keys(BACKUP_CHECKS) if key.endswith(f"-{PASSED}.json"))
    proved = sorted({key.removeprefix(BACKUP_CHECKS).partition("/")[0] for key in passed})
    return Backups(moment_of(dumps[-1]) if dumps else None, moment_of(proved[-1]) if proved else None)


def certificates_until(access: Access, config: SiteConfig) -> datetime:
    """The end of the site's issued certificate that ends first.

    Raises:
        AbsentError: if the site has none.
    """
    acm = access.client("acm", config.region)
    listed = acm.list_certificates(Includes={"keyTypes": _KEY_TYPES})["CertificateSummaryList"]
    found = [
        acm.describe_certificate(CertificateArn=entry["CertificateArn"])["Certificate"]
        for entry in listed
        if str(entry["DomainName"]).endswith(config.domain)
    ]
    ends = [certificate["NotAfter"] for certificate in found if certificate["Status"] == "ISSUED"]
    if not ends:
        raise AbsentError(f"{config.region} has no issued certificate of {config.domain}")
    return min(ends)


def alarms(access: Access, config: SiteConfig) -> Iterator[dict[str, Any]]:
    """Every alarm of CloudWatch in the site's region, with its state and whether it acts."""
    paginator = access.client("cloudwatch", config.region).get_paginator("describe_alarms")
    for page in paginator.paginate(AlarmTypes=["MetricAlarm"]):
        yield from page["MetricAlarms"]
