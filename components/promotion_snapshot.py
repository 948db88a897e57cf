"""The snapshot of a promoted database, by its job in the cluster."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import jobs
from components.kube.objects import declare
from components.kube.promotion_snapshot import promotion_snapshot
from components.site import Site
from recovery.naming import SNAPSHOT_CRON_JOB


@dataclass(frozen=True, kw_only=True)
class PromotionSnapshotArgs:
    """The image of the job."""

    image: str
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, the class of the password, and the pods' identity."""


class PromotionSnapshot(pulumi.ComponentResource):
    """The CronJob and its service account."""

    def __init__(self, name: str, args: PromotionSnapshotArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:PromotionSnapshot", name, {}, opts)
        labels = args.site.tags.labels(tier="data", data="phi")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        account = declare(f"{name}-account", jobs.service_account(SNAPSHOT_CRON_JOB, labels=labels), after)
        manifest = promotion_snapshot(image=args.image, labels=labels)
        declare(f"{name}-job", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after, account]))
        self.register_outputs({})
