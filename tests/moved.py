"""The move of a survivor's copies to the region of a new peer: docs/runbooks/rebuild-elsewhere.md."""

from __future__ import annotations

from typing import Any

from recovery.naming import of_generation

LOST, NEW = "us-east-2", "ca-central-1"
PEER = {"site": "tertiary", "region": NEW, "cidr": "10.30.0.0/16"}
LEDGER = {"witness": "us-east-1", "regions": ["us-east-2", "us-west-2"]}
RELEASED: dict[str, Any] = {"copies": {"release": True}}
MOVED: dict[str, Any] = {
    "peer": PEER,
    "lostSites": {"primary": LOST},
    "primaryRecord": "tertiary",
    "ledger": LEDGER,
    "copies": {"generation": 2},
}
"""The changes to the survivor's file, after RELEASED."""

_PAIRS = ("backups", "ledger-exports", "logs", "models")
_KEY = {"key": "kms/key:Key", "key-alias": "kms/alias:Alias"}
_BUCKET = {
    **_KEY,
    "access": "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "bucket": "s3/bucket:Bucket",
    "encryption": "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "expiry": "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "lock": "s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "ownership": "s3/bucketOwnershipControls:BucketOwnershipControls",
    "policy": "s3/bucketPolicy:BucketPolicy",
    "versioning": "s3/bucketVersioning:BucketVersioning",
}
_PARTS: dict[str, tuple[str, dict[str, str]]] = {
    **{f"{pair}-copy": ("LockedBucket", _BUCKET) for pair in _PAIRS},
    "database-copies": ("DatabaseCopies", _KEY),
    "metrics": ("MetricsStore", {"workspace": "amp/workspace:Workspace"}),
    "vaults-copy": (
        "Vault",
        {**_KEY, "lock": "backup/vaultLockConfiguration:VaultLockConfiguration", "vault": "backup/vault:Vault"},
    ),
}


def resources(generation: int) -> list[str]:
    """The resources of a generation of the copies."""
    return [
        f"{type_} {of_generation(name, generation)}-{part}"
        for name, (_, parts) in _PARTS.items()
        for part, type_ in parts.items()
    ]


def components(generation: int) -> list[str]:
    """The components of a generation, which exist in the state only."""
    return [f"index:{type_} {of_generation(name, generation)}" for name, (type_, _) in _PARTS.items()]


WITH_ENDPOINTS = (
    "apps/v1:Deployment platform-backend",
    "apps/v1:Deployment platform-crisis-detector",
    "core/v1:ConfigMap platform-config",
)
"""The resources that have the address of the peer for clients."""
USERS = [
    *(
        f"iam/rolePolicy:RolePolicy {job}-identity-policy"
        for job in ("configuration-export", "ledger-export", "prometheus", "restore-check", "restore")
    ),
    *(f"iam/role:Role {pair}-replication-role" for pair in _PAIRS),
    *(f"iam/rolePolicy:RolePolicy {pair}-replication-policy" for pair in _PAIRS),
    *(f"s3/bucketReplicationConfig:BucketReplicationConfig {pair}-replication" for pair in _PAIRS),
    *(
        f"cloudwatch/metricAlarm:MetricAlarm alarms-copies-{data}-copy-failed"
        for data in ("backups", "ledger", "logs", "models")
    ),
    *(
        f"batch/v1:CronJob {job}"
        for job in ("backup-jobs-restore-check", "configuration-export-job", "ledger-export-job")
    ),
    *WITH_ENDPOINTS,
    "apps/v1:Deployment canary-pods",
    "backup/plan:Plan vaults-plan",
    "ecr/replicationConfiguration:ReplicationConfiguration registry-replication",
    "helm.sh/v3:Release monitoring-prometheus",
    "monitoring.coreos.com/v1:Probe monitoring-probe-peer",
]
"""The resources that refer to the copies, or to the peer."""
STEPS = [
    *(f"forget {entry}" for entry in resources(1)),
    *(f"delete {entry}" for entry in components(1)),
    *(f"create {entry}" for entry in (*resources(2), *components(2))),
    *(f"update {entry}" for entry in USERS),
]
