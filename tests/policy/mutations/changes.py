"""Changes of a site that would break a recovery, each as the state after it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.harness import FAILED_OVER, PRIMARY_LEADS
from tests.policy.draft import Change, drop, put, relink
from tests.policy.mutation import BACKEND, BOX, DB, EKS, TABLE
from tests.policy.mutations.data import CLAIM, VARIABLES

IMAGE = f"123456789012.dkr.ecr.us-west-2.amazonaws.com/backend@sha256:{'9' * 64}"
PRIMARYS = "arn:aws:rds:us-west-2:123456789012:db:lifeline-secondary-1"
KEY = "arn:aws:kms:us-east-2:123456789012:key/another"
Timeline = tuple[str, ...]


@dataclass(frozen=True)
class ChangeMutation:
    """A change from one timeline to another, with one fault in the state after it."""

    rule: str
    outage: str
    stack: str
    before: Timeline
    after: Timeline
    change: Change

    def __str__(self) -> str:
        return f"{self.rule}: {self.outage}"


def failover(rule: str, outage: str, change: Change) -> ChangeMutation:
    """A fault in the failover of the secondary."""
    return ChangeMutation(rule, outage, "secondary", PRIMARY_LEADS, FAILED_OVER, change)


def superseded(rule: str, outage: str, change: Change) -> ChangeMutation:
    """A fault when the former leader, the primary, learns of the failover."""
    return ChangeMutation(rule, outage, "primary", PRIMARY_LEADS, FAILED_OVER, change)


def later(rule: str, outage: str, stack: str, timeline: Timeline, change: Change) -> ChangeMutation:
    """A fault in a change that moves no role."""
    return ChangeMutation(rule, outage, stack, timeline, timeline, change)


FENCED, VERSION, GROWS, WARM, KEY_STAYS, RELEASE, KEEPS, ROLES = (
    "change-database-stays-fenced",
    "change-cluster-one-version",
    "change-timeline-only-grows",
    "change-standby-stays-warm",
    "change-data-keeps-its-key",
    "change-flip-same-release",
    "transition-step-keeps-data",
    "transition-flip-touches-roles-only",
)
CHANGES = (
    superseded(FENCED, "writes that were never copied are overwritten", put(DB, PRIMARYS, "replicateSourceDb")),
    later(
        FENCED,
        "writes that were never copied are overwritten",
        "primary",
        FAILED_OVER,
        put(DB, PRIMARYS, "replicateSourceDb"),
    ),
    later(
        FENCED,
        "a fenced database is written again",
        "primary",
        FAILED_OVER,
        relink(DB, "vpcSecurityGroupIds", "database-1-network-clients"),
    ),
    later(VERSION, "EKS refuses to skip a version", "primary", PRIMARY_LEADS, put(EKS, "1.36", "version")),
    later(VERSION, "EKS refuses an older version", "primary", PRIMARY_LEADS, put(EKS, "1.33", "version")),
    later(GROWS, "the timeline is shortened", "primary", FAILED_OVER, drop(CLAIM)),
    failover(GROWS, "an epoch is skipped", put("platform-config", "3", "data", "EPOCH")),
    later(
        GROWS,
        "the site goes back to an old epoch",
        "secondary",
        FAILED_OVER,
        put("platform-config", "1", "data", "EPOCH"),
    ),
    later(
        GROWS,
        "another database takes the same epoch",
        "primary",
        PRIMARY_LEADS,
        put("platform-config", "primary-9", "data", "DATABASE"),
    ),
    later(
        GROWS,
        "a claim changes its leader",
        "primary",
        PRIMARY_LEADS,
        put(CLAIM, "primary-9", *VARIABLES, 3, "value"),
    ),
    later(
        WARM,
        "the standby has no pods to take over",
        "secondary",
        PRIMARY_LEADS,
        put("platform-backend-autoscaler", 1, "spec", "minReplicas"),
    ),
    later(
        WARM,
        "a failover waits for nodes that do not come",
        "secondary",
        PRIMARY_LEADS,
        put("platform-placeholder", 0, "spec", "replicas"),
    ),
    later(
        WARM,
        "a failover waits for nodes that do not come",
        "secondary",
        PRIMARY_LEADS,
        put("cluster-1-nodes-1", 1, "scalingConfig", "minSize"),
    ),
    later(KEY_STAYS, "the database is replaced by an empty one", "primary", PRIMARY_LEADS, put(DB, KEY, "kmsKeyId")),
    later(
        KEY_STAYS, "recovery points cannot be read", "primary", PRIMARY_LEADS, put("vaults-own-vault", KEY, "kmsKeyArn")
    ),
    later(
        KEY_STAYS,
        "the other site cannot read the password",
        "primary",
        PRIMARY_LEADS,
        put("password-secret", KEY, "kmsKeyId"),
    ),
    failover(RELEASE, "the site that takes over runs an image without a test", put(BACKEND, IMAGE, *BOX, "image")),
    later(KEEPS, "the ledger is deleted", "primary", PRIMARY_LEADS, drop(TABLE)),
    later(KEEPS, "the database is deleted", "primary", PRIMARY_LEADS, drop(DB)),
    later(KEEPS, "an edited user replaces the database", "primary", PRIMARY_LEADS, put(DB, "owner", "username")),
    later(KEEPS, "an edited name replaces the ledger", "primary", PRIMARY_LEADS, put(TABLE, "ledger-2", "name")),
    later(
        KEEPS, "an edited name replaces the backups", "primary", PRIMARY_LEADS, put("backups-own-bucket", "b", "bucket")
    ),
    failover(ROLES, "the flip waits for a larger database", put(DB, "db.r7g.4xlarge", "instanceClass")),
    failover(
        ROLES, "the flip changes how people log in", put("platform-backend-service", "x", "metadata", "labels", "l")
    ),
)
