"""The ways of pods to AWS: by an endpoint or by a NAT gateway, and the reason when there is none."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.world.declared import Declared
from rehearsal.world.services import (
    AWS_ADDRESS,
    ENDPOINT,
    NAT_GATEWAY,
    NODES,
    VPC,
    address_of_service,
    to_service,
)
from rehearsal.world.ways import ASSOCIATION, CLUSTER, GATEWAY, GROUP, INGRESS, ROUTE, SUBNET

Network = dict[tuple[str, str], dict[str, Any]]
EKS, PODS = "lifeline-primary-1", "sg-pods"
OUT = {"destinationCidrBlock": "0.0.0.0/0"}
NETWORK: Network = {
    (VPC, "vpc-1"): {"cidrBlock": "10.10.0.0/16", "enableDnsSupport": True, "enableDnsHostnames": True},
    (CLUSTER, EKS): {},
    (NODES, "a"): {"clusterName": EKS, "subnetIds": ["private-a"]},
    (NODES, "b"): {"clusterName": EKS, "subnetIds": ["private-b"]},
    (NODES, "other"): {"clusterName": "another", "subnetIds": ["database"]},
    (SUBNET, "private-a"): {"vpcId": "vpc-1", "cidrBlock": "10.10.0.0/18", "tags": {"Name": "private-a"}},
    (SUBNET, "private-b"): {"vpcId": "vpc-1", "cidrBlock": "10.10.64.0/18", "tags": {"Name": "private-b"}},
    (SUBNET, "public"): {"vpcId": "vpc-1", "cidrBlock": "10.10.192.0/20"},
    (SUBNET, "database"): {"vpcId": "vpc-1", "cidrBlock": "10.10.240.0/22"},
    (ASSOCIATION, "a"): {"subnetId": "private-a", "routeTableId": "rtb-a"},
    (ASSOCIATION, "b"): {"subnetId": "private-b", "routeTableId": "rtb-b"},
    (ASSOCIATION, "public"): {"subnetId": "public", "routeTableId": "rtb-public"},
    (ROUTE, "a"): {"routeTableId": "rtb-a", "natGatewayId": "nat-1", **OUT},
    (ROUTE, "b"): {"routeTableId": "rtb-b", "natGatewayId": "nat-1", **OUT},
    (ROUTE, "public"): {"routeTableId": "rtb-public", "gatewayId": "igw-1", **OUT},
    (NAT_GATEWAY, "nat-1"): {"subnetId": "public"},
    (GATEWAY, "igw-1"): {"vpcId": "vpc-1"},
    (ENDPOINT, "dynamodb"): {
        "vpcId": "vpc-1",
        "vpcEndpointType": "Gateway",
        "serviceName": "com.amazonaws.us-west-2.dynamodb",
        "routeTableIds": ["rtb-a", "rtb-b"],
    },
    (ENDPOINT, "rds"): {
        "vpcId": "vpc-1",
        "vpcEndpointType": "Interface",
        "serviceName": "com.amazonaws.us-west-2.rds",
        "privateDnsEnabled": True,
        "subnetIds": ["private-a", "private-b"],
        "securityGroupIds": ["sg-endpoints"],
    },
    (GROUP, "sg-endpoints"): {"tags": {"Name": "endpoints"}},
    (INGRESS, "tls"): {
        "securityGroupId": "sg-endpoints",
        "cidrIpv4": "10.10.0.0/16",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
    },
}
SERVICES = ("dynamodb", "rds", "sqs")
"""By a gateway endpoint, by an interface endpoint, and by the NAT gateway."""


def declared(network: Network) -> Declared:
    found = Declared()
    for (type_, id_), inputs in network.items():
        outputs = {"vpcConfig": {"clusterSecurityGroupId": PODS}} if type_ == CLUSTER else {}
        found.changed(type_, id_, inputs, outputs)
    return found


def reasons(*changes: Callable[[Network], object]) -> dict[str, str]:
    network = copy.deepcopy(NETWORK)
    for change in changes:
        change(network)
    found = declared(network)
    return {service: reason for service in SERVICES if (reason := to_service(found, EKS, service))}


def put(type_: str, id_: str, **inputs: Any) -> Callable[[Network], object]:
    return lambda network: network[type_, id_].update(inputs)


def drop(type_: str, id_: str) -> Callable[[Network], object]:
    return lambda network: network.pop((type_, id_))


NO_ROUTE_B = "the subnet private-b of the nodes has no route to "
REFUSED = "security group endpoints of the endpoint of rds refuses the pods of lifeline-primary-1"


def test_every_service_is_reached() -> None:
    assert reasons() == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([drop(ROUTE, "b")], {"sqs": f"{NO_ROUTE_B}sqs"}),
        ([put(ROUTE, "b", natGatewayId="nat-2")], {"sqs": f"{NO_ROUTE_B}sqs"}),
        ([put(ROUTE, "b", destinationCidrBlock="10.0.0.0/8")], {"sqs": f"{NO_ROUTE_B}sqs"}),
        ([put(NAT_GATEWAY, "nat-1", subnetId="private-a")], {"sqs": "the subnet private-a of the nodes has no route"}),
        ([drop(ROUTE, "public")], {"sqs": "the subnet private-a of the nodes has no route to sqs"}),
        ([drop(ENDPOINT, "dynamodb")], {}),  # the NAT gateway leads there too
        ([drop(ENDPOINT, "rds")], {}),
        (
            [drop(ROUTE, "b"), put(ENDPOINT, "dynamodb", routeTableIds=["rtb-a"])],
            {"sqs": NO_ROUTE_B, "dynamodb": f"{NO_ROUTE_B}dynamodb"},
        ),
        ([drop(ROUTE, "b"), put(ENDPOINT, "rds", privateDnsEnabled=False)], {"sqs": NO_ROUTE_B, "rds": NO_ROUTE_B}),
        ([drop(ROUTE, "b"), put(VPC, "vpc-1", enableDnsHostnames=False)], {"sqs": NO_ROUTE_B, "rds": NO_ROUTE_B}),
        ([drop(INGRESS, "tls")], {"rds": REFUSED}),
        ([put(INGRESS, "tls", cidrIpv4="10.11.0.0/16")], {"rds": REFUSED}),
        ([put(INGRESS, "tls", fromPort=80, toPort=80)], {"rds": REFUSED}),
        ([put(INGRESS, "tls", cidrIpv4=None, referencedSecurityGroupId=PODS)], {}),
        ([drop(NODES, "a"), drop(NODES, "b")], dict.fromkeys(SERVICES, f"the cluster {EKS} has no nodes")),
    ],
)
def test_a_closed_way_is_named(changes: list[Callable[[Network], object]], expected: dict[str, str]) -> None:
    found = reasons(*changes)
    assert found.keys() == expected.keys()
    assert all(found[service].startswith(words) for service, words in expected.items())


def test_a_service_answers_in_the_vpc_only_by_an_interface_endpoint() -> None:
    found = declared(NETWORK)
    assert address_of_service(found, EKS, "rds") == "10.10.0.4"
    assert {address_of_service(found, EKS, service) for service in ("dynamodb", "sqs")} == {AWS_ADDRESS}
    assert address_of_service(found, "none", "rds") == AWS_ADDRESS
