"""A hosted zone and its health checks as plain data, written by hand or read once from Route 53's API.

The loaded data stays: Route 53 answers from the last published copy while its control plane is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_route53.type_defs import HealthCheckTypeDef, ResourceRecordSetOutputTypeDef

MATCH_TYPES = frozenset({"HTTP_STR_MATCH", "HTTPS_STR_MATCH"})
ENDPOINT_TYPES = frozenset({"HTTP", "HTTPS", "TCP"}) | MATCH_TYPES
CALCULATED = "CALCULATED"

_DEFAULT_PORTS = {"HTTP": 80, "HTTPS": 443, "HTTP_STR_MATCH": 80, "HTTPS_STR_MATCH": 443}


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A health check in Route 53's own terms. `interval` is in seconds."""

    id: str
    type: str
    fqdn: str = ""
    port: int = 443
    path: str = "/"
    search: str = ""
    """The words that the answer of a check in `MATCH_TYPES` must have."""
    interval: int = 30
    threshold: int = 3
    inverted: bool = False
    disabled: bool = False
    children: tuple[str, ...] = ()
    child_threshold: int = 0
    """The number of children that must be healthy. With 0 the check is always healthy."""

    def __post_init__(self) -> None:
        if self.type not in ENDPOINT_TYPES | {CALCULATED}:
            raise ValueError(f"health check {self.id} is of type {self.type}, which is not rehearsed")


@dataclass(frozen=True)
class Alias:
    """The target of an alias record: a name of the zone or of a load balancer."""

    target: str
    evaluate_target_health: bool


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record set. Names are in lower case, without the last dot."""

    name: str
    type: str
    values: tuple[str, ...] = ()
    ttl: int = 300
    alias: Alias | None = None
    set_identifier: str = ""
    failover: str = ""
    """`PRIMARY` or `SECONDARY`, or empty."""
    region: str = ""
    """Set on latency records."""
    weight: int | None = None
    health_check: str = ""


@dataclass(frozen=True)
class Zone:
    """Records, and health checks by id."""

    records: tuple[Record, ...] = ()
    checks: Mapping[str, HealthCheck] = field(default_factory=dict[str, HealthCheck])

    def __post_init__(self) -> None:
        named = {record.health_check for record in self.records if record.health_check}
        named.update(child for check in self.checks.values() for child in check.children)
        if missing := sorted(named - self.checks.keys()):
            raise ValueError(f"the zone names health checks that do not exist: {', '.join(missing)}")

    def named(self, name: str, type_: str) -> tuple[Record, ...]:
        """The records of one name and type."""
        return tuple(record for record in self.records if (record.name, record.type) == (name, type_))


def canonical(name: str) -> str:
    """A name in the form that is compared."""
    return name.rstrip(".").lower()


def load_zone(client: Route53Client, zone_id: str) -> Zone:
    """Read a zone's records and all health checks of the account.

    Raises:
        ValueError: if the rehearsal does not support the type of a health check.
    """
    record_pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id)
    check_pages = client.get_paginator("list_health_checks").paginate()
    records = tuple(_record(entry) for page in record_pages for entry in page["ResourceRecordSets"])
    checks = [_check(entry) for page in check_pages for entry in page["HealthChecks"]]
    return Zone(records, {check.id: check for check in checks})


def _record(entry: ResourceRecordSetOutputTypeDef) -> Record:
    target = entry.get("AliasTarget")
    return Record(
        name=canonical(entry["Name"]),
        type=entry["Type"],
        values=tuple(value["Value"] for value in entry.get("ResourceRecords", ())),
        ttl=entry.get("TTL", 0),
        alias=Alias(canonical(target["DNSName"]), target["EvaluateTargetHealth"]) if target else None,
        set_identifier=entry.get("SetIdentifier", ""),
        failover=entry.get("Failover", ""),
        region=entry.get("Region", ""),
        weight=entry.get("Weight"),
        health_check=entry.get("HealthCheckId", ""),
    )


def _check(entry: HealthCheckTypeDef) -> HealthCheck:
    config = entry["HealthCheckConfig"]
    return HealthCheck(
        id=entry["Id"],
        type=config["Type"],
        fqdn=canonical(config.get("FullyQualifiedDomainName") or config.get("IPAddress") or ""),
        port=config.get("Port") or _DEFAULT_PORTS.get(config["Type"], 0),
        path=config.get("ResourcePath") or "/",
        search=config.get("SearchString", ""),
        interval=config.get("RequestInterval") or 30,
        threshold=config.get("FailureThreshold") or 3,
        inverted=config.get("Inverted", False),
        disabled=config.get("Disabled", False),
        children=tuple(config.get("ChildHealthChecks", ())),
        child_threshold=config.get("HealthThreshold", 0),
    )
