"""An AWS Backup vault that refuses to delete a recovery point before its time, with a key of its own."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.keys import service_key_policy, symmetric_key
from components.locked_bucket import LockMode
from components.site import Site

GRACE_DAYS = 3
"""The time in which a compliance lock can still be removed. Three days is the least: AWS Backup Developer Guide, "Vault
Lock"."""
LONGEST_DAYS = 3650
SERVICES = ("backup", "dynamodb", "rds")
"""The services through which the key is used: a copied snapshot is encrypted by its own service."""


@dataclass(frozen=True, kw_only=True)
class VaultArgs:
    """A vault, in the site's own region or in the other one."""

    vault: str
    purpose: str
    """The purpose in the alias of its key."""
    region: str
    lock_mode: LockMode
    keep_days: int
    """No recovery point may have a shorter retention."""
    site: Site


class Vault(pulumi.ComponentResource):
    """The key, the vault and its lock."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: VaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Vault", name, {}, opts)
        elsewhere = args.site.elsewhere(args.region)
        key_arn = symmetric_key(
            f"{name}-key",
            site=args.site,
            purpose=args.purpose,
            region=args.region,
            policy=service_key_policy(*SERVICES, account=args.site.account, region=args.region),
            tier="data",
            data="phi",
            parent=self,
        )
        vault = aws.backup.Vault(
            f"{name}-vault",
            name=args.vault,
            kms_key_arn=key_arn,
            region=elsewhere,
            tags=args.site.tags.of(tier="data", data="phi", name=args.vault),
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
        )
        self.name, self.arn = vault.name, vault.arn
        aws.backup.VaultLockConfiguration(
            f"{name}-lock",
            backup_vault_name=vault.name,
            min_retention_days=args.keep_days,
            max_retention_days=LONGEST_DAYS,
            # With a number of days, the lock becomes final after them. Without one, administrators may remove it.
            changeable_for_days=GRACE_DAYS if args.lock_mode == "COMPLIANCE" else None,
            region=elsewhere,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": self.name, "arn": self.arn})
