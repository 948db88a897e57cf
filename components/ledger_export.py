"""The daily export of the ledger, by its job in the cluster."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import jobs, ledger_export
from components.kube.ledger_export import LedgerExportPlace
from components.kube.objects import declare
from components.site import Site
from recovery.naming import LEDGER_CRON_JOB


@dataclass(frozen=True, kw_only=True)
class LedgerExportArgs:
    """The image and the settings of the job."""

    place: LedgerExportPlace
    image: str
    site: Site
    after: tuple[pulumi.Resource, ...] = ()
    """The namespace's ConfigMap, the pods' identity, and the buckets."""


class LedgerExport(pulumi.ComponentResource):
    """The CronJob and its service account."""

    def __init__(self, name: str, args: LedgerExportArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:LedgerExport", name, {}, opts)
        labels = args.site.tags.labels(tier="crisis", data="phi")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        account = declare(f"{name}-account", jobs.service_account(LEDGER_CRON_JOB, labels=labels), after)
        manifest = ledger_export.ledger_export(args.place, image=args.image, labels=labels)
        declare(f"{name}-job", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after, account]))
        self.register_outputs({})
