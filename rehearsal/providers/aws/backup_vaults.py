"""AWS Backup: vaults, their locks, and plans. moto has no selections and runs no plan, so those are validated only."""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain

_NAMES = {
    "targetVaultName": "TargetBackupVaultName",
    "schedule": "ScheduleExpression",
    "destinationVaultArn": "DestinationBackupVaultArn",
    "deleteAfter": "DeleteAfterDays",
}


def _create_vault(call: Call) -> Created:
    name = call.inputs["name"]
    tags = call.inputs.get("tags") or {}
    made = call.do(
        "CreateBackupVault", BackupVaultName=name, EncryptionKeyArn=call.inputs["kmsKeyArn"], BackupVaultTags=tags
    )
    return name, {"arn": made["BackupVaultArn"], "recoveryPoints": 0}


def _create_lock(call: Call) -> Created:
    keys = words("minRetentionDays maxRetentionDays changeableForDays")
    call.send("PutBackupVaultLockConfiguration", keys, BackupVaultName=call.inputs["backupVaultName"])
    return call.inputs["backupVaultName"], {}


def _plan(call: Call, operation: str) -> Plain:
    shape: Any = call.clients.model("backup", operation).input_shape
    plan = parameters(shape.members["BackupPlan"], {"rules": call.inputs["rules"]}, _NAMES)
    return {"BackupPlanName": call.inputs["name"], **plan}


def _create_plan(call: Call) -> Created:
    made = call.do(
        "CreateBackupPlan",
        BackupPlan=_plan(call, "CreateBackupPlan"),
        BackupPlanTags=call.inputs.get("tags") or {},
    )
    return made["BackupPlanId"], {"arn": made["BackupPlanArn"], "version": made["VersionId"]}


def _update_plan(call: Call) -> Plain:
    call.pretend("UpdateBackupPlan", BackupPlanId=call.id, BackupPlan=_plan(call, "UpdateBackupPlan"))
    return {}


def _create_selection(call: Call) -> Created:
    selection = {
        "SelectionName": call.inputs["name"],
        "IamRoleArn": call.inputs["iamRoleArn"],
        "Resources": call.inputs["resources"],
    }
    call.pretend("CreateBackupSelection", BackupPlanId=call.inputs["planId"], BackupSelection=selection)
    return f"{call.inputs['planId']}|{call.inputs['name']}", {}


def _delete_selection(call: Call) -> None:
    call.pretend("DeleteBackupSelection", BackupPlanId=call.outputs["planId"], SelectionId=call.id)


ADAPTERS = (
    Adapter(
        type="aws:backup/vault:Vault",
        service="backup",
        inputs=words("name kmsKeyArn forceDestroy"),
        create=_create_vault,
        delete=remover("DeleteBackupVault", BackupVaultName="id"),
    ),
    Adapter(
        type="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        service="backup",
        inputs=words("backupVaultName minRetentionDays maxRetentionDays changeableForDays"),
        create=_create_lock,
        delete=remover("DeleteBackupVaultLockConfiguration", BackupVaultName="id"),
    ),
    Adapter(
        type="aws:backup/plan:Plan",
        service="backup",
        inputs=words("name rules"),
        create=_create_plan,
        update=_update_plan,
        updates=words("rules"),
        delete=remover("DeleteBackupPlan", BackupPlanId="id"),
    ),
    Adapter(
        type="aws:backup/selection:Selection",
        service="backup",
        inputs=words("name planId iamRoleArn resources"),
        create=_create_selection,
        delete=_delete_selection,
    ),
)
