"""The jobs that make the roles of a site's databases: the application's, and the right to write."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.kube import jobs, once
from components.kube.objects import declare
from components.site import Site
from recovery.timeline import DatabaseId


@dataclass(frozen=True, kw_only=True)
class DatabaseRolesArgs:
    """The databases that begin empty, with their host names. Others have the roles of their source."""

    empty: dict[DatabaseId, pulumi.Input[str]]
    image: str
    site: Site
    after: tuple[pulumi.Resource, ...]
    """The databases, the passwords, the nodes, the namespace, and the identity of the pods."""


class DatabaseRoles(pulumi.ComponentResource):
    """The service account, and a Job for each empty database. Restores and workloads wait for the Jobs."""

    account: pulumi.CustomResource
    jobs: tuple[pulumi.CustomResource, ...]

    def __init__(self, name: str, args: DatabaseRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DatabaseRoles", name, {}, opts)
        labels = args.site.tags.labels(tier="data", data="phi")
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        self.account = declare(f"{name}-account", jobs.service_account(once.ROLES, labels=labels), after)
        # It runs once. A new image does not ask for it again, and the CronJob adds what a later version needs.
        child = pulumi.ResourceOptions(parent=self, depends_on=[*args.after, self.account], ignore_changes=["spec"])
        self.jobs = tuple(
            declare(
                f"{name}-{database.epoch}",
                once.roles(image=args.image, database=database, host=host, labels=labels),
                child,
            )
            for database, host in args.empty.items()
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class DailyRolesArgs:
    """The image of the job."""

    image: str
    site: Site
    after: tuple[pulumi.Resource, ...]
    """The namespace's ConfigMap, and the service account."""


class DailyRoles(pulumi.ComponentResource):
    """The CronJob that adds what is missing in the site's own database, and sets a new password."""

    def __init__(self, name: str, args: DailyRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:DailyRoles", name, {}, opts)
        manifest = once.daily_roles(image=args.image, labels=args.site.tags.labels(tier="data", data="phi"))
        declare(f"{name}-job", manifest, pulumi.ResourceOptions(parent=self, depends_on=[*args.after]))
        self.register_outputs({})
