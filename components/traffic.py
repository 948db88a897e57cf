"""DNS: the records of one site, and the health checks that decide whether they are answered.

The records of both sites exist from the start, and a flip changes none: health checks move the traffic. Web traffic
goes to the site with the PRIMARY records, unless that site is unhealthy or a switch says that the other site leads.
Crisis traffic goes to the nearest healthy site.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.health import HealthChecks, HealthChecksArgs
from components.site import Site
from recovery import objectives
from recovery.naming import ALIVE, WEB, site_host


@dataclass(frozen=True, kw_only=True)
class TrafficArgs:
    """The site's domain, zone and load balancer."""

    site: Site
    peer_site: str
    domain: str
    zone_id: pulumi.Input[str]
    has_primary_record: bool
    """Whether the site has the PRIMARY records, whichever site leads: a flip changes no record."""
    load_balancer_dns_name: pulumi.Input[str]
    load_balancer_zone_id: pulumi.Input[str]


class Traffic(pulumi.ComponentResource):
    """This site's records for `<site>.<domain>`, `web.<domain>`, `alive.<domain>` and `api.<domain>`.

    `<domain>` and `www.<domain>` lead to those of `web` while one is healthy, and then to those of `alive`, which ask
    for nothing but an answer (see `components.last_resort`).
    """

    checks: HealthChecks
    common: tuple[aws.route53.Record, ...]
    """The records for `web.<domain>` and `alive.<domain>`."""

    def __init__(self, name: str, args: TrafficArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Traffic", name, {}, opts)
        self._name, self._args = name, args
        self.checks = HealthChecks(
            f"{name}-checks",
            HealthChecksArgs(
                peer_site=args.peer_site,
                domain=args.domain,
                has_primary_record=args.has_primary_record,
                site=args.site,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self._site_record()
        self.common = (
            self._failover_record(WEB, self.checks.web_id),
            self._failover_record(ALIVE, self.checks.answers_id),
        )
        self._crisis_record(self.checks.crisis_id)
        self.register_outputs({})

    @property
    def _alias(self) -> aws.route53.RecordAliasArgs:
        # A load balancer counts as unhealthy when one of its target groups is. A hotline outage must not move the
        # website.
        return aws.route53.RecordAliasArgs(
            name=self._args.load_balancer_dns_name,
            zone_id=self._args.load_balancer_zone_id,
            evaluate_target_health=False,
        )

    def _site_record(self) -> None:
        """The record of this site, whatever its role.

        It has no health check, because the health checks use the record.
        """
        aws.route53.Record(
            f"{self._name}-site",
            zone_id=self._args.zone_id,
            name=site_host(self._args.site.name, self._args.domain),
            type="A",
            aliases=[self._alias],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _failover_record(self, label: str, check: pulumi.Output[str]) -> aws.route53.Record:
        return aws.route53.Record(
            f"{self._name}-{label}",
            zone_id=self._args.zone_id,
            name=f"{label}.{self._args.domain}",
            type="A",
            aliases=[self._alias],
            failover_routing_policies=[{"type": "PRIMARY" if self._args.has_primary_record else "SECONDARY"}],
            set_identifier=self._args.site.name,
            health_check_id=check,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _crisis_record(self, check: pulumi.Output[str]) -> None:
        """A CNAME and not an alias: an alias would have the load balancer's TTL of 60 seconds."""
        aws.route53.Record(
            f"{self._name}-api",
            zone_id=self._args.zone_id,
            name=f"api.{self._args.domain}",
            type="CNAME",
            ttl=objectives.CRISIS_RECORD_TTL_SECONDS,
            records=[site_host(self._args.site.name, self._args.domain)],
            latency_routing_policies=[{"region": self._args.site.region}],
            set_identifier=self._args.site.name,
            health_check_id=check,
            opts=pulumi.ResourceOptions(parent=self),
        )
