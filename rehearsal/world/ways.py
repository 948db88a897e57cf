"""The ways of a packet through the declared network: from the internet to a load balancer, to pods, to a database.

Each function returns the reason in a sentence for which a packet does not arrive, and None if it does. Sources: Amazon
VPC User Guide, "Security group rules", "Route tables" and "Enable internet access for a VPC using an internet gateway";
User Guide for Application Load Balancers, "Application Load Balancers" (scheme, subnets, security groups) and
"Security groups for your Application Load Balancer"; Amazon RDS User Guide, "Controlling access with security groups".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from rehearsal.world.declared import Declared, Plain, Resource
from rehearsal.world.front import BALANCER, HTTPS_PORT, LISTENER

ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
CERTIFICATE = "aws:acm/certificate:Certificate"
CLUSTER = "aws:eks/cluster:Cluster"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GATEWAY = "aws:ec2/internetGateway:InternetGateway"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "aws:rds/instance:Instance"
ROUTE = "aws:ec2/route:Route"
SUBNET = "aws:ec2/subnet:Subnet"
SUBNETS = "aws:rds/subnetGroup:SubnetGroup"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"

ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Ask:
    """How somebody connects to a load balancer from the internet."""

    host: str = ""
    """The name that the certificate must have. Empty for a health checker, which looks at no certificate."""
    port: int = HTTPS_PORT
    protocol: str = "HTTPS"
    """HTTPS, HTTP or TCP."""


def connect(declared: Declared, dns_name: str, ask: Ask) -> None:
    """Connect to a load balancer from the internet.

    Raises:
        TimeoutError: if packets do not arrive there.
        ConnectionRefusedError: if nothing there speaks the protocol, or TLS finds no certificate for the name.
    """
    if reason := to_balancer(declared, dns_name, ask.port):
        raise TimeoutError(reason)
    if reason := no_listener(declared, dns_name, ask):
        raise ConnectionRefusedError(reason)


def to_balancer(declared: Declared, dns_name: str, port: int = HTTPS_PORT) -> str | None:
    """Whether packets from the internet arrive at a load balancer. If not, nothing answers."""
    balancer = _balancer(declared, dns_name)
    if balancer is None:
        return f"the load balancer {dns_name} does not exist"
    if balancer.inputs.get("internal"):
        return f"the load balancer {balancer.name} is internal"
    groups = balancer.inputs.get("securityGroups", ())
    if not any(admits(declared, INGRESS, group, port, "") for group in groups):
        return f"{names_of(declared, groups)} of the load balancer refuses the internet at port {port}"
    return _no_gateway(declared, balancer)


def no_listener(declared: Declared, dns_name: str, ask: Ask) -> str | None:
    """Whether a load balancer listens, and has a valid certificate for the name. If not, a connection is refused."""
    balancer = _balancer(declared, dns_name)
    listeners = declared.of(LISTENER, loadBalancerArn=balancer.id, port=ask.port) if balancer else []
    if not any(ask.protocol in ("TCP", entry.inputs["protocol"]) for entry in listeners):
        return f"the load balancer {dns_name} has no {ask.protocol} listener at port {ask.port}"
    if not ask.host:
        return None
    certificates = {str(entry.inputs["certificateArn"]) for entry in listeners}
    if not any(declared.of(VALIDATION, certificateArn=arn) for arn in certificates):
        return f"the certificate of the load balancer {dns_name} was never validated"
    names = [name for arn in certificates for name in _names_in(declared, arn)]
    if not any(_is_named(ask.host, name) for name in names):
        return f"the certificate of the load balancer {dns_name} is for {', '.join(names)}, and not for {ask.host}"
    return None


def _names_in(declared: Declared, certificate: str) -> list[str]:
    found = declared.get(CERTIFICATE, certificate)
    return [found.inputs["domainName"], *found.inputs.get("subjectAlternativeNames", ())] if found else []


def is_for(declared: Declared, certificate: str, host: str) -> bool:
    """Whether a certificate is for a host."""
    return any(_is_named(host, name) for name in _names_in(declared, certificate))


def _is_named(host: str, name: str) -> bool:
    """Whether a name in a certificate is a host's: a wildcard stands for one label (RFC 6125, section 6.4.3)."""
    return host == name or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def to_pods(declared: Declared, target_group: str, cluster: str) -> str | None:
    """Whether a load balancer's packets arrive at the pods of a cluster that are in a target group.

    Args:
        declared: the resources.
        target_group: its ARN.
        cluster: the cluster's name. Pods have its security group.
    """
    target, group = declared.get(TARGET_GROUP, target_group), pods_group(declared, cluster)
    if target is None or group is None:
        return f"{target_group} or the cluster {cluster} does not exist"
    balancers = [entry for entry in declared.of(BALANCER) if _vpc(declared, entry) == target.inputs["vpcId"]]
    groups = [group for entry in balancers for group in entry.inputs.get("securityGroups", ())]
    port = int(target.inputs["port"])
    if not any(admits(declared, EGRESS, own, port, group) for own in groups):
        return f"{names_of(declared, groups)} of the load balancer lets nothing out to pods at port {port}"
    if not any(admits(declared, INGRESS, group, port, own) for own in groups):
        return f"the pods of {cluster} refuse the load balancer at port {port}"
    return None


def to_database(declared: Declared, address: str, port: int, cluster: str) -> str | None:
    """Whether a cluster's packets arrive at an RDS instance.

    Args:
        declared: the resources.
        address: the host name of the instance.
        port: the port at which the pods ask.
        cluster: the cluster's name. Pods have its security group.
    """
    instance = instance_at(declared, address)
    group = pods_group(declared, cluster)
    if instance is None or group is None:
        return f"{address} or the cluster {cluster} does not exist"
    name = instance.inputs["identifier"]
    if port != int(instance.inputs.get("port", 5432)):
        return f"{name} does not listen at port {port}"
    groups = instance.inputs.get("vpcSecurityGroupIds", ())
    if not any(admits(declared, INGRESS, own, port, group) for own in groups):
        return f"{names_of(declared, groups)} of {name} refuses the pods of {cluster} at port {port}"
    return None


def address_of_balancer(declared: Declared, dns_name: str) -> str:
    """An address in the VPC from which a load balancer asks its targets."""
    balancer = _balancer(declared, dns_name)
    return address_in(declared, balancer.inputs["subnets"]) if balancer else ""


def address_of_database(declared: Declared, address: str) -> str:
    """An address in the VPC at which an RDS instance answers."""
    instance = instance_at(declared, address)
    group = declared.get(SUBNETS, str(instance.inputs["dbSubnetGroupName"])) if instance else None
    return address_in(declared, group.inputs["subnetIds"]) if group else ""


def port_of(declared: Declared, target_group: str) -> int:
    """The port at which a target group's pods are asked; 0 if it does not exist."""
    target = declared.get(TARGET_GROUP, target_group)
    return int(target.inputs["port"]) if target else 0


def address_in(declared: Declared, subnets: Iterable[str]) -> str:
    """An address in the first of some subnets that exists. AWS keeps the first four of each."""
    found = (declared.get(SUBNET, id_) for id_ in subnets)
    blocks = (str(subnet.inputs["cidrBlock"]) for subnet in found if subnet)
    return next((str(ipaddress.ip_network(block)[4]) for block in blocks), "")


def admits(declared: Declared, type_: str, group: str, port: int, other: str, address: str = "") -> bool:
    """Whether a rule of a security group admits TCP at a port, from or to members of another group.

    Args:
        declared: the resources.
        type_: INGRESS or EGRESS.
        group: the group with the rule.
        port: the port of the receiver.
        other: the other group; empty for an end outside the VPC.
        address: the address of the other end, if it is known.
    """
    return any(
        _covers(rule.inputs, port)
        and (
            rule.inputs.get("cidrIpv4") == ANYWHERE
            or (bool(other) and rule.inputs.get("referencedSecurityGroupId") == other)
            or (bool(address) and _within(address, rule.inputs.get("cidrIpv4")))
        )
        for rule in declared.of(type_, securityGroupId=group)
    )


def _within(address: str, block: str | None) -> bool:
    return block is not None and ipaddress.ip_address(address) in ipaddress.ip_network(block)


def tables_of(declared: Declared, subnet: str) -> list[str]:
    """The ids of the route tables of a subnet."""
    return [str(entry.inputs["routeTableId"]) for entry in declared.of(ASSOCIATION, subnetId=subnet)]


def _covers(rule: Plain, port: int) -> bool:
    if str(rule["ipProtocol"]) == "-1":
        return True
    return str(rule["ipProtocol"]) == "tcp" and int(rule["fromPort"]) <= port <= int(rule["toPort"])


def _no_gateway(declared: Declared, balancer: Resource) -> str | None:
    """Every subnet of a public load balancer needs a route to an internet gateway of its VPC."""
    for id_ in balancer.inputs["subnets"]:
        subnet = declared.get(SUBNET, id_)
        routes = [route for table in tables_of(declared, id_) for route in declared.of(ROUTE, routeTableId=table)]
        gateways = [
            declared.get(GATEWAY, str(route.inputs.get("gatewayId")))
            for route in routes
            if route.inputs.get("destinationCidrBlock") == ANYWHERE
        ]
        vpc = subnet.inputs["vpcId"] if subnet else None
        if not any(gateway and gateway.inputs.get("vpcId") == vpc for gateway in gateways):
            name = subnet.name if subnet else id_
            return f"the subnet {name} of the load balancer has no route to the internet"
    return None


def _balancer(declared: Declared, dns_name: str) -> Resource | None:
    return next((entry for entry in declared.of(BALANCER) if entry.outputs["dnsName"] == dns_name), None)


def instance_at(declared: Declared, address: str) -> Resource | None:
    """The RDS instance with a host name."""
    return next((entry for entry in declared.of(INSTANCE) if entry.outputs["address"] == address), None)


def pods_group(declared: Declared, cluster: str) -> str | None:
    """The security group of the nodes and the pods of a cluster."""
    found = declared.get(CLUSTER, cluster)
    return str(found.outputs["vpcConfig"]["clusterSecurityGroupId"]) if found else None


def _vpc(declared: Declared, balancer: Resource) -> str | None:
    subnet = declared.get(SUBNET, balancer.inputs["subnets"][0])
    return subnet.inputs["vpcId"] if subnet else None


def names_of(declared: Declared, groups: Iterable[str]) -> str:
    """Security groups in words."""
    found = [declared.get(GROUP, group) for group in groups]
    return f"security group {', '.join(entry.name for entry in found if entry) or 'none'}"
