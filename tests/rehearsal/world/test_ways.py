"""The ways through the declared network: each arrives, and each single change that closes one says why."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.world.declared import Declared
from rehearsal.world.front import BALANCER, LISTENER
from rehearsal.world.ways import (
    ASSOCIATION,
    CERTIFICATE,
    CLUSTER,
    EGRESS,
    GATEWAY,
    GROUP,
    INGRESS,
    INSTANCE,
    ROUTE,
    SUBNET,
    SUBNETS,
    TARGET_GROUP,
    VALIDATION,
    Ask,
    address_of_balancer,
    address_of_database,
    connect,
    no_listener,
    port_of,
    to_balancer,
    to_database,
    to_pods,
)

BROWSER = Ask("api.example.com")
Network = dict[tuple[str, str], dict[str, Any]]
FRONT, PODS, DATABASE = "sg-front", "sg-pods", "sg-database"
DNS, ADDRESS, EKS, TARGETS = "front.elb", "db.rds", "lifeline-primary-1", "targets/backend"
HTTPS = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
WEB = {"ipProtocol": "tcp", "fromPort": 3001, "toPort": 3001}
SQL = {"ipProtocol": "tcp", "fromPort": 5432, "toPort": 5432}
NETWORK: Network = {
    (GROUP, FRONT): {"tags": {"Name": "front-group"}},
    (GROUP, DATABASE): {"tags": {"Name": "database-1-clients"}},
    (GATEWAY, "igw-1"): {"vpcId": "vpc-1"},
    (SUBNET, "subnet-a"): {"vpcId": "vpc-1", "cidrBlock": "10.10.192.0/20", "tags": {"Name": "public-a"}},
    (SUBNET, "subnet-b"): {"vpcId": "vpc-1", "cidrBlock": "10.10.208.0/20", "tags": {"Name": "public-b"}},
    (SUBNET, "subnet-c"): {"vpcId": "vpc-1", "cidrBlock": "10.10.240.0/22", "tags": {"Name": "database-a"}},
    (SUBNETS, "subnets-1"): {"subnetIds": ["subnet-c"]},
    **{(ASSOCIATION, zone): {"subnetId": f"subnet-{zone}", "routeTableId": "rtb-1"} for zone in "ab"},
    (ROUTE, "default"): {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"},
    (BALANCER, "arn:front"): {
        "internal": False,
        "subnets": ["subnet-a", "subnet-b"],
        "securityGroups": [FRONT],
        "tags": {"Name": "front"},
    },
    (INGRESS, "https"): {"securityGroupId": FRONT, "cidrIpv4": "0.0.0.0/0", **HTTPS},
    (LISTENER, "https"): {
        "loadBalancerArn": "arn:front",
        "port": 443,
        "protocol": "HTTPS",
        "certificateArn": "arn:certificate",
    },
    (VALIDATION, "one"): {"certificateArn": "arn:certificate"},
    (CERTIFICATE, "arn:certificate"): {"domainName": "example.com", "subjectAlternativeNames": ["*.example.com"]},
    (INGRESS, "http"): {
        "securityGroupId": FRONT,
        "cidrIpv4": "0.0.0.0/0",
        "ipProtocol": "tcp",
        "fromPort": 80,
        "toPort": 80,
    },
    (LISTENER, "http"): {"loadBalancerArn": "arn:front", "port": 80, "protocol": "HTTP"},
    (CLUSTER, EKS): {},
    (TARGET_GROUP, TARGETS): {"port": 3001, "vpcId": "vpc-1"},
    (EGRESS, "to-3001"): {"securityGroupId": FRONT, "referencedSecurityGroupId": PODS, **WEB},
    (INGRESS, "from-3001"): {"securityGroupId": PODS, "referencedSecurityGroupId": FRONT, **WEB},
    (INSTANCE, "db"): {
        "identifier": "lifeline-primary-1",
        "port": 5432,
        "vpcSecurityGroupIds": [DATABASE],
        "dbSubnetGroupName": "subnets-1",
    },
    (INGRESS, "from-clients"): {"securityGroupId": DATABASE, "referencedSecurityGroupId": PODS, **SQL},
}
OUTPUTS = {
    BALANCER: {"dnsName": DNS},
    CLUSTER: {"vpcConfig": {"clusterSecurityGroupId": PODS}},
    INSTANCE: {"address": ADDRESS},
}


def declared(network: Network = NETWORK) -> Declared:
    found = Declared()
    for (type_, id_), inputs in network.items():
        found.changed(type_, id_, inputs, OUTPUTS.get(type_, {}))
    return found


def put(type_: str, id_: str, **inputs: Any) -> Callable[[Network], None]:
    return lambda network: network[type_, id_].update(inputs)


def drop(type_: str, id_: str) -> Callable[[Network], None]:
    def change(network: Network) -> None:
        del network[type_, id_]

    return change


def answers(found: Declared) -> list[str | None]:
    return [
        to_balancer(found, DNS),
        no_listener(found, DNS, BROWSER),
        to_pods(found, TARGETS, EKS),
        to_database(found, ADDRESS, 5432, EKS),
    ]


def test_everything_arrives_as_it_is_declared() -> None:
    assert answers(declared()) == [None] * 4


CLOSED = [
    (put(BALANCER, "arn:front", internal=True), 0, "the load balancer front is internal"),
    (drop(BALANCER, "arn:front"), 0, "the load balancer front.elb does not exist"),
    (
        drop(INGRESS, "https"),
        0,
        "security group front-group of the load balancer refuses the internet at port 443",
    ),
    (put(INGRESS, "https", cidrIpv4="10.0.0.0/8"), 0, "security group front-group of the load balancer refuses the"),
    (put(INGRESS, "https", fromPort=80, toPort=80), 0, "security group front-group of the load balancer refuses the"),
    (put(INGRESS, "https", ipProtocol="udp"), 0, "security group front-group of the load balancer refuses the"),
    (put(BALANCER, "arn:front", securityGroups=[]), 0, "security group none of the load balancer refuses the internet"),
    (drop(ROUTE, "default"), 0, "the subnet public-a of the load balancer has no route to the internet"),
    (put(ROUTE, "default", gatewayId="nat-1"), 0, "the subnet public-a of the load balancer has no route to the"),
    (put(ROUTE, "default", destinationCidrBlock="10.0.0.0/8"), 0, "the subnet public-a of the load balancer has no"),
    (drop(ASSOCIATION, "b"), 0, "the subnet public-b of the load balancer has no route to the internet"),
    (put(GATEWAY, "igw-1", vpcId="vpc-2"), 0, "the subnet public-a of the load balancer has no route to the internet"),
    (drop(LISTENER, "https"), 1, "the load balancer front.elb has no HTTPS listener at port 443"),
    (put(LISTENER, "https", protocol="HTTP"), 1, "the load balancer front.elb has no HTTPS listener at port 443"),
    (put(LISTENER, "https", port=8443), 1, "the load balancer front.elb has no HTTPS listener at port 443"),
    (drop(VALIDATION, "one"), 1, "the certificate of the load balancer front.elb was never validated"),
    (
        put(CERTIFICATE, "arn:certificate", subjectAlternativeNames=[]),
        1,
        "the certificate of the load balancer front.elb is for example.com, and not for api.example.com",
    ),
    (put(LISTENER, "https", certificateArn="arn:other"), 1, "the certificate of the load balancer front.elb was never"),
    (drop(EGRESS, "to-3001"), 2, "security group front-group of the load balancer lets nothing out to pods at port"),
    (drop(INGRESS, "from-3001"), 2, "the pods of lifeline-primary-1 refuse the load balancer at port 3001"),
    (put(TARGET_GROUP, TARGETS, port=8080), 2, "security group front-group of the load balancer lets nothing out to"),
    (put(TARGET_GROUP, TARGETS, vpcId="vpc-2"), 2, "security group none of the load balancer lets nothing out to pods"),
    (
        drop(INGRESS, "from-clients"),
        3,
        "security group database-1-clients of lifeline-primary-1 refuses the pods of lifeline-primary-1 at port 5432",
    ),
    (put(INGRESS, "from-clients", referencedSecurityGroupId=FRONT), 3, "security group database-1-clients of lifeline"),
    (put(INSTANCE, "db", vpcSecurityGroupIds=[FRONT]), 3, "security group front-group of lifeline-primary-1 refuses"),
    (put(INSTANCE, "db", port=5433), 3, "lifeline-primary-1 does not listen at port 5432"),
]


@pytest.mark.parametrize(("change", "way", "reason"), CLOSED)
def test_one_change_closes_one_way_and_the_reason_names_it(
    change: Callable[[Network], None], way: int, reason: str
) -> None:
    network = copy.deepcopy(NETWORK)
    change(network)
    found = answers(declared(network))
    assert (found[way] or "").startswith(reason)
    nothing = "does not exist" in reason or "group none" in reason  # and nothing leads on from it
    assert nothing or [index for index, answer in enumerate(found) if answer] == [way]


def test_a_rule_may_cover_every_protocol_and_more_ports() -> None:
    network = copy.deepcopy(NETWORK)
    put(INGRESS, "from-clients", ipProtocol="-1", fromPort=0, toPort=0)(network)
    put(INGRESS, "https", fromPort=1, toPort=65535)(network)
    assert answers(declared(network)) == [None] * 4


def test_what_is_deleted_carries_nothing_any_more() -> None:
    found = declared()
    found.deleted(INGRESS, "https")
    found.deleted(INGRESS, "https")
    assert to_balancer(found, DNS) is not None


def test_a_packet_that_does_not_arrive_times_out_and_a_port_without_a_listener_refuses() -> None:
    found = declared()
    connect(found, DNS, BROWSER)
    found.deleted(LISTENER, "https")
    with pytest.raises(ConnectionRefusedError, match="no HTTPS listener"):
        connect(found, DNS, BROWSER)
    found.deleted(ROUTE, "default")
    with pytest.raises(TimeoutError, match="no route to the internet"):
        connect(found, DNS, BROWSER)


def test_each_end_has_an_address_in_its_own_subnets() -> None:
    found = declared()
    assert address_of_balancer(found, DNS) == "10.10.192.4"
    assert address_of_database(found, ADDRESS) == "10.10.240.4"
    assert port_of(found, TARGETS) == 3001
    assert (address_of_balancer(found, "x"), address_of_database(found, "x"), port_of(found, "x")) == ("", "", 0)
    found.deleted(SUBNETS, "subnets-1")
    assert address_of_database(found, ADDRESS) == ""


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (Ask(), None),
        (Ask("example.com"), None),
        (
            Ask("a.b.example.com"),
            "the certificate of the load balancer front.elb is for example.com, *.example.com, and",
        ),
        (Ask("example.org"), "the certificate of the load balancer front.elb is for"),
        (Ask(port=80, protocol="HTTP"), None),
        (Ask(port=80, protocol="TCP"), None),
        (Ask(port=80), "the load balancer front.elb has no HTTPS listener at port 80"),
        (Ask(protocol="HTTP"), "the load balancer front.elb has no HTTP listener at port 443"),
        (Ask(port=8080), "security group front-group of the load balancer refuses the internet at port 8080"),
    ],
)
def test_each_asks_at_a_port_by_a_protocol_and_people_for_a_name(ask: Ask, reason: str | None) -> None:
    found = declared()
    answer = to_balancer(found, DNS, ask.port) or no_listener(found, DNS, ask)
    assert (answer or "").startswith(reason or "") if reason else answer is None


def test_a_health_checker_looks_at_no_certificate() -> None:
    found = declared()
    found.deleted(VALIDATION, "one")
    assert no_listener(found, DNS, Ask()) is None
    assert no_listener(found, DNS, BROWSER) is not None
