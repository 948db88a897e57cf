"""Rules on the cluster and its nodes."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, must_be, must_be_at_least, must_be_set, resource_rule, shown, site_rule
from policy.rules.network import SUBNET, ZONES

COMPONENT = "eks:index:Cluster"
CLUSTER = "aws:eks/cluster:Cluster"
"""A recording has the component with its inputs. The engine has the component without inputs, and the cluster that it
creates. Both have names of their own for some inputs."""
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
NODES = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
DISKS = "kubernetes:storage.k8s.io/v1:StorageClass"
_EKS = "Amazon EKS User Guide"


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
        yield site.place, "the site declares no cluster, or none with settings"


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


@site_rule(
    "eks-cluster-not-deletable",
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Set `deletionProtection: true`, and extended support so that AWS does not upgrade it by force.",
        reference=f"{_EKS}, 'Protect EKS clusters from accidental deletion'",
        incident="atlassian-2022",
    ),
)
def not_deletable(site: Site) -> Iterator[tuple[Resource, str]]:
    """AWS refuses to delete the cluster that serves. One that pods have left, or have not come to, may be deleted."""
    named = {association.get("clusterName") for association in site.of(ASSOCIATION)}
    for cluster in site.of(COMPONENT, CLUSTER):
        if not cluster.inputs:
            continue
        messages = [*must_be(cluster, "EXTENDED", "upgradePolicy", "supportType")]
        if cluster.get("name") in named or UNKNOWN in named or not named:
            messages += must_be(cluster, True, "deletionProtection")
        yield from ((cluster, message) for message in messages)


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
    disks_encrypted,
)
