"""The ways of pods to AWS: by an endpoint of the VPC, or by a NAT gateway.

Each function returns the reason in a sentence for which a packet does not arrive, and None if it does. Sources: Amazon
VPC User Guide, "Example routing options" and "NAT gateways"; AWS PrivateLink User Guide, "Access an AWS service using
an interface VPC endpoint" (private DNS, security groups) and "Gateway endpoints".
"""

from __future__ import annotations

from collections.abc import Iterator

from rehearsal.world.declared import Declared, Resource
from rehearsal.world.front import HTTPS_PORT
from rehearsal.world.ways import (
    ANYWHERE,
    GATEWAY,
    INGRESS,
    ROUTE,
    SUBNET,
    address_in,
    admits,
    names_of,
    pods_group,
    tables_of,
)

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
NODES = "aws:eks/nodeGroup:NodeGroup"
VPC = "aws:ec2/vpc:Vpc"
AWS_ADDRESS = "52.94.0.1"
"""An address of AWS outside every VPC."""


def to_service(declared: Declared, cluster: str, service: str) -> str | None:
    """Whether packets of a cluster's pods arrive at a service of its region.

    Args:
        declared: the resources.
        cluster: the cluster's name.
        service: the name in the service's endpoint, such as `dynamodb`.
    """
    subnets = [*_subnets(declared, cluster)]
    if not subnets:
        return f"the cluster {cluster} has no nodes"
    endpoint = _answering(declared, subnets[0], service)
    if endpoint is not None:
        return _by_interface(declared, endpoint, cluster, service)
    for subnet in subnets:
        if not (_by_gateway(declared, subnet, service) or _by_nat(declared, subnet)):
            return f"the subnet {subnet.name} of the nodes has no route to {service}"
    return None


def address_of_service(declared: Declared, cluster: str, service: str) -> str:
    """An address at which a service answers the pods of a cluster: in the VPC if an interface endpoint is there."""
    for subnet in _subnets(declared, cluster):
        endpoint = _answering(declared, subnet, service)
        return address_in(declared, endpoint.inputs["subnetIds"]) if endpoint else AWS_ADDRESS
    return AWS_ADDRESS


def _subnets(declared: Declared, cluster: str) -> Iterator[Resource]:
    """The subnets of a cluster's nodes, which pods are in too."""
    for group in declared.of(NODES, clusterName=cluster):
        yield from (subnet for id_ in group.inputs["subnetIds"] if (subnet := declared.get(SUBNET, id_)))


def _answering(declared: Declared, subnet: Resource, service: str) -> Resource | None:
    """The interface endpoint that answers under the service's own name."""
    vpc = declared.get(VPC, subnet.inputs["vpcId"])
    if vpc is None or not (vpc.inputs.get("enableDnsSupport") and vpc.inputs.get("enableDnsHostnames")):
        return None
    found = (entry for entry in _endpoints(declared, subnet, service, "Interface"))
    return next((entry for entry in found if entry.inputs.get("privateDnsEnabled")), None)


def _endpoints(declared: Declared, subnet: Resource, service: str, kind: str) -> list[Resource]:
    found = declared.of(ENDPOINT, vpcId=subnet.inputs["vpcId"], vpcEndpointType=kind)
    return [entry for entry in found if str(entry.inputs["serviceName"]).split(".", 3)[-1] == service]


def _by_interface(declared: Declared, endpoint: Resource, cluster: str, service: str) -> str | None:
    groups = endpoint.inputs.get("securityGroupIds", ())
    pods, address = pods_group(declared, cluster) or "", _source(declared, cluster)
    if any(admits(declared, INGRESS, group, HTTPS_PORT, pods, address) for group in groups):
        return None
    return f"{names_of(declared, groups)} of the endpoint of {service} refuses the pods of {cluster}"


def _source(declared: Declared, cluster: str) -> str:
    """An address of the cluster's pods."""
    return address_in(declared, [subnet.id for subnet in _subnets(declared, cluster)])


def _by_gateway(declared: Declared, subnet: Resource, service: str) -> bool:
    tables, endpoints = set(tables_of(declared, subnet.id)), _endpoints(declared, subnet, service, "Gateway")
    return any(tables & set(entry.inputs["routeTableIds"]) for entry in endpoints)


def _by_nat(declared: Declared, subnet: Resource) -> bool:
    """Whether the subnet's route out leads to a NAT gateway, in a subnet whose own route out leads to the internet."""
    gateways = (declared.get(NAT_GATEWAY, str(route.inputs.get("natGatewayId"))) for route in _out(declared, subnet.id))
    outside = [route for nat in gateways if nat for route in _out(declared, nat.inputs["subnetId"])]
    return any(declared.get(GATEWAY, str(route.inputs.get("gatewayId"))) for route in outside)


def _out(declared: Declared, subnet: str) -> list[Resource]:
    """The routes of a subnet to everywhere that no other route leads to."""
    tables = tables_of(declared, subnet)
    found = [route for table in tables for route in declared.of(ROUTE, routeTableId=table)]
    return [route for route in found if route.inputs.get("destinationCidrBlock") == ANYWHERE]
