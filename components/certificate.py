"""The TLS certificate of one site."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site
from recovery import objectives


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    """The domain of the certificate, and the zone that proves its ownership."""

    domain: str
    """The certificate covers the domain and every name directly below it."""
    zone_id: pulumi.Input[str]
    """The hosted zone for the record that proves ownership of the domain."""
    site: Site


class Certificate(pulumi.ComponentResource):
    """A certificate in the site's own region. DNS proves the ownership; ACM renews it while the record exists."""

    arn: pulumi.Output[str]
    """Known only when the certificate is issued, so a listener is created after it."""
    proof: pulumi.Output[str]
    """The name of the record that proves the ownership. ACM asks for the same one in every region."""

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Certificate", name, {}, opts)
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=args.domain,
            subject_alternative_names=[f"*.{args.domain}"],
            validation_method="DNS",
            tags=args.site.tags.of(tier="platform", data="none", name=args.domain),
            opts=pulumi.ResourceOptions(parent=self),
        )
        # One record proves both names: ACM asks for the same record for a wildcard and for its parent domain.
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-proof",
            zone_id=args.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=objectives.RECORD_TTL_SECONDS,
            # ACM asks for the same record in every region, so both sites declare it. The second site finds an existing
            # record, and a site that is destroyed must not delete the record that renews the other site's certificate.
            allow_overwrite=True,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        validation = aws.acm.CertificateValidation(
            f"{name}-validation",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn, self.proof = validation.certificate_arn, record.fqdn
        self.register_outputs({})
