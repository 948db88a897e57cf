"""The canary of a site, which makes the plan's own calls."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import exporter, jobs
from components.kube.objects import declare
from components.site import Site
from recovery.naming import CANARY


@dataclass(frozen=True, kw_only=True)
class CanaryArgs:
    """The addresses that it calls, and its image."""

    domain: str
    peer_site: str
    image: str
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap."""


class Canary(pulumi.ComponentResource):
    """Two pods and their service account, which has no role in AWS."""

    def __init__(self, name: str, args: CanaryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Canary", name, {}, opts)
        labels = args.site.tags.labels(tier="crisis", data="operational")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        account = declare(f"{name}-account", jobs.service_account(CANARY, labels=labels), after)
        manifest = exporter.canary(
            image=args.image, domain=args.domain, site=args.site.name, peer=args.peer_site, labels=labels
        )
        declare(f"{name}-pods", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after, account]))
        declare(f"{name}-budget", jobs.budget(CANARY, labels=labels), after)
        self.register_outputs({})
