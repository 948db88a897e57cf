"""Rules on the ways between pods and what they need: network policies and security groups."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from policy import calls
from policy.model import UNKNOWN, Resource, Site
from policy.rule import About, Severity, site_rule
from policy.rules.clusters import COMPONENT
from policy.rules.databases import INSTANCE
from policy.rules.front import BINDING, TARGETS
from policy.rules.network import INGRESS, SUBNET, VPC
from policy.rules.workloads import CRON_JOB, NETWORK_POLICY, PODS, SERVICE, containers, named, pod, selected
from recovery.naming import PROJECT

SUBNETS = "aws:rds/subnetGroup:SubnetGroup"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
HTTPS = 443
IDENTITY_AGENT = "169.254.170.23"
"""The address at which EKS Pod Identity gives credentials: Amazon EKS User Guide, 'EKS Pod Identity Agent'."""
_POLICIES = "Kubernetes documentation, 'Network Policies'"


def pod_labels(resource: Resource) -> Mapping[str, str]:
    """The labels of the pods that an object creates."""
    inside = ("spec", "jobTemplate", "spec") if resource.type == CRON_JOB else ("spec",)
    labels = resource.get(*inside, "template", "metadata", "labels")
    return labels if isinstance(labels, Mapping) else {}


def admits(site: Site, resource: Resource, direction: str, port: int, address: str) -> bool:
    """Whether network policies let the pods of an object talk to an address or network, or be reached from it."""
    side = "to" if direction == "Egress" else "from"
    policies = [entry for entry in _selecting(site, resource) if direction in entry.items("spec", "policyTypes")]
    if not policies:
        return True  # pods that no policy selects are open
    rules = [rule for entry in policies for rule in entry.items("spec", direction.lower())]
    return any(_opens(rule, side, port, address) for rule in rules)


def _selecting(site: Site, resource: Resource) -> Iterator[Resource]:
    labels, namespace = pod_labels(resource), resource.get("metadata", "namespace")
    by_label = site.once(_by_label)
    for label in (None, *labels.items()):
        for entry in by_label.get((namespace, label), ()):
            if _selector(entry).items() <= labels.items():
                yield entry


def _by_label(site: Site) -> dict[Any, list[Resource]]:
    """The network policies by their namespace and one label of their selectors, or None without labels."""
    groups: dict[Any, list[Resource]] = {}
    for entry in site.of(NETWORK_POLICY):
        label = min(_selector(entry).items(), default=None, key=_rarity)
        groups.setdefault((entry.get("metadata", "namespace"), label), []).append(entry)
    return groups


def _rarity(label: tuple[str, str]) -> tuple[bool, str]:
    """Labels that fewer pods have come first: all pods of the platform have the same `app`."""
    return label[0] == "app", label[0]


def _selector(policy: Resource) -> Mapping[str, str]:
    return policy.get("spec", "podSelector", "matchLabels") or {}


def _opens(rule: Mapping[str, Any], side: str, port: int, address: str) -> bool:
    ports = [entry.get("port") for entry in rule.get("ports") or () if entry.get("protocol", "TCP") == "TCP"]
    if port not in ports:
        return False
    return any(_contains(peer["ipBlock"], address) for peer in rule.get(side) or () if "ipBlock" in peer)


def _contains(block: Mapping[str, Any], address: str) -> bool:
    network, inside = ipaddress.ip_network(block["cidr"]), ipaddress.ip_network(address)
    left_out = [ipaddress.ip_network(entry) for entry in block.get("except") or ()]
    return _within(inside, network) and not any(_within(inside, entry) for entry in left_out)


def _within(inside: Any, network: Any) -> bool:
    return inside.version == network.version and inside.subnet_of(network)


@site_rule(
    "k8s-pod-reaches-the-database",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Label the pods for a NetworkPolicy that names all subnets of the database.",
        reference=_POLICIES,
    ),
)
def reaches_the_database(site: Site) -> Iterator[tuple[Resource, str]]:
    """Pods that use the database may connect to each of its subnets, where it may be after a failover of zones."""
    port = site.setting("DB_PORT")
    subnets = [
        (subnet.name, subnet.get("cidrBlock"))
        for group in site.of(SUBNETS)
        for subnet in site.linked(group, "subnetIds", SUBNET)
    ]
    for resource in site.of(*PODS):
        variables = {entry["name"] for container in containers(resource) for entry in container.get("env") or ()}
        if "DB_HOST" not in variables or not str(port).isdigit():
            continue
        for name, network in subnets:
            if network is not UNKNOWN and not admits(site, resource, "Egress", int(port), network):
                yield resource, f"no NetworkPolicy lets its pods connect to port {port} in {name}"


@site_rule(
    "k8s-pod-reaches-aws",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Label the pods for a NetworkPolicy that names the VPC and the identity agent.",
        reference=f"{_POLICIES}; Amazon EKS User Guide, 'EKS Pod Identity Agent'",
    ),
)
def reaches_aws(site: Site) -> Iterator[tuple[Resource, str]]:
    """Pods that call AWS may get credentials, and connect to the endpoints of this VPC."""
    networks = [vpc.get("cidrBlock") for vpc in site.of(VPC)]
    for resource in site.of(*PODS):
        if (pod(resource) or {}).get("serviceAccountName") not in calls.CALLS:
            continue
        for port, network in ((80, f"{IDENTITY_AGENT}/32"), *((HTTPS, network) for network in networks)):
            if network is not UNKNOWN and not admits(site, resource, "Egress", port, network):
                yield resource, f"no NetworkPolicy lets its pods connect to {network} on port {port}"


@site_rule(
    "k8s-pod-reached-by-the-load-balancer",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Let a NetworkPolicy admit the VPC to the port of the target group.",
        reference=f"{_POLICIES}; AWS Load Balancer Controller, 'TargetGroupBinding', target type IP",
    ),
)
def reached_by_the_load_balancer(site: Site) -> Iterator[tuple[Resource, str]]:
    """The load balancer, which is in the VPC, reaches the pods behind each target group."""
    networks = [vpc.get("cidrBlock") for vpc in site.of(VPC) if vpc.get("cidrBlock") is not UNKNOWN]
    for group in site.of(TARGETS):
        port = group.get("port")
        for deployment in _pods_behind(site, group):
            for network in networks:
                if not admits(site, deployment, "Ingress", port, network):
                    yield deployment, f"no NetworkPolicy lets {network} connect to its pods on port {port}"


def _pods_behind(site: Site, group: Resource) -> Iterator[Resource]:
    for binding in site.users(group, BINDING, "spec"):
        for service in named(site, SERVICE, binding.get("spec", "serviceRef", "name")):
            yield from selected(site, service.get("spec", "selector"))


def openings(site: Site, instance: Resource) -> list[Resource]:
    """The rules of security groups that let anyone connect to a database."""
    groups = site.linked(instance, "vpcSecurityGroupIds", GROUP)
    return [entry for group in groups for entry in site.users(group, INGRESS, "securityGroupId")]


@site_rule(
    "rds-instance-reached-by-its-pods",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Admit the cluster's security group to the database's port, in a group that the database has.",
        reference="Amazon RDS User Guide, 'Controlling access with security groups'",
    ),
)
def reached_by_its_pods(site: Site) -> Iterator[tuple[Resource, str]]:
    """A database that serves admits the cluster to its port and no one else; one that is fenced admits no one."""
    port, own = site.setting("DB_PORT"), f"{PROJECT}-{site.setting('DATABASE')}"
    for instance in site.of(INSTANCE):
        rules = openings(site, instance)
        admitted = [rule for rule in rules if list(site.linked(rule, "referencedSecurityGroupId", COMPONENT))]
        leads = site.setting("SITE_ROLE") == "active" and instance.get("identifier") == own
        serves = leads or instance.get("replicateSourceDb") is not None
        if serves and not any(_covers(rule, port) for rule in admitted):
            yield instance, f"no security group of it lets the cluster connect to port {port}"
        for rule in rules:
            if not serves or rule not in admitted:
                yield rule, f"it opens {instance.name}, expected a database that serves and the cluster only"


def _covers(rule: Resource, port: Any) -> bool:
    first, last = rule.get("fromPort"), rule.get("toPort")
    return rule.get("ipProtocol") == "tcp" and str(port).isdigit() and first <= int(port) <= last


RULES = (reaches_the_database, reaches_aws, reached_by_the_load_balancer, reached_by_its_pods)
