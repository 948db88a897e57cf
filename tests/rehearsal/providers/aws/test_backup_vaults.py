"""Vaults, their locks and plans in moto; selections, which moto lacks, are validated."""

from __future__ import annotations

import pytest

from tests.rehearsal.providers.aws.world import WEST, make, remove, unique, urn

VAULT = "aws:backup/vault:Vault"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
PLAN = "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"


def rules(vault: str, arn: str, days: int = 35) -> list[dict[str, object]]:
    return [
        {
            "ruleName": "daily",
            "targetVaultName": vault,
            "schedule": "cron(0 12 * * ? *)",
            "lifecycle": {"deleteAfter": days},
            "copyActions": [{"destinationVaultArn": arn, "lifecycle": {"deleteAfter": days}}],
        }
    ]


def key(world):
    return world.client("kms", WEST).create_key()["KeyMetadata"]["Arn"]


def test_a_vault_is_locked_and_a_plan_fills_it(world):
    name, outputs = make(world.west, VAULT, {"name": unique("vault"), "kmsKeyArn": key(world), "tags": {"a": "b"}})
    make(world.west, LOCK, {"backupVaultName": name, "minRetentionDays": 35, "maxRetentionDays": 3650})
    found = world.client("backup", WEST).describe_backup_vault(BackupVaultName=name)
    assert (found["Locked"], found["MinRetentionDays"]) == (True, 35)
    plan, _ = make(world.west, PLAN, {"name": unique("plan"), "rules": rules(name, outputs["arn"])})
    (rule,) = world.client("backup", WEST).get_backup_plan(BackupPlanId=plan)["BackupPlan"]["Rules"]
    assert rule["Lifecycle"]["DeleteAfterDays"] == 35
    assert rule["CopyActions"][0]["DestinationBackupVaultArn"] == outputs["arn"]


def test_a_selection_is_validated(world):
    good = {"name": "all", "planId": "p", "iamRoleArn": "arn:aws:iam::1:role/r", "resources": ["arn:aws:rds:::db:x-*"]}
    id_, outputs = make(world.west, SELECTION, good)
    remove(world.west, SELECTION, (id_, outputs))
    with pytest.raises(ValueError, match="SelectionName"):
        make(world.west, SELECTION, good | {"name": 5})


def test_a_plan_changes_in_place_and_is_deleted(world):
    vault, outputs = make(world.west, VAULT, {"name": unique("vault"), "kmsKeyArn": key(world)})
    inputs = {"name": unique("plan"), "rules": rules(vault, outputs["arn"])}
    plan, made = make(world.west, PLAN, inputs)
    changed = inputs | {"rules": rules(vault, outputs["arn"], 40)}
    updated = world.west.update(PLAN, urn(PLAN), plan, inputs, changed, made)
    assert updated["rules"][0]["lifecycle"] == {"deleteAfter": 40}
    remove(world.west, PLAN, (plan, made))
    assert plan not in [
        entry["BackupPlanId"] for entry in world.client("backup", WEST).list_backup_plans()["BackupPlansList"]
    ]
