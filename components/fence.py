"""The fence of a site, and the gate of a planned switchover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.kube import jobs, once
from components.kube.objects import checksum, declare
from components.site import Site
from recovery.timeline import DatabaseId


@dataclass(frozen=True, kw_only=True)
class FenceArgs:
    """The settings and the image of the fence."""

    config: Mapping[str, pulumi.Input[str]]
    """The ConfigMap's data: a changed value of `jobs.FENCE_SETTINGS` restarts the pods."""
    image: str
    strict: bool
    """Whether a leader that cannot read the ledger stops taking writes."""
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The settled workloads, the pods' identities, and the object that mounts the password."""


class Fence(pulumi.ComponentResource):
    """Two pods that make a superseded database read-only, and the service accounts of the fence and the gate."""

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
            strict=args.strict,
            labels=labels,
        )
        declare(f"{name}-pods", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *accounts]))
        declare(f"{name}-budget", jobs.budget(jobs.FENCE, labels=labels), after)
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class HandoverArgs:
    """The handover that a promotion waits for."""

    ending_epoch: int
    """The epoch whose leader is drained."""
    leader: DatabaseId
    """The database that leads it."""
    accept_loss: bool
    """Whether the replica may be promoted although it is behind, or although the leader was not drained."""
    image: str
    site: Site


class Handover(pulumi.ComponentResource):
    """A Job that succeeds when the replica has everything that the drained leader committed. The claim waits for it.

    The Job refers to the namespace, the ConfigMap and the identity by name and does not depend on them: in the program
    they come after the database, and the database comes after this Job. They exist since the site was built.
    """

    job: pulumi.CustomResource

    def __init__(self, name: str, args: HandoverArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Handover", name, {}, opts)
        manifest = once.handover(
            image=args.image,
            ending_epoch=args.ending_epoch,
            leader=args.leader,
            accept_loss=args.accept_loss,
            labels=args.site.tags.labels(tier="data", data="phi"),
        )
        # It runs once: a new image does not ask for a handover that is over.
        single = pulumi.ResourceOptions(parent=self, ignore_changes=["spec"])
        self.job = declare(f"{name}-job", manifest, single)
        self.register_outputs({})
