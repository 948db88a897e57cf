"""EC2: the network of a site."""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, gives, remover, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain


def _set_dns(call: Call, keys: frozenset[str]) -> None:
    for key in sorted(keys & {"enableDnsHostnames", "enableDnsSupport"}):
        flag: Plain = {key[0].upper() + key[1:]: {"Value": bool(call.inputs.get(key))}}
        call.do("ModifyVpcAttribute", VpcId=call.id, **flag)  # AWS takes one attribute per call


def _create_vpc(call: Call) -> Created:
    made = call.send("CreateVpc", ("cidrBlock", "instanceTenancy"), **call.tag_specifications("vpc"))["Vpc"]
    call.id = made["VpcId"]
    _set_dns(call, frozenset(key for key in call.inputs if call.inputs[key] is not None))
    return call.id, {"arn": call.arn(f"vpc/{call.id}"), "ownerId": call.account, "cidrBlock": made["CidrBlock"]}


def _update_vpc(call: Call) -> Plain:
    _set_dns(call, call.changed)
    return {}


def _set_public_ip(call: Call) -> Plain:
    call.do(
        "ModifySubnetAttribute",
        SubnetId=call.id,
        MapPublicIpOnLaunch={"Value": bool(call.inputs.get("mapPublicIpOnLaunch"))},
    )
    return {}


def _create_subnet(call: Call) -> Created:
    keys = ("vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId")
    made = call.send("CreateSubnet", keys, **call.tag_specifications("subnet"))["Subnet"]
    call.id = made["SubnetId"]
    if call.inputs.get("mapPublicIpOnLaunch"):
        _set_public_ip(call)
    computed = gives(
        made, availabilityZone="AvailabilityZone", availabilityZoneId="AvailabilityZoneId", ownerId="OwnerId"
    )
    return call.id, {"arn": call.arn(f"subnet/{call.id}"), **computed}


def _create_internet_gateway(call: Call) -> Created:
    made = call.do("CreateInternetGateway", **call.tag_specifications("internet-gateway"))["InternetGateway"]
    id_ = made["InternetGatewayId"]
    if call.inputs.get("vpcId"):
        call.do("AttachInternetGateway", InternetGatewayId=id_, VpcId=call.inputs["vpcId"])
    return id_, {"arn": call.arn(f"internet-gateway/{id_}"), "ownerId": call.account}


def _delete_internet_gateway(call: Call) -> None:
    if call.outputs.get("vpcId"):
        call.do("DetachInternetGateway", InternetGatewayId=call.id, VpcId=call.outputs["vpcId"])
    call.do("DeleteInternetGateway", InternetGatewayId=call.id)


def _create_eip(call: Call) -> Created:
    made = call.do("AllocateAddress", Domain="vpc", **call.tag_specifications("elastic-ip"))
    id_ = made["AllocationId"]
    return id_, {"allocationId": id_, "publicIp": made["PublicIp"], "arn": call.arn(f"elastic-ip/{id_}")}


def _create_nat_gateway(call: Call) -> Created:
    keys = ("subnetId", "allocationId", "connectivityType", "privateIp")
    made = call.send("CreateNatGateway", keys, **call.tag_specifications("natgateway"))["NatGateway"]
    address: Plain = (made.get("NatGatewayAddresses") or [{}])[0]
    computed = gives(address, publicIp="PublicIp", networkInterfaceId="NetworkInterfaceId", privateIp="PrivateIp")
    return made["NatGatewayId"], computed


_ROUTE_KEYS = (
    "routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId gatewayId natGatewayId"
    " vpcEndpointId transitGatewayId vpcPeeringConnectionId egressOnlyGatewayId networkInterfaceId"
)
_ROUTE_NAMES = {"cidrBlock": "DestinationCidrBlock", "egressOnlyGatewayId": "EgressOnlyInternetGatewayId"}


def _create_route_table(call: Call) -> Created:
    made = call.send("CreateRouteTable", ("vpcId",), **call.tag_specifications("route-table"))["RouteTable"]
    id_ = made["RouteTableId"]
    for route in call.inputs.get("routes") or []:
        target = {key: value for key, value in route.items() if value}
        call.do("CreateRoute", RouteTableId=id_, **_route(call, target))
    return id_, {"arn": call.arn(f"route-table/{id_}"), "ownerId": call.account}


def _route(call: Call, route: Plain) -> Plain:
    shape: Any = call.clients.model("ec2", "CreateRoute").input_shape
    return parameters(shape, route, _ROUTE_NAMES)


def _create_route(call: Call) -> Created:
    call.send("CreateRoute", words(_ROUTE_KEYS), renames=_ROUTE_NAMES)
    destination = next(value for key, value in sorted(call.inputs.items()) if key.startswith("destination") and value)
    return f"r-{call.inputs['routeTableId']}{destination}", {"origin": "CreateRoute", "state": "active"}


def _delete_route(call: Call) -> None:
    names = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
    destination = {f"D{key[1:]}": call.outputs[key] for key in names if call.outputs.get(key)}
    call.do("DeleteRoute", RouteTableId=call.outputs["routeTableId"], **destination)


def _associate(call: Call) -> Created:
    return call.send("AssociateRouteTable", ("routeTableId", "subnetId", "gatewayId"))["AssociationId"], {}


_ENDPOINT_KEYS = words(
    "vpcId serviceName vpcEndpointType subnetIds securityGroupIds routeTableIds privateDnsEnabled policy ipAddressType"
)


def _create_endpoint(call: Call) -> Created:
    made = call.send(
        "CreateVpcEndpoint",
        _ENDPOINT_KEYS,
        renames={"policy": "PolicyDocument"},
        **call.tag_specifications("vpc-endpoint"),
    )
    endpoint: Plain = made["VpcEndpoint"]
    id_ = endpoint["VpcEndpointId"]
    entries = [
        {"dnsName": e.get("DnsName"), "hostedZoneId": e.get("HostedZoneId")} for e in endpoint.get("DnsEntries") or []
    ]
    return id_, {
        "arn": call.arn(f"vpc-endpoint/{id_}"),
        "ownerId": call.account,
        "state": endpoint.get("State", "available"),
        "networkInterfaceIds": endpoint.get("NetworkInterfaceIds") or [],
        "dnsEntries": entries,
        "prefixListId": f"pl-{id_.removeprefix('vpce-')[:8]}",
    }


def _update_endpoint(call: Call) -> Plain:
    changes: Plain = {}
    for key, name in (
        ("subnetIds", "SubnetIds"),
        ("securityGroupIds", "SecurityGroupIds"),
        ("routeTableIds", "RouteTableIds"),
    ):
        new, old = set(call.inputs.get(key) or []), set(call.old.get(key) or [])
        changes |= {f"Add{name}": sorted(new - old)} if new - old else {}
        changes |= {f"Remove{name}": sorted(old - new)} if old - new else {}
    if "policy" in call.changed and call.inputs.get("policy"):
        changes["PolicyDocument"] = call.inputs["policy"]
    if "privateDnsEnabled" in call.changed:
        changes["PrivateDnsEnabled"] = bool(call.inputs.get("privateDnsEnabled"))
    call.do("ModifyVpcEndpoint", VpcEndpointId=call.id, **changes)
    return {}


def _create_flow_log(call: Call) -> Created:
    inputs = call.inputs
    kinds = {"vpcId": "VPC", "subnetId": "Subnet", "eniId": "NetworkInterface"}
    key = next(key for key in kinds if inputs.get(key))
    keys = words(
        "trafficType logDestination logDestinationType logFormat maxAggregationInterval iamRoleArn destinationOptions"
    )
    made = call.send(
        "CreateFlowLogs",
        keys,
        renames={"iamRoleArn": "DeliverLogsPermissionArn"},
        ResourceIds=[inputs[key]],
        ResourceType=kinds[key],
        **call.tag_specifications("vpc-flow-log"),
    )
    if made.get("Unsuccessful"):
        raise ValueError(made["Unsuccessful"][0]["Error"]["Message"])
    id_ = made["FlowLogIds"][0]
    return id_, {"arn": call.arn(f"vpc-flow-log/{id_}")}


def _delete_flow_log(call: Call) -> None:
    call.do("DeleteFlowLogs", FlowLogIds=[call.id])


def _delete_vpc_endpoint(call: Call) -> None:
    call.do("DeleteVpcEndpoints", VpcEndpointIds=[call.id])


ADAPTERS = (
    Adapter(
        type="aws:ec2/vpc:Vpc",
        service="ec2",
        inputs=words("cidrBlock instanceTenancy enableDnsHostnames enableDnsSupport"),
        create=_create_vpc,
        update=_update_vpc,
        updates=words("enableDnsHostnames enableDnsSupport"),
        delete=remover("DeleteVpc", VpcId="id"),
    ),
    Adapter(
        type="aws:ec2/subnet:Subnet",
        service="ec2",
        inputs=words("vpcId cidrBlock availabilityZone availabilityZoneId mapPublicIpOnLaunch"),
        create=_create_subnet,
        update=_set_public_ip,
        updates=words("mapPublicIpOnLaunch"),
        delete=remover("DeleteSubnet", SubnetId="id"),
    ),
    Adapter(
        type="aws:ec2/internetGateway:InternetGateway",
        service="ec2",
        inputs=words("vpcId"),
        create=_create_internet_gateway,
        delete=_delete_internet_gateway,
    ),
    Adapter(
        type="aws:ec2/eip:Eip",
        service="ec2",
        inputs=words("domain"),
        create=_create_eip,
        delete=remover("ReleaseAddress", AllocationId="id"),
    ),
    Adapter(
        type="aws:ec2/natGateway:NatGateway",
        service="ec2",
        inputs=words("subnetId allocationId connectivityType privateIp"),
        create=_create_nat_gateway,
        delete=remover("DeleteNatGateway", NatGatewayId="id"),
    ),
    Adapter(
        type="aws:ec2/routeTable:RouteTable",
        service="ec2",
        inputs=words("vpcId routes"),
        create=_create_route_table,
        delete=remover("DeleteRouteTable", RouteTableId="id"),
    ),
    Adapter(
        type="aws:ec2/route:Route", service="ec2", inputs=words(_ROUTE_KEYS), create=_create_route, delete=_delete_route
    ),
    Adapter(
        type="aws:ec2/routeTableAssociation:RouteTableAssociation",
        service="ec2",
        inputs=words("routeTableId subnetId gatewayId"),
        create=_associate,
        delete=remover("DisassociateRouteTable", AssociationId="id"),
    ),
    Adapter(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        service="ec2",
        inputs=_ENDPOINT_KEYS,
        create=_create_endpoint,
        update=_update_endpoint,
        updates=words("subnetIds securityGroupIds routeTableIds policy privateDnsEnabled"),
        delete=_delete_vpc_endpoint,
    ),
    Adapter(
        type="aws:ec2/flowLog:FlowLog",
        service="ec2",
        inputs=words(
            "vpcId subnetId eniId trafficType logDestination logDestinationType logFormat maxAggregationInterval"
            " iamRoleArn destinationOptions"
        ),
        create=_create_flow_log,
        delete=_delete_flow_log,
    ),
)
