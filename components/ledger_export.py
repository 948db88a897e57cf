"""The daily export of the ledger, and the job that adds the parts of a lost one."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import jobs, ledger_export, once
from components.kube.ledger_export import LedgerExportPlace
from components.kube.objects import declare
from components.site import Site
from recovery.naming import LEDGER_CRON_JOB, LEDGER_RESTORE_JOB


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


@dataclass(frozen=True, kw_only=True)
class LedgerRestoreArgs:
    """The parts of a ledger that is lost."""

    left: tuple[dict[str, str], ...]
    """`REGION` of each, with `TABLE`, or with `BUCKET` and `EXPORT`."""
    image: str
    site: Site
    after: tuple[pulumi.Resource, ...]
    """The namespace's ConfigMap, which comes after the ledger's table, and the pods' identity."""


class LedgerRestore(pulumi.ComponentResource):
    """A Job that runs once, and its service account. The platform takes events meanwhile."""

    def __init__(self, name: str, args: LedgerRestoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:LedgerRestore", name, {}, opts)
        labels = args.site.tags.labels(tier="crisis", data="phi")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        account = declare(f"{name}-account", jobs.service_account(LEDGER_RESTORE_JOB, labels=labels), after)
        declare(
            f"{name}-job",
            once.ledger_restore(image=args.image, left=args.left, labels=labels),
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.after, account],
                # A Job's template cannot be changed, and a new image need not add the events again.
                ignore_changes=["spec"],
                custom_timeouts=pulumi.CustomTimeouts(create="4h"),
            ),
        )
        self.register_outputs({})
