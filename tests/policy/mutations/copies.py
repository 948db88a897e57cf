"""Mutations of buckets, keys, secrets, vaults and registries."""

from __future__ import annotations

from typing import Any

from tests.policy.draft import GONE, document, drop, put, relink, unprotect
from tests.policy.mutation import Mutation


def _open_to_everyone(policy: Any) -> None:
    policy["Statement"].append({"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"})


def _allow_plain_text(policy: Any) -> None:
    policy["Statement"] = [entry for entry in policy["Statement"] if entry["Sid"] != "RefusePlainText"] or [
        {"Sid": "Nothing", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "*"}
    ]


BUCKETS = (
    Mutation("s3-bucket-versioned", "an overwritten backup is gone", drop("backups-own-versioning")),
    Mutation(
        "s3-bucket-versioned",
        "an overwritten backup is gone",
        put("backups-own-versioning", "Suspended", "versioningConfiguration", "status"),
    ),
    Mutation("s3-bucket-encrypted", "dumps are under AWS's key", drop("backups-own-encryption")),
    Mutation(
        "s3-bucket-encrypted",
        "every role of the account reads dumps",
        put("backups-own-encryption", "AES256", "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"),
    ),
    Mutation(
        "s3-bucket-encrypted",
        "the copy cannot be read after the loss",
        put(
            "backups-copy-encryption",
            "arn:aws:kms:us-east-2:123456789012:key/k",
            *("rules", 0, "applyServerSideEncryptionByDefault", "kmsMasterKeyId"),
        ),
    ),
    Mutation("s3-bucket-no-public-access", "a policy publishes dumps", drop("backups-own-access")),
    Mutation(
        "s3-bucket-no-public-access", "a policy publishes dumps", put("logs-own-access", False, "blockPublicPolicy")
    ),
    Mutation(
        "s3-bucket-no-public-access", "an ACL publishes dumps", put("logs-copy-access", False, "ignorePublicAcls")
    ),
    Mutation(
        "s3-bucket-no-acls",
        "an ACL gives dumps away",
        put("backups-own-ownership", "ObjectWriter", "rule", "objectOwnership"),
    ),
    Mutation(
        "s3-bucket-tls-only", "dumps travel in clear", document("backups-own-policy", "policy", _allow_plain_text)
    ),
    Mutation("s3-bucket-copied-elsewhere", "the region takes all dumps", drop("backups-replication")),
    Mutation("s3-bucket-copied-elsewhere", "the region takes all models", drop("models-replication")),
    Mutation("s3-bucket-copied-elsewhere", "the copy is nowhere", relink("logs-replication", "rules")),
    Mutation(
        "s3-bucket-copied-elsewhere",
        "the copy is beside the original",
        relink("logs-replication", "rules", "models-own-bucket"),
    ),
    Mutation(
        "s3-replication-complete", "nothing is copied", put("backups-replication", "Disabled", "rules", 0, "status")
    ),
    Mutation(
        "s3-replication-complete",
        "only some are copied",
        put("backups-replication", "dumps/", "rules", 0, "filter", "prefix"),
    ),
    Mutation(
        "s3-replication-complete",
        "an attacker's deletions are copied",
        put("backups-replication", "Enabled", "rules", 0, "deleteMarkerReplication", "status"),
    ),
    Mutation(
        "s3-replication-complete",
        "encrypted objects are skipped",
        put("backups-replication", GONE, "rules", 0, "sourceSelectionCriteria"),
    ),
    Mutation(
        "s3-replication-complete",
        "no one promises a time",
        put("ledger-exports-replication", GONE, "rules", 0, "destination", "replicationTime"),
    ),
    Mutation(
        "s3-replication-complete",
        "a failed copy is silent",
        put("logs-replication", GONE, "rules", 0, "destination", "metrics"),
    ),
    Mutation("s3-copy-locked", "an attacker deletes the copy", drop("backups-copy-lock")),
    Mutation(
        "s3-copy-locked",
        "an attacker waits a day",
        put("backups-copy-lock", 1, "rule", "defaultRetention", "days"),
    ),
    Mutation("s3-copy-locked", "an attacker deletes the copy", put("logs-copy-bucket", False, "objectLockEnabled")),
    Mutation(
        "s3-copy-kept-as-long-as-locked",
        "copies end before their time",
        put("backups-copy-expiry", 3, "rules", 0, "expiration", "days"),
    ),
    Mutation("s3-bucket-not-deletable", "an edited program deletes dumps", unprotect("backups-copy-bucket")),
    Mutation("s3-bucket-not-deletable", "a destroy empties it first", put("backups-own-bucket", True, "forceDestroy")),
)

KEYS = (
    Mutation("kms-key-rotated", "an old key opens new data", put("keys-database", False, "enableKeyRotation")),
    Mutation("kms-key-not-deletable", "all data is lost in a week", put("keys-database", 7, "deletionWindowInDays")),
    Mutation("kms-key-not-deletable", "an edited program loses all data", unprotect("vaults-copy-key")),
    Mutation("kms-key-policy-closed", "anyone decrypts", document("keys-secrets", "policy", _open_to_everyone)),
    Mutation("kms-key-policy-closed", "every administrator decrypts", put("keys-secrets", GONE, "policy")),
    Mutation(
        "secretsmanager-secret-in-both-regions",
        "no pod connects after the loss",
        put("password-secret", [], "replicas"),
    ),
    Mutation(
        "secretsmanager-secret-kept", "a deleted password is final", put("password-secret", 0, "recoveryWindowInDays")
    ),
    Mutation("secretsmanager-secret-kept", "every role reads it", put("password-secret", GONE, "kmsKeyId")),
    Mutation("secretsmanager-secret-kept", "an edited program deletes it", unprotect("password-secret")),
    Mutation("backup-vault-locked", "an attacker deletes recovery points", drop("vaults-copy-lock")),
    Mutation("backup-vault-locked", "an attacker waits a week", put("vaults-own-lock", 7, "minRetentionDays")),
    Mutation("backup-vault-kept", "an edited program deletes it", unprotect("vaults-own-vault")),
    Mutation("backup-vault-kept", "AWS's key cannot be copied", put("vaults-copy-vault", GONE, "kmsKeyArn")),
    Mutation(
        "backup-plan-copied-elsewhere", "the region takes all points", put("vaults-plan", [], "rules", 0, "copyActions")
    ),
    Mutation("backup-plan-copied-elsewhere", "the copy is nowhere", drop("vaults-copy-vault", "vaults-copy-lock")),
    Mutation(
        "backup-plan-copied-elsewhere",
        "points end too early",
        put("vaults-plan", 7, "rules", 0, "lifecycle", "deleteAfter"),
    ),
    Mutation(
        "backup-plan-copied-elsewhere",
        "copies end too early",
        put("vaults-plan", 7, "rules", 0, "copyActions", 0, "lifecycle", "deleteAfter"),
    ),
    Mutation(
        "backup-plan-copied-elsewhere",
        "a week is lost",
        put("vaults-plan", "cron(0 12 ? * SUN *)", "rules", 0, "schedule"),
    ),
    Mutation(
        "backup-selection-complete",
        "a reseeded database has no points",
        put("vaults-selection", "arn:aws:rds:us-east-2:123456789012:db:lifeline-primary-1", "resources", 0),
    ),
    Mutation("backup-selection-complete", "the ledger has no points", put("vaults-selection", GONE, "resources", 1)),
    Mutation(
        "ecr-repository-immutable",
        "a node starts another image",
        put("registry-backend", "MUTABLE", "imageTagMutability"),
    ),
    Mutation("ecr-repository-immutable", "a node starts no image", unprotect("registry-crisis-detector")),
    Mutation("logs-group-kept", "the traces are gone", put("cluster-1-logs", 7, "retentionInDays")),
    Mutation("logs-group-kept", "AWS's key protects statements", put("database-1-logs-postgresql", GONE, "kmsKeyId")),
)
