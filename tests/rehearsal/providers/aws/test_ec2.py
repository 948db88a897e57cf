"""Networks, security groups and launch templates."""

from __future__ import annotations

from tests.rehearsal.providers.aws.world import EAST, GROUP, ROLE, TRUST, VPC, change, make, remove, subnets, unique

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def test_a_network_is_there_for_boto3_to_see(world):
    vpc, (first, second) = subnets(world.east)
    gateway, _ = make(world.east, "aws:ec2/internetGateway:InternetGateway", {"vpcId": vpc})
    address, eip = make(world.east, "aws:ec2/eip:Eip", {"domain": "vpc"})
    nat, nat_outputs = make(world.east, "aws:ec2/natGateway:NatGateway", {"subnetId": first, "allocationId": address})
    table, _ = make(world.east, "aws:ec2/routeTable:RouteTable", {"vpcId": vpc})
    make(
        world.east,
        "aws:ec2/route:Route",
        {"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": nat},
    )
    make(world.east, "aws:ec2/routeTableAssociation:RouteTableAssociation", {"routeTableId": table, "subnetId": second})
    seen = world.client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
    assert [route["NatGatewayId"] for route in seen["Routes"] if "NatGatewayId" in route] == [nat]
    assert [association["SubnetId"] for association in seen["Associations"] if "SubnetId" in association] == [second]
    assert eip["publicIp"]
    assert nat_outputs["publicIp"] == eip["publicIp"]
    assert gateway.startswith("igw-")
    hostnames = world.client("ec2").describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert hostnames["EnableDnsHostnames"]["Value"] is True


def test_a_rule_is_changed_in_place(world):
    vpc, _ = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})
    group, _ = make(world.east, GROUP, {"name": unique("group"), "vpcId": vpc})
    inputs = {"securityGroupId": group, "ipProtocol": "tcp", "fromPort": 80, "toPort": 80, "cidrIpv4": "10.0.0.0/16"}
    made = make(world.east, INGRESS, inputs)
    change(world.east, INGRESS, made, inputs, {**inputs, "fromPort": 443, "toPort": 443, "cidrIpv4": "10.1.0.0/16"})
    (rule,) = world.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (443, 443)
    assert [entry["CidrIp"] for entry in rule["IpRanges"]] == ["10.1.0.0/16"]


def test_a_network_goes_in_the_reverse_order(world):
    vpc = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})
    gateway = make(world.east, "aws:ec2/internetGateway:InternetGateway", {"vpcId": vpc[0]})
    table = make(world.east, "aws:ec2/routeTable:RouteTable", {"vpcId": vpc[0]})
    route_inputs = {"routeTableId": table[0], "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway[0]}
    route = make(world.east, "aws:ec2/route:Route", route_inputs)
    for type_, made in (
        ("aws:ec2/route:Route", route),
        ("aws:ec2/routeTable:RouteTable", table),
        ("aws:ec2/internetGateway:InternetGateway", gateway),
        (VPC, vpc),
    ):
        remove(world.east, type_, made)
    listed = world.client("ec2").describe_vpcs()["Vpcs"]
    assert vpc[0] not in {entry["VpcId"] for entry in listed}


def test_endpoints_and_flow_logs_take_their_parameters_from_aws_own_description(world):
    vpc, ids = subnets(world.east)
    _, role_outputs = make(world.east, ROLE, {"assumeRolePolicy": TRUST})
    _, log_outputs = make(world.east, "aws:cloudwatch/logGroup:LogGroup", {"name": unique("/flow")})
    _, endpoint_outputs = make(
        world.east,
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": vpc,
            "serviceName": f"com.amazonaws.{EAST}.sts",
            "vpcEndpointType": "Interface",
            "subnetIds": ids,
            "privateDnsEnabled": True,
            "tags": {"Name": "sts"},
        },
    )
    flow, _ = make(
        world.east,
        "aws:ec2/flowLog:FlowLog",
        {"vpcId": vpc, "trafficType": "ALL", "logDestination": log_outputs["arn"], "iamRoleArn": role_outputs["arn"]},
    )
    seen = world.client("ec2").describe_flow_logs(FlowLogIds=[flow])["FlowLogs"][0]
    assert (seen["ResourceId"], seen["DeliverLogsPermissionArn"]) == (vpc, role_outputs["arn"])
    assert endpoint_outputs["id"].startswith("vpce-")


def test_a_new_security_group_lets_nothing_out(world):
    vpc, _ = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})
    group, outputs = make(world.east, GROUP, {"vpcId": vpc, "description": "pods"})
    seen = world.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert seen["IpPermissionsEgress"] == []
    assert (seen["GroupName"], seen["Description"]) == (outputs["name"], "pods")


def test_a_rule_between_groups_comes_and_goes(world):
    vpc, _ = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})
    database, _ = make(world.east, GROUP, {"vpcId": vpc})
    pods, _ = make(world.east, GROUP, {"vpcId": vpc})
    inputs = {
        "securityGroupId": database,
        "referencedSecurityGroupId": pods,
        "ipProtocol": "tcp",
        "fromPort": 5432,
        "toPort": 5432,
    }
    rule = make(world.east, INGRESS, inputs)
    seen = world.client("ec2").describe_security_groups(GroupIds=[database])["SecurityGroups"][0]["IpPermissions"]
    assert [(p["FromPort"], p["UserIdGroupPairs"][0]["GroupId"]) for p in seen] == [(5432, pods)]
    remove(world.east, INGRESS, rule)
    assert not world.client("ec2").describe_security_groups(GroupIds=[database])["SecurityGroups"][0]["IpPermissions"]


def test_a_rule_has_exactly_one_peer(world):
    rule = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 1, "toPort": 1}
    assert world.east.check(INGRESS, {**rule, "cidrIpv4": "10.0.0.0/8"}) == []
    assert [key for key, _ in world.east.check(INGRESS, rule)] == ["cidrIpv4"]
    both = {**rule, "cidrIpv4": "10.0.0.0/8", "referencedSecurityGroupId": "sg-2"}
    assert [key for key, _ in world.east.check(INGRESS, both)] == ["cidrIpv4"]


def test_the_default_security_group_is_emptied(world):
    vpc, _ = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})
    group, _ = make(world.east, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {"vpcId": vpc})
    seen = world.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert (seen["GroupName"], seen["IpPermissions"], seen["IpPermissionsEgress"]) == ("default", [], [])


def test_a_changed_launch_template_is_a_new_version(world):
    template = "aws:ec2/launchTemplate:LaunchTemplate"
    inputs = {
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeSize": 80}}],
        "updateDefaultVersion": True,
    }
    made = make(world.east, template, inputs)
    assert made[1]["latestVersion"] == 1
    changed = {
        **inputs,
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeSize": 90}}],
    }
    assert change(world.east, template, made, inputs, changed)[1]["latestVersion"] == 2
    versions = world.client("ec2").describe_launch_template_versions(LaunchTemplateId=made[0], Versions=["2"])
    data = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert data["BlockDeviceMappings"][0]["Ebs"] == {"Encrypted": True, "VolumeSize": 90}
    assert data["MetadataOptions"]["HttpTokens"] == "required"
