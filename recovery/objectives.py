"""The promises of the disaster recovery plan, each written once. All times are in seconds.

Alerts, policies, health checks, reports and tests read these numbers and define none of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60
HOUR = 60 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A group of services that recovers together: a row of the plan's RTO table, in order of importance."""

    name: str
    title: str
    rto_seconds: int
    priority: int
    """Kubernetes priority of the tier's pods. When a node is full, the scheduler evicts the lowest priority first."""


CRISIS = Tier(name="crisis", title="Crisis Detection System", rto_seconds=5 * MINUTE, priority=1_000_000)
HOTLINE = Tier(name="hotline", title="988 Hotline Integration", rto_seconds=10 * MINUTE, priority=900_000)
CORE = Tier(name="core", title="Core Platform", rto_seconds=30 * MINUTE, priority=500_000)
FULL = Tier(name="full", title="Full System Restoration", rto_seconds=2 * HOUR, priority=100_000)
DATA = Tier(name="data", title="Data Recovery", rto_seconds=4 * HOUR, priority=800_000)

TIERS: tuple[Tier, ...] = (CRISIS, HOTLINE, CORE, FULL, DATA)

RPO_CRISIS_EVENTS_SECONDS = 0
RPO_USER_DATA_SECONDS = HOUR
RPO_LOGS_SECONDS = 5 * MINUTE
RPO_CONFIGURATION_SECONDS = 0

HEALTH_CHECK_INTERVAL_SECONDS = 10
"""The shortest interval that Route 53 offers (10 or 30)."""
HEALTH_CHECK_FAILURES = 3
CRISIS_RECORD_TTL_SECONDS = 15
RECORD_TTL_SECONDS = 60
"""Also the TTL of an alias record to a load balancer, which Route 53 sets itself."""

CRISIS_RESPONSE_SECONDS = 2
"""The plan's checklist: crisis detection responds in less than two seconds."""
CRISIS_SURGE_REPLICAS = 10

CLIENT_TRY_SECONDS = 2
"""The time after which a client that follows docs/clients.md tries the other site."""
CLIENT_OUTAGE_SECONDS = 5
"""The longest outage of the crisis services for 99 of 100 of these clients when a site is lost."""
DNS_OUTAGE_SECONDS = 60
"""That of a client that follows DNS alone: `detection_seconds` and its own next attempt."""

BACKUP_RETENTION_DAYS = 35
"""The longest point-in-time window that RDS offers."""

CANARY_SECONDS = 10
"""The interval at which each site makes the plan's own calls."""
HEARTBEAT_SECONDS = MINUTE
"""The interval of the heartbeat, by whose age the loss of user data is measured."""

COMPLETE_FAILURE_SECONDS = 2 * MINUTE
DATABASE_FAILURE_SECONDS = MINUTE
CRISIS_FAILURE_SECONDS = 30
"""The times of the plan after which its three alerts fire."""
PEER_SILENT_SECONDS = MINUTE
"""The time without an answer after which a site reports the loss of the other one."""
ESCALATION_SECONDS = {2: 5 * MINUTE, 3: 15 * MINUTE, 4: 30 * MINUTE}
"""The time without an answer after which a page reaches a level of the plan's escalation chain. It begins at 1."""
KEYWORD_ONLY_SECONDS = HOUR
"""The time for which detection by keywords alone is accepted without a decision of a clinician."""
NOTICE_DRAFT_SECONDS = 5 * MINUTE
NOTICE_SECONDS = 30 * MINUTE
"""The times from the discovery of an outage of the crisis services to the draft of its public notice, and to its
deadline."""
REPLICA_BEHIND_SECONDS = 5 * MINUTE
"""A replica in another region is usually behind by less than a second, and a heartbeat adds a minute."""
RPO_AT_RISK_SECONDS = RPO_USER_DATA_SECONDS // 2
"""The age of the newest heartbeat that leaves half of the objective to repair the replication."""

BACKUP_INTERVAL_SECONDS = 24 * HOUR
"""The plan: automated daily backups."""
OLDEST_BACKUP_SECONDS = BACKUP_INTERVAL_SECONDS + 2 * HOUR
"""The greatest age of the newest proved backup. It leaves two hours for the dump, its replication and the check."""

BACKUPS_LISTED_SECONDS = 15 * MINUTE
"""The greatest age of the exporter's last look at the bucket, which it lists every five minutes."""


@dataclass(frozen=True, kw_only=True)
class Retention:
    """The time for which the copies of one class of data are kept."""

    days: int
    """The default."""
    minimum_days: int
    reason: str
    """The reason for the minimum."""


RETENTIONS: dict[str, Retention] = {
    "userData": Retention(
        days=BACKUP_RETENTION_DAYS, minimum_days=30, reason="a mistake may be found only after a monthly DR test"
    ),
    "crisisEvents": Retention(
        days=BACKUP_RETENTION_DAYS, minimum_days=30, reason="a mistake may be found only after a monthly DR test"
    ),
    "configuration": Retention(
        days=365, minimum_days=90, reason="a wrong setting may show only in the quarterly full drill"
    ),
    "logs": Retention(days=365, minimum_days=90, reason="an intrusion is often found only months later"),
}
"""By the class's name in `lifeline:backups.keepDays`."""


def detection_seconds(ttl_seconds: int) -> int:
    """The longest time until clients use another site: all failed checks, then the TTL of the old answer."""
    return HEALTH_CHECK_INTERVAL_SECONDS * HEALTH_CHECK_FAILURES + ttl_seconds
