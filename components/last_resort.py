"""The page that people get when no site answers: numbers to call, to text and to chat with, in English and Spanish.

A function of CloudFront answers by itself, at an edge near the reader, so the page needs no region, no bucket and no
server. DNS leads to it while no site is healthy; see `components.traffic` for the records of the sites.

Sources: Amazon CloudFront Developer Guide, "Generate HTTP responses" (a function that answers a viewer's request ends
it: no origin is asked), "Quotas on CloudFront Functions" and "Requirements for using SSL/TLS certificates with
CloudFront"; Amazon Route 53 Developer Guide, "How health checks work in complex Amazon Route 53 configurations".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.ownership import Ownership, belonging
from components.site import Site
from recovery.naming import ALIVE, FALLBACK, PROJECT, WEB

LAST_RESORT = f"{PROJECT}-last-resort"
"""The name of the function."""
CERTIFICATE_REGION = "us-east-1"
"""CloudFront takes certificates from this region alone, and has copies of them at its edges."""
PAGE = (Path(__file__).parent / "pages" / "last_resort.html").read_text(encoding="utf-8")
CODE_BYTES = 10 * 1024
"""The longest code of a function."""
_NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
"""The managed cache policy CachingDisabled. Source: CloudFront Developer Guide, "Use managed cache policies"."""
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


@dataclass(frozen=True, kw_only=True)
class LastResortArgs:
    """The domain, its zone, and how the stack has the page."""

    domain: str
    zone_id: pulumi.Input[str]
    proof: pulumi.Input[str]
    """The name of the record with which ACM proves the domain, in any region."""
    site: Site
    ownership: Ownership = Ownership.OWN
    known_zone_id: str | None = None
    """The id of a zone that is adopted: its records are adopted by it."""
    distribution_id: str | None = None
    """The id of a distribution that is adopted."""
    after: tuple[pulumi.Resource, ...] = ()
    """Resources that must exist before the records: Route 53 refuses an alias to a name that does not exist."""


class LastResort(pulumi.ComponentResource):
    """The function with the page, its distribution, and the records of `<domain>` and `www.<domain>`.

    Each of the two names leads to the site that takes the web traffic. If that one is lost and the other one yields,
    any site that answers is better than none. Only then comes the page.
    """

    def __init__(self, name: str, args: LastResortArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:LastResort", name, {}, opts)
        self._name, self._args = name, args
        distribution = self._distribution(self._function(), self._certificate())
        page = aws.route53.RecordAliasArgs(
            name=distribution.domain_name, zone_id=distribution.hosted_zone_id, evaluate_target_health=False
        )
        fallback = self._pair("fallback", self._host(FALLBACK), self._leads_to(ALIVE), page, args.after)
        for role, host in (("apex", args.domain), ("www", f"www.{args.domain}")):
            self._pair(role, host, self._leads_to(WEB), self._leads_to(FALLBACK), fallback)
        self.register_outputs({})

    def _host(self, label: str) -> str:
        return f"{label}.{self._args.domain}"

    def _leads_to(self, label: str) -> aws.route53.RecordAliasArgs:
        """An alias to a name of the zone, which is healthy while one of that name's records is."""
        return aws.route53.RecordAliasArgs(
            name=self._host(label), zone_id=self._args.zone_id, evaluate_target_health=True
        )

    def _certificate(self) -> pulumi.Output[str]:
        """A certificate of this stack: it is replaced, and not adopted, when another stack takes the page over."""
        args, retained = self._args, self._args.ownership is Ownership.RELEASE
        opts = pulumi.ResourceOptions(parent=self, retain_on_delete=True if retained else None)
        certificate = aws.acm.Certificate(
            f"{self._name}-certificate",
            region=CERTIFICATE_REGION,
            domain_name=args.domain,
            subject_alternative_names=[f"*.{args.domain}"],
            validation_method="DNS",
            tags=args.site.tags.of(tier="platform", data="none", name=args.domain),
            opts=opts,
        )
        validation = aws.acm.CertificateValidation(
            f"{self._name}-validation",
            region=CERTIFICATE_REGION,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[args.proof],
            opts=opts,
        )
        return validation.certificate_arn

    def _function(self) -> aws.cloudfront.Function:
        return aws.cloudfront.Function(
            f"{self._name}-function",
            name=LAST_RESORT,
            comment="Answers every request with the page that needs no site",
            runtime="cloudfront-js-2.0",
            code=code(PAGE),
            publish=True,
            opts=belonging(
                self._args.ownership,
                parent=self,
                protect=self._args.site.protect,
                import_id=LAST_RESORT,
                differs=("code", "comment", "publish", "runtime"),
            ),
        )

    def _distribution(
        self, function: aws.cloudfront.Function, certificate_arn: pulumi.Output[str]
    ) -> aws.cloudfront.Distribution:
        args, domain = self._args, self._args.domain
        return aws.cloudfront.Distribution(
            f"{self._name}-distribution",
            comment=f"{domain}: the page while no site answers",
            enabled=True,
            # CloudFront and Route 53 want the name of the record that leads here, besides those that people ask for.
            aliases=[domain, f"www.{domain}", self._host(FALLBACK)],
            http_version="http2and3",
            # The sites have no IPv6 addresses: an AAAA record would lead people to the page at once.
            is_ipv6_enabled=False,
            price_class="PriceClass_100",
            # A distribution must name an origin. The function answers first, so none is asked.
            origins=[
                {
                    "origin_id": "none",
                    "domain_name": f"none.{domain}",
                    "custom_origin_config": {
                        "http_port": 80,
                        "https_port": 443,
                        "origin_protocol_policy": "https-only",
                        "origin_ssl_protocols": ["TLSv1.2"],
                    },
                }
            ],
            default_cache_behavior={
                "target_origin_id": "none",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": [*_METHODS],
                "cached_methods": ["GET", "HEAD"],
                "cache_policy_id": _NO_CACHE,
                "compress": True,
                "function_associations": [{"event_type": "viewer-request", "function_arn": function.arn}],
            },
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={
                "acm_certificate_arn": certificate_arn,
                "minimum_protocol_version": "TLSv1.2_2021",
                "ssl_support_method": "sni-only",
            },
            tags=args.site.tags.of(tier="platform", data="none", name=LAST_RESORT),
            opts=belonging(
                args.ownership,
                parent=self,
                protect=args.site.protect,
                import_id=args.distribution_id,
                differs=("comment", "defaultCacheBehavior", "origins", "tags", "viewerCertificate"),
            ),
        )

    def _pair(
        self,
        role: str,
        host: str,
        first: aws.route53.RecordAliasArgs,
        second: aws.route53.RecordAliasArgs,
        after: tuple[pulumi.Resource, ...],
    ) -> tuple[aws.route53.Record, ...]:
        """The two answers to a name."""
        return (
            self._record(f"{role}-first", host, "PRIMARY", first, after),
            self._record(f"{role}-otherwise", host, "SECONDARY", second, after),
        )

    def _record(
        self,
        role: str,
        host: str,
        failover: str,
        alias: aws.route53.RecordAliasArgs,
        after: tuple[pulumi.Resource, ...],
    ) -> aws.route53.Record:
        answer = role.rpartition("-")[2]
        options = belonging(
            self._args.ownership,
            parent=self,
            protect=self._args.site.protect,
            import_id=f"{self._args.known_zone_id}_{host}_A_{answer}",
            differs=("aliases",),
        )
        options.depends_on = after
        return aws.route53.Record(
            f"{self._name}-{role}",
            zone_id=self._args.zone_id,
            name=host,
            type="A",
            aliases=[alias],
            failover_routing_policies=[{"type": failover}],
            set_identifier=answer,
            opts=options,
        )


def code(page: str) -> str:
    """The function in JavaScript, which answers every request with a page.

    The status is 503, so that programs and search engines do not take the page for the website.

    Raises:
        ValueError: if it is longer than CloudFront allows.
    """
    headers = {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "retry-after": "60",
        "strict-transport-security": "max-age=31536000",
        "x-content-type-options": "nosniff",
    }
    answer = {
        "statusCode": 503,
        "statusDescription": "Service Unavailable",
        "headers": {key: {"value": value} for key, value in headers.items()},
        "body": page,
    }
    text = f"function handler(event) {{\n  return {json.dumps(answer)};\n}}\n"
    if len(text.encode()) > CODE_BYTES:
        raise ValueError(f"the code with the page has {len(text.encode())} bytes, and CloudFront takes {CODE_BYTES}")
    return text
