"""Private endpoints of AWS services: a recovery's calls must not depend on a NAT gateway or on the internet."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.site import Site

GATEWAYS = ("dynamodb", "s3")
"""Services reached through route tables, free of charge. S3 also serves the layers of container images."""

INTERFACES = (
    "autoscaling",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "rds",
    "secretsmanager",
    "sts",
)
"""Services reached through an address in each zone.

With these alone, a node must be able to join, pull its image, and assume the roles of its pods.
Source: Amazon EKS User Guide, "Deploy private clusters with limited internet access".
"""


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    """The network of the endpoints."""

    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    """The addresses that may call the interface endpoints."""
    site: Site
    subnet_ids: tuple[pulumi.Input[str], ...]
    """One per zone, for the interface endpoints."""
    route_table_ids: tuple[pulumi.Input[str], ...]
    """The route tables that get a route to the gateway endpoints."""


class Endpoints(pulumi.ComponentResource):
    """Gateway endpoints, and interface endpoints behind one security group that allows TLS from the VPC."""

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Endpoints", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        for service in GATEWAYS:
            aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                service_name=service_name(service, args.site.region),
                vpc_endpoint_type="Gateway",
                route_table_ids=list(args.route_table_ids),
                tags=args.site.tags.of(tier="platform", data="none", name=f"{name}-{service}"),
                opts=child,
            )
        group_id = self._security_group(name, args, child)
        for service in INTERFACES:
            aws.ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=args.vpc_id,
                service_name=service_name(service, args.site.region),
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(args.subnet_ids),
                security_group_ids=[group_id],
                tags=args.site.tags.of(tier="platform", data="none", name=f"{name}-{service}"),
                opts=child,
            )
        self.register_outputs({})

    def _security_group(self, name: str, args: EndpointsArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
        tags = args.site.tags.of(tier="platform", data="none", name=name)
        group = aws.ec2.SecurityGroup(
            f"{name}-group", description="TLS from the VPC to AWS services", vpc_id=args.vpc_id, tags=tags, opts=child
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-tls",
            security_group_id=group.id,
            description="TLS from the VPC",
            cidr_ipv4=args.vpc_cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            tags=tags,
            opts=child,
        )
        return group.id


def service_name(service: str, region: str) -> str:
    """The name of a service of the endpoint's own region."""
    return f"com.amazonaws.{region}.{service}"
