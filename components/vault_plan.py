"""Daily recovery points of a site's databases and ledger, copied to the other region and, if asked, to another account.

A dump proves that the data can be read. A recovery point restores a large database faster, and a copy in another
account survives the loss of this one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.locked_bucket import LockMode
from components.permissions import service_trust
from components.site import Site
from components.vault import Vault, VaultArgs
from recovery import naming
from recovery.naming import PROJECT

SCHEDULE = "cron(0 12 * * ? *)"
"""Every day, in UTC: outside the windows in which RDS makes its own backups and maintains itself. RDS does not promote
a replica while a snapshot of it is taken, so a flip may have to wait for it."""
POLICY_ARN = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"


@dataclass(frozen=True, kw_only=True)
class VaultPlanArgs:
    """The retention and the copies of a site's recovery points."""

    peer_region: str
    lock_mode: LockMode
    keep_days: int
    other_account_vault_arn: str | None
    """A vault in this region of another account. RDS cannot be copied to another region and account in one step."""
    site: Site


class VaultPlan(pulumi.ComponentResource):
    """Two locked vaults, one in each region, and the plan that fills them."""

    def __init__(self, name: str, args: VaultPlanArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:VaultPlan", name, {}, opts)
        vault = naming.vault(args.site.name)
        own = self._vault(f"{name}-own", args, args.site.region, vault, "vault")
        copy_name = args.site.copy_name
        copy = self._vault(copy_name(name), args, args.peer_region, copy_name(vault), copy_name("vault"))
        plan = self._plan(name, args, own, copy)
        self._selection(name, args, plan)
        self.register_outputs({"vault": own.arn, "copy": copy.arn})

    def _vault(self, name: str, args: VaultPlanArgs, region: str, vault: str, purpose: str) -> Vault:
        return Vault(
            name,
            VaultArgs(
                vault=vault,
                purpose=purpose,
                region=region,
                lock_mode=args.lock_mode,
                keep_days=args.keep_days,
                site=args.site,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _plan(self, name: str, args: VaultPlanArgs, own: Vault, copy: Vault) -> aws.backup.Plan:
        destinations: list[pulumi.Input[str]] = [copy.arn]
        if args.other_account_vault_arn is not None:
            destinations.append(args.other_account_vault_arn)
        return aws.backup.Plan(
            f"{name}-plan",
            name=f"{PROJECT}-{args.site.name}-daily",
            rules=[
                {
                    "rule_name": "daily",
                    "target_vault_name": own.name,
                    "schedule": SCHEDULE,
                    "lifecycle": {"delete_after": args.keep_days},
                    "copy_actions": [
                        {"destination_vault_arn": arn, "lifecycle": {"delete_after": args.keep_days}}
                        for arn in destinations
                    ],
                }
            ],
            tags=args.site.tags.of(tier="data", data="none", name=f"{PROJECT}-{args.site.name}-daily"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _selection(self, name: str, args: VaultPlanArgs, plan: aws.backup.Plan) -> None:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(
                service_trust(
                    "backup.amazonaws.com", condition={"StringEquals": {"aws:SourceAccount": args.site.account}}
                )
            ),
            description="AWS Backup takes and copies recovery points",
            tags=args.site.tags.of(tier="data", data="none", name=f"{name}-role"),
            opts=child,
        )
        attached = aws.iam.RolePolicyAttachment(f"{name}-policy", role=role.name, policy_arn=POLICY_ARN, opts=child)
        own = {"account": args.site.account, "region": args.site.region}
        aws.backup.Selection(
            f"{name}-selection",
            name=f"{PROJECT}-{args.site.name}",
            plan_id=plan.id,
            iam_role_arn=role.arn,
            # A pattern, so that a reseed or a restore changes nothing here. A fenced database is backed up too.
            # AWS Backup backs up its own region's resources only.
            resources=[
                naming.databases_arn(args.site.name, **own),
                *([args.site.ledger_arn] if args.site.has_ledger else []),
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[attached]),
        )
