"""The daily review of the crisis events."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import jobs
from components.kube.crisis_review import crisis_review
from components.kube.objects import declare
from components.site import Site
from recovery.naming import REVIEW_CRON_JOB


@dataclass(frozen=True, kw_only=True)
class CrisisReviewArgs:
    """The image of the job."""

    image: str
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, and the pods' identity."""


class CrisisReview(pulumi.ComponentResource):
    """The CronJob and its service account."""

    def __init__(self, name: str, args: CrisisReviewArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:CrisisReview", name, {}, opts)
        labels = args.site.tags.labels(tier="crisis", data="phi")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        account = declare(f"{name}-account", jobs.service_account(REVIEW_CRON_JOB, labels=labels), after)
        manifest = crisis_review(image=args.image, labels=labels)
        declare(f"{name}-job", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after, account]))
        self.register_outputs({})
