"""The crisis ledger: crisis events, and the claims of the epochs.

It is one DynamoDB global table with multi-Region strong consistency: a write is acknowledged when two of three regions
have it, and a read in any region sees it. Therefore the loss of a region loses no crisis event, and an epoch can be
claimed only once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site
from recovery.naming import LEDGER_KEY, LEDGER_TABLE, claim_key
from recovery.timeline import DatabaseId


@dataclass(frozen=True, kw_only=True)
class LedgerArgs:
    """The regions of the ledger."""

    site: Site
    peer_region: str
    """The region of the second full copy, which the other site uses."""
    witness_region: str
    """The region of the witness, which only counts for the majority and answers no reads."""

    def __post_init__(self) -> None:
        regions = (self.site.region, self.peer_region, self.witness_region)
        if len(set(regions)) != len(regions):
            raise ValueError(f"the ledger names {', '.join(regions)}: strong consistency needs three different regions")


class Ledger(pulumi.ComponentResource):
    """The table. One stack owns it; the other stack refers to it by name in its own region.

    It is encrypted with a key that DynamoDB owns, because a regional key of ours could be lost with its region. It has
    no time to live, no local index and no transactions: strong consistency across regions excludes them.
    Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work".
    """

    table_name: pulumi.Output[str]

    def __init__(self, name: str, args: LedgerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Ledger", name, {}, opts)
        table = aws.dynamodb.Table(
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
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
        )
        self.table_name = table.name
        self.register_outputs({})


def _strong_replica(args: LedgerArgs) -> aws.dynamodb.TableReplicaArgs:
    return aws.dynamodb.TableReplicaArgs(
        region_name=args.peer_region,
        consistency_mode="STRONG",
        point_in_time_recovery=True,
        deletion_protection_enabled=args.site.protect,
        propagate_tags=True,
    )


def claim_item(epoch: int, database: DatabaseId) -> str:
    """A claim as DynamoDB JSON. It has the same text at every run, so a claim is never rewritten."""
    item = {
        LEDGER_KEY: {"S": claim_key(epoch)},
        "epoch": {"N": str(epoch)},
        "site": {"S": database.site},
        "database": {"S": str(database)},
    }
    return json.dumps(item, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class ClaimsArgs:
    """The epochs that a site's databases lead or led. Items of a table have no tags."""

    leaders: Mapping[int, DatabaseId]
    """The site's databases by the epoch that they lead or led."""
    table_name: pulumi.Input[str]
    """The ledger in the site's own region."""
    after: tuple[pulumi.Resource, ...] = ()
    """The resources that must succeed before an epoch is claimed."""


class Claims(pulumi.ComponentResource):
    """A site's claims: one item per epoch, written only if it does not exist, and never changed or deleted.

    A run that is killed between the write and the checkpoint leaves the item in the ledger and not in the state, and
    the next run is refused. Then the owner deletes the item, on the condition that it names the owner's database, and
    runs again (docs/runbooks/failover.md, "Interrupted").
    """

    items: tuple[aws.dynamodb.TableItem, ...]
    """By epoch, oldest first."""

    def __init__(self, name: str, args: ClaimsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Claims", name, {}, opts)
        self._name, self._table, self._after = name, args.table_name, args.after
        self.items = tuple(self._item(epoch, database) for epoch, database in sorted(args.leaders.items()))
        self.register_outputs({})

    def _item(self, epoch: int, database: DatabaseId) -> aws.dynamodb.TableItem:
        return aws.dynamodb.TableItem(
            f"{self._name}-epoch-{epoch}",
            table_name=self._table,
            hash_key=LEDGER_KEY,
            item=claim_item(epoch, database),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*self._after],
                # The item stays when an entry leaves the timeline or a stack is destroyed: it is history.
                retain_on_delete=True,
                # The provider would overwrite an item in place. As a replacement it is created first, which fails if
                # the epoch is claimed, so rewriting history stops the run.
                replace_on_changes=["item"],
            ),
        )
