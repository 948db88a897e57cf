"""The daily export of a site's configuration."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import configuration_export, jobs
from components.kube.configuration_export import ExportPlace
from components.kube.objects import declare
from components.site import Site
from recovery.naming import CONFIGURATION_CRON_JOB


@dataclass(frozen=True, kw_only=True)
class ConfigurationExportArgs:
    """The image and the settings of the job."""

    place: ExportPlace
    image: str
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, the pods' identity, and the buckets."""


class ConfigurationExport(pulumi.ComponentResource):
    """The CronJob, its service account, and its permission to list the namespace's objects."""

    def __init__(self, name: str, args: ConfigurationExportArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:ConfigurationExport", name, {}, opts)
        labels = args.site.tags.labels(tier="platform", data="operational")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        needed = [
            declare(f"{name}-account", jobs.service_account(CONFIGURATION_CRON_JOB, labels=labels), after),
            declare(f"{name}-role", configuration_export.role(labels=labels), after),
            declare(f"{name}-binding", configuration_export.role_binding(labels=labels), after),
        ]
        manifest = configuration_export.configuration_export(args.place, image=args.image, labels=labels)
        declare(f"{name}-job", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after, *needed]))
        self.register_outputs({})
