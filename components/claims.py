"""The claims of a site's epochs: a database leads only after its site has claimed the epoch in the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kube import jobs, once
from components.kube.objects import declare
from components.site import Site
from recovery.timeline import DatabaseId


@dataclass(frozen=True, kw_only=True)
class ClaimsArgs:
    """The epochs that a site's databases lead or led."""

    leaders: Mapping[int, DatabaseId]
    """The site's databases by the epoch that they lead or led."""
    history: Sequence[DatabaseId]
    """The timeline. A claim is refused if the ledger knows another one."""
    promoted: int | None
    """The epoch that begins with a promotion; None if there is none. Its claim is refused if that cannot follow."""
    table_name: pulumi.Input[str]
    """The ledger in the site's own region."""
    image: str
    site: Site
    needs: tuple[pulumi.Resource, ...]
    """The nodes, the namespace, and the identity of the pods."""
    gate: tuple[pulumi.Resource, ...] = ()
    """The Job that must succeed before an epoch is claimed, in a planned switchover."""


class Claims(pulumi.ComponentResource):
    """A Job per epoch, which writes the claim if it is absent or the site's own, and the Jobs' service account.

    No resource is the claim itself: the provider of AWS creates an item only if it is absent, and so refuses an owner
    whose earlier run died after the write, or whose first answer was lost. Source: hashicorp/terraform-provider-aws,
    internal/service/dynamodb/table_item.go.
    """

    jobs: tuple[pulumi.CustomResource, ...]
    """By epoch, oldest first."""

    def __init__(self, name: str, args: ClaimsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Claims", name, {}, opts)
        labels = args.site.tags.labels(tier="data", data="none")
        needed = pulumi.ResourceOptions(parent=self, depends_on=[*args.needs])
        account = declare(f"{name}-account", jobs.service_account(once.CLAIM, labels=labels), needed)
        # A claim is made once: a new image does not ask for it again. Another database has a Job of its own.
        claiming = pulumi.ResourceOptions(
            parent=self, depends_on=[*args.needs, account, *args.gate], ignore_changes=["spec"]
        )
        self.jobs = tuple(
            declare(
                f"{name}-epoch-{epoch}-{database}",
                once.claim(
                    image=args.image,
                    epoch=epoch,
                    earlier=args.history[: epoch - 1],
                    database=database,
                    region=args.site.region,
                    table=args.table_name,
                    promotes=epoch == args.promoted,
                    labels=labels,
                ),
                claiming,
            )
            for epoch, database in sorted(args.leaders.items())
        )
        self.register_outputs({})
