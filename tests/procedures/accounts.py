"""The live access of procedures, to stand-ins on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import boto3

from components.alerts.watch import WATCHDOG
from operations.ledger import JobLedger
from operations.records import Claim
from procedures.access import Workload
from procedures.live import PATIENCE, LiveAccess
from recovery.naming import LEDGER_TABLE
from recovery.timeline import DatabaseId
from stacks.config import SiteConfig

PRIMARY, SECONDARY = "us-east-2", "us-west-2"
ADDRESSES = {"web": "192.0.2.1", "api": "192.0.2.2", "fallback": "192.0.2.1", "primary": "192.0.2.1"}
NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)


def session() -> Any:
    """Credentials for moto."""
    return boto3.session.Session("test", "test")


@dataclass
class Operational:
    """Every site answers its health check."""

    def send(self, host: str, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        """The answer."""
        return {"status": "operational" if (method, path, body) == ("GET", "/api/crisis/health", None) else host}


@dataclass
class Account(LiveAccess):
    """The live access, to an endpoint for each region, and to a made-up DNS."""

    endpoints: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=lambda: ADDRESSES)
    ready: int = 5
    alerts: frozenset[str] = frozenset({WATCHDOG})
    time: datetime = NOW

    def __post_init__(self) -> None:
        super().__init__()
        self.web = cast("Any", Operational())

    def client(self, service: str, region: str) -> Any:
        """A client with the limits of the live one."""
        with self._making:
            return session().client(service, region, endpoint_url=self.endpoints[region], config=PATIENCE)

    def firing(self, config: SiteConfig) -> frozenset[str]:
        """The same alerts at each site."""
        return self.alerts

    def addresses(self, host: str) -> frozenset[str]:
        """By the first label."""
        label = host.partition(".")[0]
        return frozenset({self.names[label]} if label in self.names else ())

    def workloads(self, config: SiteConfig) -> tuple[Workload, ...]:
        """Two Deployments, of which one may lack pods."""
        return (Workload("frontend", 3, 3), Workload("backend", 5, self.ready))

    def now(self) -> datetime:
        """A fixed time."""
        return self.time


def make_ledger(url: str, region: str) -> None:
    """A ledger that says that primary-1 leads epoch 1, and is ready."""
    dynamodb = session().client("dynamodb", region, endpoint_url=url)
    dynamodb.create_table(
        TableName=LEDGER_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    claim, ledger = Claim(1, DatabaseId("primary", 1)), JobLedger(dynamodb, LEDGER_TABLE)
    ledger.put_claim(claim)
    ledger.mark_ready(claim, "2026-11-01T00:00:00+00:00")
