"""The network of a site."""

import ipaddress
import itertools
import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.endpoints import GATEWAYS, INTERFACES
from components.network import Network, NetworkArgs, Subnets, carve
from engine.computed import computed_id
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

ZONES = ("us-east-2a", "us-east-2b", "us-east-2c")
LOGS_KEY = "arn:aws:kms:us-east-2:123456789012:key/logs"
TIERS = ("public", "private", "database")

networks = st.integers(16, 20).flatmap(
    lambda prefix: st.integers(0, 2**prefix - 1).map(
        lambda number: str(ipaddress.IPv4Network((number << (32 - prefix), prefix)))
    )
)


def arguments(zones: tuple[str, ...] = ZONES) -> NetworkArgs:
    return NetworkArgs(cidr="10.10.0.0/16", zones=zones, logs_key_arn=LOGS_KEY, encryption="monitor", site=site())


@pytest.fixture(scope="module")
def registrations() -> list[Registration]:
    return record(lambda: Network("network", arguments()))


def of_type(registrations: list[Registration], kind: str) -> dict[str, Registration]:
    return {resource.name: resource for resource in registrations if resource.type.rsplit(":", 1)[-1] == kind}


def ids(registrations: list[Registration], kind: str) -> dict[str, str]:
    """The physical ids by name, as dependent resources got them."""
    return {
        name: computed_id(resource.type, resource.urn, resource.inputs)
        for name, resource in of_type(registrations, kind).items()
    }


def test_a_sixteen_is_carved_into_large_private_and_small_database_subnets():
    assert carve("10.10.0.0/16") == Subnets(
        private=("10.10.0.0/18", "10.10.64.0/18", "10.10.128.0/18"),
        public=("10.10.192.0/20", "10.10.208.0/20", "10.10.224.0/20"),
        database=("10.10.240.0/22", "10.10.244.0/22", "10.10.248.0/22"),
    )


@given(networks)
def test_carved_subnets_lie_in_the_network_and_never_overlap(cidr):
    carved = carve(cidr)
    blocks = [ipaddress.IPv4Network(block) for block in (*carved.private, *carved.public, *carved.database)]
    assert len(blocks) == 9
    assert all(block.subnet_of(ipaddress.IPv4Network(cidr)) for block in blocks)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(blocks, 2))
    assert all(block.prefixlen <= 28 for block in blocks), "AWS allows nothing smaller than a /28"


def test_a_network_too_small_for_database_subnets_is_refused():
    assert len(carve("10.0.0.0/22").database) == 3
    with pytest.raises(ValueError, match=r"'10.0.0.0/23' is too small"):
        carve("10.0.0.0/23")


EXCLUDED = {"internetGatewayExclusion": "enable", "natGatewayExclusion": "enable"}


@pytest.mark.parametrize(("mode", "exclusions"), [("monitor", {}), ("enforce", EXCLUDED)])
def test_traffic_inside_the_network_is_encrypted_and_only_the_gateways_are_excluded(mode, exclusions):
    def program() -> None:
        Network("network", replace(arguments(), encryption=mode))

    control = of_type(record(program), "VpcEncryptionControl")["network-encryption"].inputs
    assert {key: value for key, value in control.items() if key not in ("vpcId", "tags")} == {
        "mode": mode,
        **exclusions,
    }


@pytest.mark.parametrize("zones", [ZONES[:2], (*ZONES, "us-east-2d")])
def test_other_than_three_zones_are_refused(zones):
    with pytest.raises(ValueError, match=rf"zones names {len(zones)} zones, expected 3"):
        arguments(zones)


def test_the_network_consists_of_exactly_these_resources(registrations):
    counted = Counter(resource.type.rsplit(":", 1)[-1] for resource in registrations if resource.custom)
    assert counted - Counter({"Stack": 1}) == Counter(
        {
            "Vpc": 1,
            "DefaultSecurityGroup": 1,
            "InternetGateway": 1,
            "Subnet": 9,
            "Eip": 3,
            "NatGateway": 3,
            "RouteTable": 5,
            "Route": 4,
            "RouteTableAssociation": 9,
            "VpcEndpoint": 14,
            "SecurityGroup": 1,
            "SecurityGroupIngressRule": 1,
            "LogGroup": 1,
            "Role": 1,
            "RolePolicy": 1,
            "FlowLog": 1,
            "VpcEncryptionControl": 1,
        }
    )


@pytest.mark.parametrize("tier", TIERS)
def test_each_tier_has_a_subnet_in_each_zone_and_hands_out_no_public_address(registrations, tier):
    subnets = of_type(registrations, "Subnet")
    resources = [subnets[f"network-{tier}-{number}"].inputs for number in (1, 2, 3)]
    assert tuple(entry["availabilityZone"] for entry in resources) == ZONES
    assert tuple(entry["cidrBlock"] for entry in resources) == getattr(carve("10.10.0.0/16"), tier)
    assert [entry["mapPublicIpOnLaunch"] for entry in resources] == [False] * 3


def test_kubernetes_finds_its_subnets_by_role_and_never_those_of_databases(registrations):
    roles = {
        name: [key for key in resource.inputs["tags"] if key.startswith("kubernetes.io/")]
        for name, resource in of_type(registrations, "Subnet").items()
    }
    expected = {"public": ["kubernetes.io/role/elb"], "private": ["kubernetes.io/role/internal-elb"], "database": []}
    assert roles == {f"network-{tier}-{number}": expected[tier] for tier in TIERS for number in (1, 2, 3)}


def test_each_zone_leaves_through_a_gateway_of_its_own(registrations):
    gateways, subnets, tables = (ids(registrations, kind) for kind in ("NatGateway", "Subnet", "RouteTable"))
    routes, attached = of_type(registrations, "Route"), of_type(registrations, "RouteTableAssociation")
    for zone in (1, 2, 3):
        route = routes[f"network-private-{zone}-default"].inputs
        assert route["natGatewayId"] == gateways[f"network-nat-{zone}"]
        assert route["routeTableId"] == tables[f"network-private-{zone}"]
        assert attached[f"network-private-{zone}"].inputs == {
            "routeTableId": tables[f"network-private-{zone}"],
            "subnetId": subnets[f"network-private-{zone}"],
        }
        gateway = of_type(registrations, "NatGateway")[f"network-nat-{zone}"].inputs
        assert gateway["subnetId"] == subnets[f"network-public-{zone}"]


def test_databases_have_no_way_out(registrations):
    tables = ids(registrations, "RouteTable")
    routed = {resource.inputs["routeTableId"] for resource in of_type(registrations, "Route").values()}
    assert tables["network-database"] not in routed
    assert routed == set(tables.values()) - {tables["network-database"]}


def test_gateways_and_addresses_wait_for_the_internet_gateway(registrations):
    internet = of_type(registrations, "InternetGateway")["network-internet"].urn
    waiting = [*of_type(registrations, "Eip").values(), *of_type(registrations, "NatGateway").values()]
    assert [internet in resource.dependencies for resource in waiting] == [True] * 6


def test_the_default_security_group_lets_nothing_through(registrations):
    (group,) = of_type(registrations, "DefaultSecurityGroup").values()
    assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])


def test_the_vpc_resolves_names_as_private_endpoints_need_it(registrations):
    (vpc,) = of_type(registrations, "Vpc").values()
    assert (vpc.inputs["enableDnsSupport"], vpc.inputs["enableDnsHostnames"]) == (True, True)


def test_endpoints_reach_the_services_of_the_own_region(registrations):
    endpoints = of_type(registrations, "VpcEndpoint").values()
    by_kind = {
        kind: sorted(
            resource.inputs["serviceName"] for resource in endpoints if resource.inputs["vpcEndpointType"] == kind
        )
        for kind in ("Gateway", "Interface")
    }
    assert by_kind == {
        "Gateway": [f"com.amazonaws.us-east-2.{service}" for service in GATEWAYS],
        "Interface": [f"com.amazonaws.us-east-2.{service}" for service in INTERFACES],
    }


def test_gateway_endpoints_serve_every_zone(registrations):
    tables = ids(registrations, "RouteTable")
    for service in GATEWAYS:
        endpoint = of_type(registrations, "VpcEndpoint")[f"network-endpoints-{service}"]
        assert endpoint.inputs["routeTableIds"] == [tables[f"network-private-{zone}"] for zone in (1, 2, 3)]


def test_interface_endpoints_stand_in_every_zone_and_take_tls_from_the_vpc_alone(registrations):
    subnets, groups = ids(registrations, "Subnet"), ids(registrations, "SecurityGroup")
    for service in INTERFACES:
        inputs = of_type(registrations, "VpcEndpoint")[f"network-endpoints-{service.replace('.', '-')}"].inputs
        assert inputs["subnetIds"] == [subnets[f"network-private-{zone}"] for zone in (1, 2, 3)]
        assert inputs["securityGroupIds"] == [groups["network-endpoints-group"]]
        assert inputs["privateDnsEnabled"] is True
    (rule,) = (resource.inputs for resource in of_type(registrations, "SecurityGroupIngressRule").values())
    assert (rule["cidrIpv4"], rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("10.10.0.0/16", "tcp", 443, 443)


def test_flow_logs_record_everything_every_minute_into_an_encrypted_group(registrations):
    (log,) = (resource.inputs for resource in of_type(registrations, "FlowLog").values())
    (group,) = (resource.inputs for resource in of_type(registrations, "LogGroup").values())
    assert (log["trafficType"], log["maxAggregationInterval"]) == ("ALL", 60)
    assert log["vpcId"] == ids(registrations, "Vpc")["network-vpc"]
    assert log["logDestination"].endswith(ids(registrations, "LogGroup")["network-flow-logs-group"])
    assert (group["kmsKeyId"], group["retentionInDays"]) == (LOGS_KEY, 365)


def test_flow_logs_wait_for_the_right_to_write_of_their_own_group(registrations):
    (policy,) = of_type(registrations, "RolePolicy").values()
    (log,) = of_type(registrations, "FlowLog").values()
    written = next(
        entry for entry in json.loads(policy.inputs["policy"])["Statement"] if entry["Sid"] == "DeliverFlowLogs"
    )
    assert policy.urn in log.dependencies
    assert written["Resource"] == [f"{log.inputs['logDestination']}:*"]


def test_everything_that_can_be_tagged_is(registrations):
    kinds = {
        resource.type.rsplit(":", 1)[-1]
        for resource in registrations
        if resource.custom and "tags" not in resource.inputs
    }
    assert kinds - {"Stack"} == {"Route", "RouteTableAssociation", "RolePolicy"}


def test_every_child_has_a_component_for_a_parent(registrations):
    parents = {resource.urn for resource in registrations if resource.type.startswith("lifeline:")}
    assert all(
        resource.parent in parents for resource in registrations if resource.custom and "Stack" not in resource.type
    )
