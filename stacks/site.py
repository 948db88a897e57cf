"""One site, from its configuration: the wiring modules in the order of a flip."""

from __future__ import annotations

import pulumi

from components.load_balancer import LoadBalancer
from recovery import timeline as rules
from stacks import alarms, backups, copies, data, edge, logs, monitoring, platform
from stacks.config import SiteConfig
from stacks.context import Context, Databases, site_of


def build(config: SiteConfig) -> None:
    """Build one site. A flip changes, in this order: claims, databases, workloads, fence."""
    if config.bootstrap:  # the parts that others wait for: images, and the delegation of the domain
        copies.registry(config)
        pulumi.export("zoneId", edge.zone(config, site_of(config)))
        return
    if config.copies.release:
        _release_copies(config.peer.region)
    context = platform.foundation(config)
    ledger = data.ledger(context)
    zone_id = edge.zone(config, context.site, ledger)
    certificate = edge.certificate(context, zone_id)
    front = edge.front(context, certificate)
    claims = data.claims(context, ledger, data.handover(context))
    passwords = data.passwords(context)
    databases = data.databases(context, data.promotion_waits(context, claims), claims, passwords)
    roles = data.roles(context, passwords, databases)
    targets = edge.targets(context, front)
    filled = (*roles.jobs, *backups.restores(context, databases, roles.jobs))
    workloads = platform.workloads(context, targets, databases, filled)
    switch = platform.switch(context, targets, databases, workloads)
    edge.routes(context, front, targets, (*workloads.settled, switch.pods))
    platform.fence(context, databases, workloads)
    backups.backups(context, workloads, databases, roles)
    copies.copies(context, workloads, databases, logs.logs(context, front))
    data.delayed_replica(context, databases)
    traffic = edge.traffic(context, zone_id, front)
    edge.last_resort(context, zone_id, certificate, traffic)
    monitoring.monitoring(context, workloads)
    alarms.alarms(context, traffic.checks)
    _export(context, zone_id, databases, front)


def _release_copies(region: str) -> None:
    """Let Pulumi forget what the site has in the other region once it is no longer declared. Nothing is deleted."""

    def released(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.props.get("region") != region:
            return None
        forgotten = pulumi.ResourceOptions(protect=False, retain_on_delete=True)
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, forgotten))

    pulumi.runtime.register_stack_transformation(released)


def _export(context: Context, zone_id: pulumi.Input[str], databases: Databases, front: LoadBalancer) -> None:
    config = context.config
    pulumi.export("site", config.site)
    pulumi.export("activeSite", rules.active_site(config.history))
    pulumi.export("epoch", rules.epoch(config.history))
    pulumi.export("databaseRole", config.role.value)
    pulumi.export("databaseHost", databases[config.own_database].address)
    pulumi.export("zoneId", zone_id)
    pulumi.export("clusterName", context.cluster.name)
    pulumi.export("loadBalancer", front.dns_name)
