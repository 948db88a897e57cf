"""The public hosted zone of the platform."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.ownership import Ownership, belonging
from components.site import Site
from recovery import objectives


@dataclass(frozen=True, kw_only=True)
class ZoneArgs:
    """The domain of the zone, and how the stack has it."""

    domain: str
    site: Site
    ownership: Ownership = Ownership.OWN
    zone_id: str | None = None
    """The id of a zone that is adopted."""
    after: tuple[pulumi.Resource, ...] = ()
    """The resources that must exist before the zone is made."""


class Zone(pulumi.ComponentResource):
    """A hosted zone, owned by one stack and used by both. Only Amazon may issue certificates for its names."""

    zone_id: pulumi.Output[str]

    def __init__(self, name: str, args: ZoneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Zone", name, {}, opts)
        options = belonging(
            args.ownership,
            parent=self,
            protect=args.site.protect,
            import_id=args.zone_id,
            differs=("comment", "enableAcceleratedRecovery", "forceDestroy", "tags"),
        )
        options.depends_on = args.after
        zone = aws.route53.Zone(
            f"{name}-zone",
            name=args.domain,
            comment=f"{args.domain}: both sites answer here",
            # Allows records to be changed again within an hour while us-east-1 is down. Operators may need it; a flip
            # does not.
            enable_accelerated_recovery=True,
            # Both sites use the record that proves the certificates, so the zone keeps it. Only an unprotected zone is
            # deleted together with it.
            force_destroy=not args.site.protect,
            tags=args.site.tags.of(tier="platform", data="none", name=args.domain),
            opts=options,
        )
        self.zone_id = zone.zone_id
        aws.route53.Record(
            f"{name}-issuers",
            zone_id=zone.zone_id,
            name=args.domain,
            type="CAA",
            ttl=objectives.RECORD_TTL_SECONDS,
            records=['0 issue "amazon.com"', '0 issuewild "amazon.com"'],
            opts=belonging(
                args.ownership,
                parent=self,
                protect=False,
                import_id=f"{args.zone_id}_{args.domain}_CAA",
                differs=("records", "ttl"),
            ),
        )
        self.register_outputs({})
