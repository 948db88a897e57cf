"""The wait between the claim of an epoch and the promotion of its database."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import jobs, once
from components.kube.objects import declare
from components.site import Site


@dataclass(frozen=True, kw_only=True)
class PromotionWaitsArgs:
    """The epochs whose databases were replicas."""

    epochs: tuple[int, ...]
    promoted: int | None
    """The epoch whose promotion follows in this run; None if none does. A later claim stops it."""
    seconds: int
    """The longest wait of each."""
    image: str
    site: Site
    needs: tuple[pulumi.Resource, ...]
    """The nodes, the namespace, and the identity of the pods."""
    after: tuple[pulumi.Resource, ...]
    """The claims."""


class PromotionWaits(pulumi.ComponentResource):
    """A Job per epoch, which ends when the old leader is closed and the replica has everything, or after a while.

    The Jobs refer to the ConfigMap by name: in the program it comes after the database. It exists since the site was
    built. One component holds all of them, so a flip adds a Job and nothing else.
    """

    jobs: tuple[pulumi.CustomResource, ...]

    def __init__(self, name: str, args: PromotionWaitsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:PromotionWaits", name, {}, opts)
        labels = args.site.tags.labels(tier="data", data="none")
        needed = pulumi.ResourceOptions(parent=self, depends_on=[*args.needs])
        account = declare(f"{name}-account", jobs.service_account(once.PROMOTION_WAIT, labels=labels), needed)
        # It runs once: a new image does not ask for a promotion that is over.
        waiting = pulumi.ResourceOptions(
            parent=self, depends_on=[*args.needs, account, *args.after], ignore_changes=["spec"]
        )
        self.jobs = tuple(
            declare(
                f"{name}-{epoch}",
                once.promotion_wait(
                    image=args.image,
                    epoch=epoch,
                    seconds=args.seconds,
                    promotes=epoch == args.promoted,
                    labels=labels,
                ),
                waiting,
            )
            for epoch in args.epochs
        )
        self.register_outputs({})
