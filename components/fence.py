"""The fence of a site, and the gate that a planned switchover waits at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.kube import jobs
from components.kube.objects import checksum, declare
from components.site import Site


@dataclass(frozen=True, kw_only=True)
class FenceArgs:
    """What the fence watches, and with which image."""

    config: Mapping[str, pulumi.Input[str]]
    """The ConfigMap's data: a changed value of `jobs.FENCE_SETTINGS` restarts the pods."""
    image: str
    switch_bucket: str
    """The site's own: its takeover object is deleted when a newer claim names the other site."""
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, the pods' identities, and what mounts the password."""


class Fence(pulumi.ComponentResource):
    """Two pods that make a superseded database read-only, and the identities of the jobs beside them."""

    def __init__(self, name: str, args: FenceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Fence", name, {}, opts)
        labels = args.site.tags.labels(tier="data", data="phi")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        accounts = [
            declare(f"{name}-{job}-account", jobs.service_account(job, labels=labels), after)
            for job in (jobs.FENCE, jobs.HANDOVER)
        ]
        manifest = jobs.fence(
            image=args.image,
            checksum=checksum({key: args.config[key] for key in jobs.FENCE_SETTINGS}),
            switch_bucket=args.switch_bucket,
            labels=labels,
        )
        declare(f"{name}-pods", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *accounts]))
        declare(f"{name}-budget", jobs.fence_budget(labels=labels), after)
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class HandoverArgs:
    """Which handover a promotion waits for."""

    ending_epoch: int
    """The epoch whose leader was drained."""
    accept_loss: bool
    """Whether the replica may be promoted although it is behind, or although nobody was drained."""
    image: str
    site: Site


class Handover(pulumi.ComponentResource):
    """A Job that ends well once the replica has all that the drained leader committed; a claim waits for it.

    It names the namespace, the ConfigMap and the identity that the site has had since it was built, and depends on none
    of them: they come after the database in the program's order, and the database comes after this.
    """

    job: pulumi.CustomResource

    def __init__(self, name: str, args: HandoverArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Handover", name, {}, opts)
        manifest = jobs.handover(
            image=args.image,
            ending_epoch=args.ending_epoch,
            accept_loss=args.accept_loss,
            labels=args.site.tags.labels(tier="data", data="phi"),
        )
        self.job = declare(f"{name}-job", manifest, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
