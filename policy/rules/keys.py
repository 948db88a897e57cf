"""Rules on keys, secrets, vaults and registries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policy.model import UNKNOWN, Resource, Site
from policy.rule import (
    About,
    Severity,
    must_be,
    must_be_at_least,
    must_be_protected,
    must_be_set,
    resource_rule,
    shown,
    site_rule,
)

KEY = "aws:kms/key:Key"
SECRETS = "aws:secretsmanager/secret:Secret"
VAULT = "aws:backup/vault:Vault"
VAULT_LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
PLAN = "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"
REPOSITORY = "aws:ecr/repository:Repository"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
_KMS, _BACKUP = "AWS KMS Developer Guide", "AWS Backup Developer Guide"


@resource_rule(
    "kms-key-rotated",
    KEY,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(a)(2)(iv)",),
        remediation="Set `enableKeyRotation: true`.",
        reference=f"{_KMS}, 'Rotate AWS KMS keys'",
        also=("CKV_AWS_7", "HIPAA.Security-KMSBackingKeyRotationEnabled", "cmk-backing-key-rotation-enabled"),
    ),
)
def rotated(key: Resource) -> Iterator[str]:
    """KMS rotates each key every year."""
    yield from must_be(key, True, "enableKeyRotation")


@resource_rule(
    "kms-key-not-deletable",
    KEY,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)",),
        remediation="Set `deletionWindowInDays: 30` and Pulumi's `protect`.",
        reference=f"{_KMS}, 'Delete an AWS KMS key': data under a deleted key is lost",
        incident="atlassian-2022",
    ),
)
def key_not_deletable(key: Resource, *, minimum_days: int = 30) -> Iterator[str]:
    """A key cannot be deleted by mistake, nor fast: all data under it would be lost."""
    yield from must_be_at_least(key, minimum_days, "deletionWindowInDays")
    yield from must_be_protected(key)


@resource_rule(
    "kms-key-policy-closed",
    KEY,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(a)(1)",),
        remediation="Give a statement with the principal `*` a condition that names the caller.",
        reference=f"{_KMS}, 'Key policies in AWS KMS'",
        also=("CKV_AWS_33",),
    ),
)
def policy_closed(key: Resource) -> Iterator[str]:
    """No key can be used by everyone."""
    document = key.document("policy")
    if document is UNKNOWN:
        return
    for statement in document["Statement"] if document else ():
        everyone = statement.get("Principal") in ("*", {"AWS": "*"})
        if everyone and statement["Effect"] == "Allow" and not statement.get("Condition"):
            yield f"statement {statement.get('Sid')} allows everyone without a condition"
    if not document:
        yield "policy is not set: KMS's default lets every administrator of the account use the key"


@resource_rule(
    "secretsmanager-secret-in-both-regions",
    SECRETS,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Replicate the secret to the other site's region.",
        reference="AWS Secrets Manager User Guide, 'Replicate secrets across Regions'",
        incident="aws-2025-10",
    ),
)
def secret_in_both_regions(secret: Resource) -> Iterator[str]:
    """A site reads its secrets in its own region, also while the other one is lost."""
    if not secret.items("replicas"):
        yield "replicas is not set"


@resource_rule(
    "secretsmanager-secret-kept",
    SECRETS,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(2)(iv)", "164.312(c)(1)"),
        remediation="Set a `kmsKeyId`, `recoveryWindowInDays: 30` and Pulumi's `protect`.",
        reference="AWS Secrets Manager User Guide, 'Delete an AWS Secrets Manager secret'",
        also=("CKV_AWS_149", "HIPAA.Security-SecretsManagerUsingKMSKey", "secretsmanager-using-cmk"),
    ),
)
def secret_kept(secret: Resource, *, minimum_days: int = 30) -> Iterator[str]:
    """A secret has a key of ours, and a deletion can be taken back for a month."""
    yield from must_be_set(secret, "kmsKeyId")
    yield from must_be_at_least(secret, minimum_days, "recoveryWindowInDays")
    yield from must_be_protected(secret)


@site_rule(
    "backup-vault-locked",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(c)(1)", "164.308(a)(7)(ii)(A)"),
        remediation="Declare a lock with a shortest retention for each vault.",
        reference=f"{_BACKUP}, 'AWS Backup Vault Lock'",
        incident="unisuper-2024",
        also=("HIPAA.Security-BackupRecoveryPointManualDeletionDisabled",),
    ),
)
def vault_locked(site: Site, *, minimum_days: int = 30) -> Iterator[tuple[Resource, str]]:
    """No one deletes a recovery point before its time."""
    for vault in site.of(VAULT):
        name = vault.get("name")
        locks = [
            lock
            for lock in site.of(VAULT_LOCK)
            if vault.urn in lock.links.get("backupVaultName", ()) or lock.get("backupVaultName") == name
        ]
        if not locks:
            yield vault, "it has no lock"
        for lock in locks:
            yield from ((vault, text) for text in must_be_at_least(lock, minimum_days, "minRetentionDays"))


@resource_rule(
    "backup-vault-kept",
    VAULT,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(2)(iv)", "164.312(c)(1)"),
        remediation="Set a `kmsKeyArn` and Pulumi's `protect`, and no `forceDestroy`.",
        reference=f"{_BACKUP}, 'Encryption for backups in AWS Backup'",
        also=("CKV_AWS_166",),
    ),
)
def vault_kept(vault: Resource) -> Iterator[str]:
    """A vault has a key of its own, and Pulumi refuses to delete it."""
    yield from must_be_set(vault, "kmsKeyArn")
    yield from must_be_protected(vault)
    if vault.get("forceDestroy") is True:
        yield "forceDestroy is true, expected not set"


@site_rule(
    "backup-plan-copied-elsewhere",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(A)", "164.310(d)(2)(iv)", "90 FR 898 (proposed): 48 hours"),
        remediation="Make a recovery point each day, keep it a month, and copy it to a vault in the other region.",
        reference=f"{_BACKUP}, 'Creating backup copies across AWS Regions'",
        incident="unisuper-2024",
    ),
)
def plan_copied_elsewhere(site: Site, *, minimum_days: int = 30) -> Iterator[tuple[Resource, str]]:
    """Recovery points are made each day, kept a month, and copied to the other region."""
    for plan in site.of(PLAN):
        for rule in plan.items("rules"):
            yield from ((plan, message) for message in _plan_rule(rule, minimum_days))
        copies = [
            vault for vault in site.linked(plan, "rules", VAULT) if vault.get("region") not in (None, site.region)
        ]
        if not copies:
            yield plan, "copyActions lead to no vault in another region"


def _plan_rule(rule: dict[str, Any], minimum_days: int) -> Iterator[str]:
    lifetimes = [("lifecycle", rule)] + [("copyActions", copy) for copy in rule.get("copyActions") or ()]
    if len(lifetimes) == 1:
        yield "copyActions is not set"
    for name, entry in lifetimes:
        days = (entry.get("lifecycle") or {}).get("deleteAfter")
        if not isinstance(days, int) or days < minimum_days:
            yield f"{name} deletes after {shown(days)} days, expected at least {minimum_days}"
    fields = str(rule.get("schedule", "")).removeprefix("cron(").removesuffix(")").split()
    if len(fields) != 6 or not fields[0].isdigit() or not fields[1].isdigit() or fields[2:4] != ["*", "*"]:
        yield f"schedule is {shown(rule.get('schedule'))}, expected once a day"


@site_rule(
    "backup-selection-complete",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(A)", "164.308(a)(7)(ii)(E)"),
        remediation="Select all databases of the site by a pattern, and the ledger.",
        reference=f"{_BACKUP}, 'Assign resources to a backup plan'",
        incident="gitlab-2017",
        also=("CKV2_AWS_8", "HIPAA.Security-RDSInBackupPlan", "rds-resources-protected-by-backup-plan"),
    ),
)
def selection_complete(site: Site) -> Iterator[tuple[Resource, str]]:
    """Every database of the site has recovery points, a new one too, and so has the ledger's copy in its region."""
    for selection in site.of(SELECTION):
        arns = [str(arn) for arn in selection.items("resources")]
        if not any(":db:lifeline-" in arn and arn.endswith("-*") for arn in arns):
            yield selection, "resources has no pattern for all databases of the site"
        if site.ledger_region == site.region and not any(":table/lifeline-crisis-ledger" in arn for arn in arns):
            yield selection, "resources lacks the ledger"


@resource_rule(
    "ecr-repository-immutable",
    REPOSITORY,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(c)(1)", "164.308(a)(7)(ii)(C)"),
        remediation="Set `imageTagMutability: IMMUTABLE`, `scanOnPush`, a key and Pulumi's `protect`.",
        reference="Amazon ECR User Guide, 'Preventing image tags from being overwritten in Amazon ECR'",
        also=("CKV_AWS_51", "CKV_AWS_136", "CKV_AWS_163", "ecr-private-tag-immutability-enabled"),
    ),
)
def repository_immutable(repository: Resource) -> Iterator[str]:
    """An image stays as it was pushed, and stays: a replaced node needs it long after its release."""
    yield from must_be(repository, "IMMUTABLE", "imageTagMutability")
    yield from must_be(repository, True, "imageScanningConfiguration", "scanOnPush")
    for entry in repository.items("encryptionConfigurations") or [{}]:
        yield from must_be(entry, "KMS", "encryptionType")
    yield from must_be_protected(repository)
    if repository.get("forceDelete") is True:
        yield "forceDelete is true, expected not set"


@resource_rule(
    "logs-group-kept",
    LOGS,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(b)", "164.312(a)(2)(iv)"),
        remediation="Set a `kmsKeyId` and `retentionInDays` of at least a year.",
        reference="Amazon CloudWatch Logs User Guide, 'Encrypt log data in CloudWatch Logs using AWS KMS'",
        also=("CKV_AWS_158", "CKV_AWS_338", "HIPAA.Security-CloudWatchLogGroupEncrypted"),
    ),
)
def logs_kept(group: Resource, *, minimum_days: int = 365) -> Iterator[str]:
    """Logs are encrypted with a key of ours and kept for a year."""
    yield from must_be_set(group, "kmsKeyId")
    yield from must_be_at_least(group, minimum_days, "retentionInDays")


RULES = (
    rotated,
    key_not_deletable,
    policy_closed,
    secret_in_both_regions,
    secret_kept,
    vault_locked,
    vault_kept,
    plan_copied_elsewhere,
    selection_complete,
    repository_immutable,
    logs_kept,
)
