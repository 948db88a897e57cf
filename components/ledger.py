"""The crisis ledger: crisis events, and the claims of the epochs.

It is one DynamoDB global table with multi-Region strong consistency: a write is acknowledged when two of three regions
have it, and a read in any region sees it. Therefore the loss of a region loses no crisis event, and an epoch can be
claimed only once.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.ownership import Ownership, belonging
from components.site import Site
from recovery.naming import LEDGER_KEY, LEDGER_TABLE


@dataclass(frozen=True, kw_only=True)
class LedgerArgs:
    """The regions of the ledger."""

    site: Site
    copy_region: str
    """The region of the second full copy, which the other site uses."""
    witness_region: str
    """The region of the witness, which only counts for the majority and answers no reads."""
    ownership: Ownership = Ownership.OWN
    adopted: bool = False
    """Whether another stack made the table. Then this one never changes its regions or its stream."""

    def __post_init__(self) -> None:
        regions = (self.site.region, self.copy_region, self.witness_region)
        if len(set(regions)) != len(regions):
            raise ValueError(f"the ledger names {', '.join(regions)}: strong consistency needs three different regions")


class Ledger(pulumi.ComponentResource):
    """The table. One stack owns it; the other stack refers to it by name in its own region.

    It is encrypted with a key that DynamoDB owns, because a regional key of ours could be lost with its region. It has
    no time to live, no local index and no transactions: strong consistency across regions excludes them.
    Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work".

    The provider reads both full copies, so a table is adopted and updated only while both of their regions answer.
    Source: hashicorp/terraform-provider-aws, internal/service/dynamodb/table.go, `addReplicaPITRs`.
    """

    table: aws.dynamodb.Table
    table_name: pulumi.Output[str]

    def __init__(self, name: str, args: LedgerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Ledger", name, {}, opts)
        self.table = aws.dynamodb.Table(
            f"{name}-table",
            name=LEDGER_TABLE,
            billing_mode="PAY_PER_REQUEST",
            hash_key=LEDGER_KEY,
            attributes=[{"name": LEDGER_KEY, "type": "S"}],
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=args.site.protect,
            # An archive could read it. Replication with strong consistency does not need it, and the provider does not
            # enable it at the other replica: hashicorp/terraform-provider-aws issue 48213.
            stream_enabled=True,
            stream_view_type="NEW_AND_OLD_IMAGES",
            replicas=[_strong_replica(args)],
            global_table_witness={"region_name": args.witness_region},
            tags=args.site.tags.of(tier="crisis", data="phi", name=LEDGER_TABLE),
            opts=belonging(
                args.ownership,
                parent=self,
                protect=args.site.protect,
                import_id=LEDGER_TABLE,
                differs=("deletionProtectionEnabled", "pointInTimeRecovery", "tags"),
                always=_OF_THE_FIRST_OWNER if args.adopted else (),
            ),
        )
        self.table_name = self.table.name
        self.register_outputs({})


_OF_THE_FIRST_OWNER = ("globalTableWitness", "replicas", "streamEnabled", "streamViewType")
"""The inputs that only the stack that made the table may change."""


def _strong_replica(args: LedgerArgs) -> aws.dynamodb.TableReplicaArgs:
    return aws.dynamodb.TableReplicaArgs(
        region_name=args.copy_region,
        consistency_mode="STRONG",
        point_in_time_recovery=True,
        deletion_protection_enabled=args.site.protect,
        propagate_tags=True,
    )
