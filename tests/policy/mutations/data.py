"""Mutations of databases and ledger."""

from __future__ import annotations

from recovery import naming
from tests.policy.draft import GONE, Draft, copied, put, unprotect
from tests.policy.mutation import DB, TABLE, Mutation

CLAIM = "claims-epoch-1-primary-1"
VARIABLES = ("spec", "template", "spec", "containers", 0, "env")


def _claims_for_the_other_site(draft: Draft) -> None:
    claim = "claims-epoch-2-secondary-1"
    for change in (
        copied(CLAIM, claim),
        put(claim, "2", *VARIABLES, 2, "value"),
        put(claim, "secondary-1", *VARIABLES, 3, "value"),
    ):
        change(draft)


DATABASES = (
    Mutation("rds-instance-encrypted", "a copied disk shows all records", put(DB, False, "storageEncrypted")),
    Mutation("rds-instance-encrypted", "AWS's key cannot be shared with another region", put(DB, GONE, "kmsKeyId")),
    Mutation(
        "rds-instance-insights-encrypted",
        "statements with names of people are readable",
        put(DB, GONE, "performanceInsightsKmsKeyId"),
    ),
    Mutation("rds-instance-multi-az", "a lost zone stops all writes", put(DB, False, "multiAz")),
    Mutation("rds-instance-multi-az", "a promotion leaves one zone", put(DB, False, "multiAz"), "secondary"),
    Mutation("rds-instance-backups-kept", "a mistake of last week is final", put(DB, 7, "backupRetentionPeriod")),
    Mutation("rds-instance-backups-kept", "no backup exists", put(DB, 0, "backupRetentionPeriod")),
    Mutation("rds-instance-backups-kept", "no backup exists", put(DB, GONE, "backupRetentionPeriod")),
    Mutation("rds-instance-not-deletable", "a script deletes the database", put(DB, False, "deletionProtection")),
    Mutation("rds-instance-not-deletable", "an edited program deletes the database", unprotect(DB)),
    Mutation("rds-instance-leaves-backups", "the backups go with it", put(DB, True, "deleteAutomatedBackups")),
    Mutation("rds-instance-leaves-backups", "no last snapshot is taken", put(DB, True, "skipFinalSnapshot")),
    Mutation("rds-instance-leaves-backups", "the deletion fails half-way", put(DB, GONE, "finalSnapshotIdentifier")),
    Mutation("rds-instance-leaves-backups", "no one knows whose snapshot it is", put(DB, False, "copyTagsToSnapshot")),
    Mutation("rds-instance-private", "the internet tries passwords", put(DB, True, "publiclyAccessible")),
    Mutation(
        "rds-instance-no-surprise-upgrade", "replication stops at night", put(DB, True, "autoMinorVersionUpgrade")
    ),
    Mutation("rds-instance-changes-now", "a recovery waits until Tuesday", put(DB, False, "applyImmediately")),
    Mutation(
        "rds-instance-logs-leave-it",
        "the reason dies with the database",
        put(DB, ["upgrade"], "enabledCloudwatchLogsExports"),
    ),
    Mutation("rds-instance-storage-grows", "a lost replica fills the leader", put(DB, 210, "maxAllocatedStorage")),
    Mutation("rds-instance-storage-grows", "a lost replica fills the leader", put(DB, GONE, "maxAllocatedStorage")),
    Mutation("rds-instance-observed", "a full disk is seen too late", put(DB, 0, "monitoringInterval")),
    Mutation("rds-instance-windows-apart", "no promotion for an hour", put(DB, "09:45-10:15", "backupWindow")),
    Mutation("rds-instance-windows-apart", "a backup at any hour", put(DB, GONE, "backupWindow")),
    Mutation(
        "rds-replica-promotable", "the provider replaces the replica", put(DB, "lifeline", "username"), "secondary"
    ),
    Mutation("rds-replica-promotable", "RDS refuses the replica", put(DB, "postgres", "engine"), "secondary"),
    Mutation(
        "rds-replica-promotable", "the leader gets default settings", put(DB, GONE, "parameterGroupName"), "secondary"
    ),
    Mutation("rds-replica-promotable", "pods cannot connect", put(DB, GONE, "vpcSecurityGroupIds"), "secondary"),
    Mutation(
        "rds-replica-from-elsewhere",
        "one region takes both databases",
        put(DB, "arn:aws:rds:us-west-2:123456789012:db:lifeline-secondary-0", "replicateSourceDb"),
        "secondary",
    ),
    Mutation(
        "rds-replica-from-elsewhere",
        "the key is lost with the other region",
        put(DB, "arn:aws:kms:us-east-2:123456789012:key/k", "kmsKeyId"),
        "secondary",
    ),
    Mutation("rds-parametergroup-tls", "passwords travel in clear", put("database-1-parameters", [], "parameters")),
    Mutation(
        "rds-parametergroup-sessions-end",
        "a forgotten transaction stops the drain",
        put("database-1-parameters", "0", "parameters", 0, "value"),
    ),
    Mutation("rds-backupcopy-kept", "the copies end first", put("database-copies-1", 7, "retentionPeriod")),
    Mutation(
        "rds-backupcopy-kept",
        "the copies cannot be read after the loss",
        put("database-copies-1", "arn:aws:kms:us-east-2:123456789012:key/k", "kmsKeyId"),
    ),
)

LEDGER = (
    Mutation(
        "dynamodb-table-strongly-consistent",
        "acknowledged events are lost with a region",
        put(TABLE, "EVENTUAL", "replicas", 0, "consistencyMode"),
    ),
    Mutation("dynamodb-table-strongly-consistent", "one region has all events", put(TABLE, [], "replicas")),
    Mutation("dynamodb-table-strongly-consistent", "AWS refuses the table", put(TABLE, GONE, "globalTableWitness")),
    Mutation(
        "dynamodb-table-three-regions",
        "the loss of one region takes the majority",
        put(TABLE, "us-east-2", "replicas", 0, "regionName"),
    ),
    Mutation(
        "dynamodb-table-point-in-time", "a wrong write is final", put(TABLE, False, "pointInTimeRecovery", "enabled")
    ),
    Mutation(
        "dynamodb-table-point-in-time",
        "the surviving region has no history",
        put(TABLE, False, "replicas", 0, "pointInTimeRecovery"),
    ),
    Mutation(
        "dynamodb-table-not-deletable", "a script deletes the ledger", put(TABLE, False, "deletionProtectionEnabled")
    ),
    Mutation(
        "dynamodb-table-not-deletable",
        "a script deletes the replica",
        put(TABLE, False, "replicas", 0, "deletionProtectionEnabled"),
    ),
    Mutation("dynamodb-table-not-deletable", "an edited program deletes the ledger", unprotect(TABLE)),
    Mutation(
        "dynamodb-table-keeps-everything", "events expire", put(TABLE, {"enabled": True, "attributeName": "t"}, "ttl")
    ),
    Mutation("dynamodb-table-no-capacity-limit", "a failover is throttled", put(TABLE, "PROVISIONED", "billingMode")),
    Mutation(
        "dynamodb-claim-own-and-once",
        "a site fences itself",
        put(CLAIM, "secondary-1", *VARIABLES, 3, "value"),
    ),
    Mutation(
        "dynamodb-claim-own-and-once",
        "the owner of the ledger takes an epoch of the other site",
        _claims_for_the_other_site,
    ),
    Mutation("dynamodb-claim-own-and-once", "the second claim is refused", copied(CLAIM, "claims-epoch-2-primary-2")),
    Mutation(
        "dynamodb-claim-in-the-ledger",
        "a lost region refuses the survivor its claim",
        put(CLAIM, "us-east-1", *VARIABLES, 4, "value"),
    ),
    Mutation("dynamodb-claim-in-the-ledger", "no fence sees the claim", put(CLAIM, "other", *VARIABLES, 5, "value")),
    Mutation(
        "dynamodb-table-in-own-region",
        "the site cannot take over from the region that has its ledger",
        put("platform-config", naming.ledger_arn(account="123456789012", region="us-west-2"), "data", "LEDGER_TABLE"),
    ),
)
