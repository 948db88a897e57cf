"""Rules on the network of a site: its zones, its openings, and its ways to AWS."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import Resource, Site
from policy.rule import About, Severity, must_be, resource_rule, site_rule

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
SUBNET = "aws:ec2/subnet:Subnet"
NAT = "aws:ec2/natGateway:NatGateway"
ENCRYPTION_CONTROL = "aws:ec2/vpcEncryptionControl:VpcEncryptionControl"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
VPC = "aws:ec2/vpc:Vpc"
ZONES = 3
_VPC = "Amazon VPC User Guide"
NEEDED = ("dynamodb", "ec2", "ecr.api", "ecr.dkr", "kms", "logs", "s3", "secretsmanager", "sts")
"""The services of AWS that a recovery inside a region calls."""


@site_rule(
    "vpc-subnet-every-zone",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Declare public, private and database subnets in three zones, and a NAT gateway in each.",
        reference=f"{_VPC}, 'NAT gateway basics': a NAT gateway is in one zone",
        also=("CKV_AWS_130", "subnet-auto-assign-public-ip-disabled"),
    ),
)
def subnets_in_every_zone(site: Site) -> Iterator[tuple[Resource, str]]:
    """The loss of a zone leaves two others with a way to the internet, and no subnet gives public addresses."""
    networks = site.of(VPC)
    zones = {subnet.get("availabilityZone") for subnet in site.of(SUBNET)}
    if networks and len(zones) != ZONES:
        yield networks[0], f"the subnets are in {len(zones)} zones, expected {ZONES}"
    if networks and len(site.of(NAT)) != ZONES:
        yield networks[0], f"there are {len(site.of(NAT))} NAT gateways, expected {ZONES}"
    for subnet in site.of(SUBNET):
        yield from ((subnet, text) for text in must_be(subnet, False, "mapPublicIpOnLaunch"))


@site_rule(
    "vpc-ingress-closed",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.312(a)(1)",),
        remediation="Name a group or a private network as the source. Only the load balancer listens to the internet.",
        reference=f"{_VPC}, 'Security group rules'",
        also=("CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260", "HIPAA.Security-EC2RestrictedCommonPorts"),
    ),
)
def ingress_closed(site: Site) -> Iterator[tuple[Resource, str]]:
    """Only the load balancer accepts connections from the internet, and only for the web."""
    fronts = {
        urn for entry in site.of("aws:lb/loadBalancer:LoadBalancer") for urn in entry.links.get("securityGroups", ())
    }
    for rule in site.of(INGRESS):
        source = rule.get("cidrIpv4") or rule.get("cidrIpv6")
        if source not in ("0.0.0.0/0", "::/0"):
            continue
        if not fronts & set(rule.links.get("securityGroupId", ())):
            yield rule, f"it opens {_ports(rule)} to {source}, expected of the load balancer's group only"
        elif (rule.get("fromPort"), rule.get("toPort")) not in ((80, 80), (443, 443)):
            yield rule, f"it opens {_ports(rule)} to {source}, expected 80 or 443"


def _ports(rule: Resource) -> str:
    return f"port {rule.get('fromPort')} to {rule.get('toPort')}"


@resource_rule(
    "vpc-defaultgroup-closed",
    DEFAULT_GROUP,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(a)(1)",),
        remediation="Declare the default group without rules.",
        reference=f"{_VPC}, 'Default security groups for your VPCs'",
        also=("CKV2_AWS_12", "HIPAA.Security-VPCDefaultSecurityGroupClosed", "vpc-default-security-group-closed"),
    ),
)
def default_group_closed(group: Resource) -> Iterator[str]:
    """The default group, into which a forgotten resource falls, lets nothing through."""
    for key in ("ingress", "egress"):
        if group.items(key):
            yield f"{key} has {len(group.items(key))} rules, expected none"


@site_rule(
    "vpc-flowlog-all",
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(b)",),
        remediation="Declare a flow log of all traffic for the VPC.",
        reference=f"{_VPC}, 'Logging IP traffic using VPC Flow Logs'",
        also=("CKV2_AWS_11", "HIPAA.Security-VPCFlowLogsEnabled", "vpc-flow-logs-enabled"),
    ),
)
def flow_logs(site: Site) -> Iterator[tuple[Resource, str]]:
    """All traffic of the VPC is logged, refused traffic too."""
    for vpc in site.of(VPC):
        matches = [entry for entry in site.of(FLOW_LOG) if vpc.urn in entry.links.get("vpcId", ())]
        if not matches:
            yield vpc, "it has no flow log"
        for entry in matches:
            yield from ((entry, text) for text in must_be(entry, "ALL", "trafficType"))


@site_rule(
    "vpc-endpoint-recovery-stays-inside",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)", "164.312(e)(1)"),
        remediation=f"Declare endpoints for {', '.join(NEEDED)} in the site's own region.",
        reference=f"{_VPC}, 'AWS services that integrate with AWS PrivateLink'",
        incident="aws-2025-10",
    ),
)
def endpoints(site: Site) -> Iterator[tuple[Resource, str]]:
    """A recovery reaches AWS without the internet and without another region."""
    names = {str(entry.get("serviceName")) for entry in site.of(ENDPOINT)}
    missing = [service for service in NEEDED if f"com.amazonaws.{site.region}.{service}" not in names]
    for vpc in site.of(VPC) if missing else ():
        yield vpc, f"it has no endpoint for {', '.join(missing)} in {site.region}"
    for entry in site.of(ENDPOINT):
        if entry.get("vpcEndpointType") == "Interface":
            yield from ((entry, text) for text in must_be(entry, True, "privateDnsEnabled"))


@site_rule(
    "vpc-traffic-encrypted",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(e)(1)",),
        remediation="Declare an encryption control for the VPC.",
        reference=f"{_VPC}, 'Enforce VPC encryption in transit'",
    ),
)
def traffic_encrypted(site: Site) -> Iterator[tuple[Resource, str]]:
    """Plain traffic inside the VPC, such as from the load balancer to pods, is encrypted by the network, or is seen."""
    for vpc in site.of(VPC):
        if not site.users(vpc, ENCRYPTION_CONTROL, "vpcId"):
            yield vpc, "no encryption control belongs to it"


RULES = (
    subnets_in_every_zone,
    ingress_closed,
    default_group_closed,
    flow_logs,
    endpoints,
    traffic_encrypted,
)
