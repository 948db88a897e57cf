"""Rules that protect the data of a database. Each holds in every role, because a role changes in place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy.model import Resource, Site
from policy.rule import About, Severity, must_be, must_be_at_least, must_be_protected, must_be_set, resource_rule
from recovery.naming import PROJECT

INSTANCE = "aws:rds/instance:Instance"
COPIES = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
_GUIDE = "Amazon RDS User Guide"
DELAYED = re.compile(rf"{PROJECT}-[a-z0-9]+-\d+-delayed")
"""The identifiers of replicas that are late on purpose, and never take over: `recovery.naming.delayed_replica`."""
BORN = ("engine", "username", "password", "dbName", "allocatedStorage")
"""The inputs of a database that was created empty."""


@resource_rule(
    "rds-instance-encrypted",
    INSTANCE,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(2)(iv)",),
        remediation="Set `storageEncrypted` and a `kmsKeyId` of the site's own region.",
        reference=f"{_GUIDE}, 'Encrypting Amazon RDS resources'",
        also=("CKV_AWS_16", "HIPAA.Security-RDSStorageEncrypted", "rds-storage-encrypted"),
    ),
)
def encrypted(instance: Resource) -> Iterator[str]:
    """The storage of a database is encrypted with a key of ours."""
    yield from must_be(instance, True, "storageEncrypted")
    if not is_delayed(instance):  # in its source's region, a replica has its source's key, and may not name it
        yield from must_be_set(instance, "kmsKeyId")


@resource_rule(
    "rds-instance-multi-az",
    INSTANCE,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Set `multiAz: true`, also on a replica: together with a promotion, it needs a second apply.",
        reference=f"{_GUIDE}, 'Multi-AZ DB instance deployments'; hashicorp/terraform-provider-aws issue 4419",
        incident="aws-2025-10",
        also=("CKV_AWS_157", "HIPAA.Security-RDSMultiAZSupport", "rds-multi-az-support"),
    ),
)
def multi_az(instance: Resource) -> Iterator[str]:
    """A database that may lead has a standby in another zone, whatever its role."""
    if not is_delayed(instance):
        yield from must_be(instance, True, "multiAz")


@resource_rule(
    "rds-instance-backups-kept",
    INSTANCE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(A)", "90 FR 898 (proposed): 48 hours"),
        remediation="Set `backupRetentionPeriod` to the longest that RDS offers, 35 days.",
        reference=f"{_GUIDE}, 'Backup retention period'",
        incident="gitlab-2017",
        also=("CKV_AWS_133", "HIPAA.Security-RDSInstanceBackupEnabled", "db-instance-backup-enabled"),
    ),
)
def backups_kept(instance: Resource, *, minimum_days: int = 30) -> Iterator[str]:
    """RDS can restore a database that may lead to any second of the last month."""
    if not is_delayed(instance):
        yield from must_be_at_least(instance, minimum_days, "backupRetentionPeriod")


@resource_rule(
    "rds-instance-not-deletable",
    INSTANCE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Set `deletionProtection: true` and Pulumi's `protect`.",
        reference=f"{_GUIDE}, 'Prerequisites for deleting a DB instance'",
        incident="atlassian-2022",
        also=("CKV_AWS_293", "HIPAA.Security-RDSInstanceDeletionProtectionEnabled"),
    ),
)
def not_deletable(instance: Resource) -> Iterator[str]:
    """AWS and Pulumi both refuse to delete a database that has data of its own."""
    if not is_delayed(instance):
        yield from must_be(instance, True, "deletionProtection")
        yield from must_be_protected(instance)


@resource_rule(
    "rds-instance-leaves-backups",
    INSTANCE,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(A)",),
        remediation="Set `deleteAutomatedBackups: false`, `copyTagsToSnapshot: true` and a final snapshot.",
        reference=f"{_GUIDE}, 'Deleting a DB instance'",
        incident="atlassian-2022",
        also=("CKV2_AWS_60",),
    ),
)
def leaves_backups(instance: Resource) -> Iterator[str]:
    """A deleted database leaves its backups and a last snapshot."""
    if is_delayed(instance):
        return
    yield from must_be(instance, False, "deleteAutomatedBackups")
    yield from must_be(instance, True, "copyTagsToSnapshot")
    # RDS refuses a final snapshot of a database that replicates a lost leader.
    if instance.get("skipFinalSnapshot") is not True:
        yield from must_be_set(instance, "finalSnapshotIdentifier")
    elif instance.get("replicateSourceDb") is None:
        yield "skipFinalSnapshot is true, expected false: only a stale replica has no final snapshot"


@resource_rule(
    "rds-instance-private",
    INSTANCE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(a)(1)",),
        remediation="Set `publiclyAccessible: false`.",
        reference=f"{_GUIDE}, 'Hiding a DB instance in a VPC from the internet'",
        also=("CKV_AWS_17", "HIPAA.Security-RDSInstancePublicAccess", "rds-instance-public-access-check"),
    ),
)
def private(instance: Resource) -> Iterator[str]:
    """No database has a public address."""
    yield from must_be(instance, False, "publiclyAccessible")


@resource_rule(
    "rds-replica-promotable",
    INSTANCE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Declare a replica with everything that a leader needs, and with nothing that RDS refuses for it.",
        reference="hashicorp/terraform-provider-aws issue 4419; Amazon RDS User Guide, 'Promoting a read replica'",
        incident="aws-2021-12",
    ),
)
def promotable(instance: Resource) -> Iterator[str]:
    """A replica becomes a leader in one apply, without being replaced."""
    if instance.get("replicateSourceDb") is None or is_delayed(instance):
        return
    for key in ("parameterGroupName", "vpcSecurityGroupIds", "dbSubnetGroupName", "kmsKeyId"):
        yield from must_be_set(instance, key)
    for key in BORN:
        if instance.get(key) is not None:
            yield f"{key} is set: RDS refuses it for a replica, or the provider would replace the instance"


@resource_rule(
    "rds-backupcopy-kept",
    COPIES,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(A)",),
        remediation="Keep the copies as long as the originals, with a key of the copies' region.",
        reference=f"{_GUIDE}, 'Replicating automated backups to another AWS Region'",
        incident="unisuper-2024",
    ),
)
def copies_kept(copy: Resource, *, minimum_days: int = 30) -> Iterator[str]:
    """Replicated backups are kept for a month, under a key of their own region."""
    yield from must_be_at_least(copy, minimum_days, "retentionPeriod")
    key, region = copy.get("kmsKeyId"), copy.get("region")
    if isinstance(key, str) and isinstance(region, str) and f":{region}:" not in key:
        yield f"kmsKeyId {key} is not in {region}"
    yield from must_be_set(copy, "kmsKeyId")


def is_delayed(instance: Resource) -> bool:
    """Whether a database is late on purpose: it never leads, and its source has the backups."""
    return DELAYED.fullmatch(str(instance.get("identifier"))) is not None


def replicas(first: Site, second: Site) -> Iterator[tuple[Site, Resource, Site, Resource | None]]:
    """Each replica with its site, the other site, and its source there; None if the other site declares no such one."""
    for site, peer in ((first, second), (second, first)):
        sources = {str(entry.get("identifier")): entry for entry in peer.of(INSTANCE)}
        for replica in site.of(INSTANCE):
            arn = replica.get("replicateSourceDb")
            if isinstance(arn, str) and not is_delayed(replica):
                yield site, replica, peer, sources.get(arn.rpartition(":")[2])


RULES = (
    encrypted,
    multi_az,
    backups_kept,
    not_deletable,
    leaves_backups,
    private,
    promotable,
    copies_kept,
)
