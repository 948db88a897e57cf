"""The exporter of a site: the heartbeat of the leading database, and the metrics of replication and backups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.kube import exporter, jobs
from components.kube.objects import checksum, declare
from components.site import Site
from recovery.naming import EXPORTER


@dataclass(frozen=True, kw_only=True)
class ExporterArgs:
    """The settings and the image of the exporter."""

    config: Mapping[str, pulumi.Input[str]]
    """The ConfigMap's data: a changed value of `jobs.PLACE_SETTINGS` restarts the pods."""
    image: str
    bucket: str
    """The site's own bucket of backups."""
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, the pods' identity, and the object that mounts the password."""


class Exporter(pulumi.ComponentResource):
    """Two pods and their service account."""

    def __init__(self, name: str, args: ExporterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Exporter", name, {}, opts)
        labels = args.site.tags.labels(tier="data", data="operational")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        account = declare(f"{name}-account", jobs.service_account(EXPORTER, labels=labels), after)
        manifest = exporter.exporter(
            image=args.image,
            checksum=checksum({key: args.config[key] for key in jobs.PLACE_SETTINGS}),
            bucket=args.bucket,
            labels=labels,
        )
        declare(f"{name}-pods", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after, account]))
        declare(f"{name}-budget", jobs.budget(EXPORTER, labels=labels), after)
        self.register_outputs({})
