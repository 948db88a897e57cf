"""The wiring of a site's edge: zone, certificate, load balancer and DNS records."""

from __future__ import annotations

import pulumi

from components.certificate import Certificate, CertificateArgs
from components.last_resort import LastResort, LastResortArgs
from components.ledger import Ledger
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.routes import Routes, RoutesArgs
from components.site import Site
from components.targets import Targets, TargetsArgs
from components.traffic import Traffic, TrafficArgs
from components.zone import Zone, ZoneArgs
from stacks.config import SiteConfig
from stacks.context import Context


def zone(config: SiteConfig, site: Site, ledger: Ledger | None = None) -> pulumi.Input[str]:
    """The id of the hosted zone, which one of the two stacks owns.

    It waits for the ledger. Route 53 takes a second zone with the same name, and DynamoDB no second table: an outdated
    file of a stack that gave both away stops there, before any record moves to another zone.
    """
    if not config.owns_globals:
        assert config.zone_id is not None, "the configuration was checked"
        return config.zone_id
    args = ZoneArgs(
        domain=config.domain,
        site=site,
        ownership=config.ownership,
        zone_id=config.zone_id,
        after=(ledger.table,) if ledger else (),
    )
    return Zone("zone", args).zone_id


def certificate(context: Context, zone_id: pulumi.Input[str]) -> Certificate:
    """The certificate of the load balancer."""
    return Certificate("certificate", CertificateArgs(domain=context.config.domain, zone_id=zone_id, site=context.site))


def front(context: Context, certificate: Certificate) -> LoadBalancer:
    """The load balancer."""
    return LoadBalancer(
        "front",
        LoadBalancerArgs(
            vpc_id=context.network.vpc_id,
            public_subnet_ids=context.network.public_subnet_ids,
            certificate_arn=certificate.arn,
            logs_key_arn=context.keys.logs_arn,
            site=context.site,
        ),
    )


def targets(context: Context, front: LoadBalancer) -> Targets:
    """The ways from the load balancer to the pods of the serving cluster."""
    return Targets(
        context.of_cluster("targets"),
        TargetsArgs(
            generation=context.config.cluster.serving_generation,
            vpc_id=context.network.vpc_id,
            listener_arn=front.listener_arn,
            load_balancer_security_group_id=front.security_group_id,
            pod_security_group_id=context.cluster.node_security_group_id,
            site=context.site,
        ),
    )


def routes(context: Context, front: LoadBalancer, targets: Targets, after: tuple[pulumi.Resource, ...]) -> None:
    """The routes to the serving cluster, after its workloads and its switch."""
    Routes(
        "routes",
        RoutesArgs(
            listener_arn=front.listener_arn,
            group_arns=targets.group_arns,
            maintenance=context.config.emergency.maintenance,
            site=context.site,
            after=after,
        ),
    )


def traffic(context: Context, zone_id: pulumi.Input[str], front: LoadBalancer) -> Traffic:
    """The site's DNS records and health checks."""
    config = context.config
    return Traffic(
        "traffic",
        TrafficArgs(
            peer_site=config.peer.site,
            domain=config.domain,
            zone_id=zone_id,
            has_primary_record=config.has_primary_record,
            load_balancer_dns_name=front.dns_name,
            load_balancer_zone_id=front.zone_id,
            site=context.site,
        ),
    )


def last_resort(context: Context, zone_id: pulumi.Input[str], certificate: Certificate, traffic: Traffic) -> None:
    """The page while no site answers, in the stack that owns the zone."""
    config = context.config
    if not config.owns_globals:
        return
    LastResort(
        "last-resort",
        LastResortArgs(
            domain=config.domain,
            zone_id=zone_id,
            proof=certificate.proof,
            ownership=config.ownership,
            known_zone_id=config.zone_id,
            distribution_id=config.adopted.distribution_id if config.adopted else None,
            site=context.site,
            after=traffic.common,
        ),
    )
