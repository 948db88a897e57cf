"""Rules on the network, the cluster and its nodes."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, must_be, must_be_at_least, must_be_set, resource_rule, shown, site_rule

COMPONENT = "eks:index:Cluster"
CLUSTER = "aws:eks/cluster:Cluster"
"""A recording has the component with its inputs. The engine has the component without inputs, and the cluster that it
creates. Both have names of their own for some inputs."""
NODES = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
SUBNET = "aws:ec2/subnet:Subnet"
NAT = "aws:ec2/natGateway:NatGateway"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
VPC = "aws:ec2/vpc:Vpc"
DISKS = "kubernetes:storage.k8s.io/v1:StorageClass"
ZONES = 3
_EKS, _VPC = "Amazon EKS User Guide", "Amazon VPC User Guide"
NEEDED = ("dynamodb", "ec2", "ecr.api", "ecr.dkr", "kms", "logs", "s3", "secretsmanager", "sts")
"""The services of AWS that a recovery inside a region calls."""


@resource_rule(
    "eks-cluster-private",
    COMPONENT,
    CLUSTER,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(1)",),
        remediation="Set `endpointPrivateAccess: true`; open the public endpoint to named networks only.",
        reference=f"{_EKS}, 'Cluster API server endpoint'",
        also=("CKV_AWS_38", "CKV_AWS_39", "eks-endpoint-no-public-access"),
    ),
)
def private(cluster: Resource) -> Iterator[str]:
    """The API server is reached from the VPC, and from the internet by named networks only."""
    place = ("vpcConfig",) if cluster.type == CLUSTER else ()
    yield from must_be(cluster, True, *place, "endpointPrivateAccess")
    networks = cluster.items(*place, "publicAccessCidrs")
    if cluster.get(*place, "endpointPublicAccess") is True and (not networks or "0.0.0.0/0" in networks):
        yield f"publicAccessCidrs is {shown(networks or None)}, expected named networks"


@site_rule(
    "eks-cluster-present",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Declare the cluster and its settings.",
        reference=f"{_EKS}, 'Create an Amazon EKS cluster'",
    ),
)
def present(site: Site) -> Iterator[tuple[Resource, str]]:
    """A site has a cluster whose settings can be judged."""
    if not any(entry.inputs for entry in site.of(COMPONENT, CLUSTER)):
        yield site.resources[0], "the site declares no cluster, or none with settings"


@resource_rule(
    "eks-cluster-secrets-encrypted",
    COMPONENT,
    CLUSTER,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(2)(iv)",),
        remediation="Set `encryptionConfigKeyArn`.",
        reference=f"{_EKS}, 'Encrypt Kubernetes secrets with KMS'",
        also=("CKV_AWS_58", "eks-secrets-encrypted"),
    ),
)
def secrets_encrypted(cluster: Resource) -> Iterator[str]:
    """Kubernetes secrets are encrypted with a key of ours."""
    place = ("encryptionConfig", "provider", "keyArn") if cluster.type == CLUSTER else ("encryptionConfigKeyArn",)
    yield from must_be_set(cluster, *place)


@resource_rule(
    "eks-cluster-logs",
    COMPONENT,
    CLUSTER,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(b)",),
        remediation="Enable all five types of logs of the control plane.",
        reference=f"{_EKS}, 'Send control plane logs to CloudWatch Logs'",
        also=("CKV_AWS_37", "eks-cluster-logging-enabled"),
    ),
)
def logs(cluster: Resource) -> Iterator[str]:
    """The control plane logs all calls, scheduling and sign-ins."""
    kinds = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
    missing = kinds - set(cluster.items("enabledClusterLogTypes"))
    if missing and cluster.get("enabledClusterLogTypes") is not UNKNOWN:
        yield f"enabledClusterLogTypes lacks {', '.join(sorted(missing))}"


@resource_rule(
    "eks-cluster-not-deletable",
    COMPONENT,
    CLUSTER,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Set `deletionProtection: true`, and extended support so that AWS does not upgrade it by force.",
        reference=f"{_EKS}, 'Protect EKS clusters from accidental deletion'",
        incident="atlassian-2022",
    ),
)
def not_deletable(cluster: Resource) -> Iterator[str]:
    """AWS refuses to delete a cluster."""
    yield from must_be(cluster, True, "deletionProtection")
    yield from must_be(cluster, "EXTENDED", "upgradePolicy", "supportType")


@resource_rule(
    "ec2-launchtemplate-hardened",
    TEMPLATE,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.312(a)(1)", "164.312(a)(2)(iv)"),
        remediation="Require IMDSv2 with one hop, and encrypt every disk with a key of ours.",
        reference="Amazon EC2 User Guide, 'Configure the Instance Metadata Service options'",
        also=("CKV_AWS_79", "CKV_AWS_341", "HIPAA.Security-EC2IMDSv2Enabled", "ec2-imdsv2-check"),
    ),
)
def hardened(template: Resource) -> Iterator[str]:
    """A pod cannot take the role of its node, and a node's disk is encrypted."""
    yield from must_be(template, "required", "metadataOptions", "httpTokens")
    yield from must_be(template, 1, "metadataOptions", "httpPutResponseHopLimit")
    disks = template.items("blockDeviceMappings")
    if not disks:
        yield "blockDeviceMappings is not set"
    for disk in disks:
        yield from must_be(disk, "true", "ebs", "encrypted")
        if not disk["ebs"].get("kmsKeyId"):
            yield "blockDeviceMappings.ebs.kmsKeyId is not set"


@site_rule(
    "eks-nodegroup-every-zone",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Declare one node group per zone, each with at least one node, on demand.",
        reference=f"{_EKS}, 'Simplify node lifecycle with managed node groups'",
        incident="aws-2025-10",
    ),
)
def nodes_in_every_zone(site: Site, *, minimum_nodes: int = 1) -> Iterator[tuple[Resource, str]]:
    """Nodes run in three zones before a recovery, because a launch may fail during one."""
    groups = site.of(NODES)
    for group in groups:
        yield from ((group, text) for text in must_be_at_least(group, minimum_nodes, "scalingConfig", "minSize"))
        yield from ((group, text) for text in must_be(group, "ON_DEMAND", "capacityType"))
        yield from ((group, text) for text in must_be(group, True, "nodeRepairConfig", "enabled"))
    zones = {zone.get("availabilityZone") for group in groups for zone in site.linked(group, "subnetIds", SUBNET)}
    if groups and len(zones) < ZONES:
        yield groups[0], f"the nodes are in {len(zones)} zones, expected {ZONES}"


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


@resource_rule(
    "k8s-storageclass-encrypted",
    DISKS,
    about=About(
        severity=Severity.MEDIUM,
        clauses=("164.312(a)(2)(iv)",),
        remediation='Set the parameter `encrypted: "true"`.',
        reference="Amazon EBS CSI driver, 'StorageClass parameters'",
    ),
)
def disks_encrypted(disks: Resource) -> Iterator[str]:
    """Every disk of a pod is encrypted."""
    yield from must_be(disks, "true", "parameters", "encrypted")


RULES = (
    private,
    present,
    secrets_encrypted,
    logs,
    not_deletable,
    hardened,
    nodes_in_every_zone,
    subnets_in_every_zone,
    ingress_closed,
    default_group_closed,
    flow_logs,
    endpoints,
    disks_encrypted,
)
