"""The listing of copies: a copy that is not declared has no row."""

from __future__ import annotations

from typing import Any

import pytest

from lifeline.copies import Copy, copies
from stacks.config import parse
from tests.harness import PRIMARY_LEADS, deploy, stack_config


def rows(stack: str, timeline: tuple[str, ...] = PRIMARY_LEADS, without: str = "", **changes: Any) -> list[Copy]:
    site = parse(stack_config(stack, timeline=list(timeline), **changes), stack=stack)
    made = [entry for entry in deploy(stack, timeline, **changes) if not without or not entry.name.startswith(without)]
    return list(copies(made, site))


@pytest.mark.parametrize(
    ("without", "lost"),
    [
        (
            "backups-copy-lock",
            [f"daily {made} in `lifeline-123456789012-primary-backups-copy`" for made in ("dump", "export")],
        ),
        (
            "configuration-export-job",
            [f"daily export in `lifeline-123456789012-primary-{bucket}`" for bucket in ("backups", "backups-copy")],
        ),
        ("ledger-table", ["the ledger, strongly consistent", "DynamoDB point in time, any second"]),
        (
            "ledger-exports-copy-expiry",
            ["daily export in `lifeline-123456789012-primary-ledger-copy`"],
        ),
        (
            "logs-stream",
            [
                f"objects, written every 60 seconds or earlier in `lifeline-123456789012-primary-{bucket}`"
                for bucket in ("logs", "logs-copy")
            ],
        ),
        ("registry-replication", ["Amazon ECR, sent to the other region"]),
        ("models-copy-lock", ["versions in `lifeline-123456789012-primary-models-copy`"]),
        ("password-secret", ["Secrets Manager, replicated"]),
    ],
)
def test_a_copy_whose_resource_is_missing_has_no_row(without: str, lost: list[str]) -> None:
    remaining = {row.copy for row in rows("primary", without=without)}
    assert sorted({row.copy for row in rows("primary")} - remaining) == sorted(lost)


def test_the_retention_and_the_lock_are_those_of_the_resources() -> None:
    changed = rows("primary", backups={"keepDays": {"userData": 90}, "lockMode": "compliance"})
    kept = {row.kept for row in changed if "dump" in row.copy or "recovery point" in row.copy}
    assert kept == {"90 days, locked (compliance)"}


def test_a_copy_in_another_account_is_listed_with_its_account() -> None:
    vault = "arn:aws:backup:us-east-2:999999999999:backup-vault:lifeline"
    places = [row.where for row in rows("primary", backups={"otherAccountVaultArn": vault}) if "account" in row.copy]
    assert places == ["us-east-2, account 999999999999"] * 2


def test_a_replica_promises_no_point_in_time_and_its_leader_does() -> None:
    def rds(stack: str, timeline: tuple[str, ...]) -> list[str]:
        return [row.copy for row in rows(stack, timeline) if "RDS" in row.copy]

    assert rds("secondary", PRIMARY_LEADS) == ["daily RDS backup of the replica"]
    assert rds("secondary", ("primary-1", "secondary-1")) == ["RDS backups, any second"]
