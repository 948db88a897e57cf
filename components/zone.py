"""The public hosted zone of the platform."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site
from recovery import objectives


@dataclass(frozen=True, kw_only=True)
class ZoneArgs:
    """The domain, and whether its zone may go."""

    domain: str
    site: Site


class Zone(pulumi.ComponentResource):
    """A hosted zone, owned by one stack and used by both. Only Amazon may issue certificates for its names."""

    zone_id: pulumi.Output[str]

    def __init__(self, name: str, args: ZoneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Zone", name, {}, opts)
        zone = aws.route53.Zone(
            f"{name}-zone",
            name=args.domain,
            comment=f"{args.domain}: both sites answer here",
            # Lets records be changed again within the hour while us-east-1 is down. No flip needs it; operators may.
            enable_accelerated_recovery=True,
            # The proof of the certificates stays in the zone, since both sites share it: only a copy made to be thrown
            # away may take it along.
            force_destroy=not args.site.protect,
            tags=args.site.tags.of(tier="platform", data="none", name=args.domain),
            opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
        )
        self.zone_id = zone.zone_id
        aws.route53.Record(
            f"{name}-issuers",
            zone_id=zone.zone_id,
            name=args.domain,
            type="CAA",
            ttl=objectives.RECORD_TTL_SECONDS,
            records=['0 issue "amazon.com"', '0 issuewild "amazon.com"'],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
