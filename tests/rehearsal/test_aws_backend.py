from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import boto3
import pytest

from rehearsal.providers.aws.backend import AwsBackend, replacement
from rehearsal.providers.aws.rds import InvalidDatabaseState
from rehearsal.providers.aws.registry import ADAPTERS
from rehearsal.providers.aws.translate import UnknownProperty
from rehearsal.providers.backend import UnknownType, Unsupported
from rehearsal.world.faults import FaultSwitch, RegionUnavailable

EAST, WEST, WITNESS = "us-east-2", "us-west-2", "us-east-1"
ACCOUNT = "123456789012"

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ROLE = "aws:iam/role:Role"
INSTANCE = "aws:rds/instance:Instance"
BUCKET = "aws:s3/bucket:Bucket"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
TABLE = "aws:dynamodb/table:Table"
ITEM = "aws:dynamodb/tableItem:TableItem"
ZONE = "aws:route53/zone:Zone"
RECORD = "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"
CLUSTER = "aws:eks/cluster:Cluster"
ADDON = "aws:eks/addon:Addon"

_numbers = count(1)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def unique(stem: str) -> str:
    return f"{stem}-{next(_numbers)}"


@pytest.fixture(scope="module")
def endpoint():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


class World:
    """Two stacks before one moto server."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.faults = FaultSwitch()
        self.tables: dict[str, dict[str, Any]] = {}
        self.effects = Effects()
        self.east = AwsBackend(endpoint, EAST, ACCOUNT, self.faults, self.effects, tables=self.tables)
        self.west = AwsBackend(endpoint, WEST, ACCOUNT, self.faults, self.effects, tables=self.tables)

    def client(self, service, region=EAST):
        return boto3.client(
            service, region, endpoint_url=self.endpoint, aws_access_key_id="x", aws_secret_access_key="x"
        )


class Effects:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, str]] = []

    def created(self, type_, region, id_, inputs, outputs):
        self.seen.append(("created", type_, region, id_))

    def updated(self, type_, region, id_, old_inputs, inputs, outputs):
        self.seen.append(("updated", type_, region, id_))

    def deleted(self, type_, region, id_, outputs):
        self.seen.append(("deleted", type_, region, id_))


@pytest.fixture
def world(endpoint):
    return World(endpoint)


def urn(name, type_=VPC):
    return f"urn:pulumi:primary::lifeline::{type_}::{name}"


def make(backend, type_, inputs, name=None):
    return backend.create(type_, urn(name or unique("thing"), type_), inputs)


def change(backend, type_, made, inputs, changed):
    id_, outputs = made
    return id_, backend.update(type_, urn("thing", type_), id_, inputs, changed, outputs)


def remove(backend, type_, made):
    id_, outputs = made
    backend.delete(type_, urn("thing", type_), id_, outputs)


def subnets(backend, zones=("a", "b")):
    vpc, _ = make(backend, VPC, {"cidrBlock": "10.10.0.0/16", "enableDnsHostnames": True})
    region = backend._region
    made = [
        make(backend, SUBNET, {"vpcId": vpc, "cidrBlock": f"10.10.{n}.0/24", "availabilityZone": f"{region}{zone}"})
        for n, zone in enumerate(zones)
    ]
    return vpc, [id_ for id_, _ in made]


# Types, inputs and names


def test_an_unknown_type_is_an_error_that_names_it(world):
    for call in (
        lambda: world.east.check("aws:sqs/queue:Queue", {}),
        lambda: world.east.replaces("aws:sqs/queue:Queue"),
        lambda: make(world.east, "aws:sqs/queue:Queue", {}),
    ):
        with pytest.raises(UnknownType, match="aws:sqs/queue:Queue"):
            call()


def test_an_input_that_no_adapter_understands_is_refused_before_anything_is_made(world):
    assert world.east.check(VPC, {"cidrBlock": "10.0.0.0/16", "ipv6IpamPoolId": "x", "tags": {}, "region": WEST}) == [
        ("ipv6IpamPoolId", "the stand-in for aws:ec2/vpc:Vpc does not know this input")
    ]


def test_a_nested_input_that_aws_does_not_have_is_an_error(world):
    template = "aws:ec2/launchTemplate:LaunchTemplate"
    with pytest.raises(UnknownProperty, match=r"metadataOptions\.httpTokenz"):
        make(world.east, template, {"metadataOptions": {"httpTokenz": "required"}})


def test_every_type_says_what_replaces_it_and_where_that_is_read():
    assert set(replacement()) == set(ADAPTERS)
    for type_, row in replacement().items():
        assert row["source"].startswith("hashicorp/terraform-provider-aws, internal/service/"), type_
        assert row["keys"] == sorted(set(row["keys"])), type_
        changed_in_place = set(row["keys"]) & ADAPTERS[type_].updates
        assert not changed_in_place, f"{type_} both replaces and updates {changed_in_place}"


def test_what_cannot_be_changed_in_place_either_replaces_or_is_told(world):
    name = unique("vpc")
    made = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "default"}, name)
    with pytest.raises(Unsupported, match="cannot change instanceTenancy in place"):
        change(
            world.east, VPC, made, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "x"}
        )


def test_a_nameless_resource_gets_its_logical_name_and_a_suffix_that_stays(world):
    id_, outputs = make(world.east, ROLE, {"assumeRolePolicy": TRUST}, "nodes-role")
    assert outputs["name"] == id_
    assert id_.startswith("nodes-role-")
    assert len(id_) == len("nodes-role-") + 7
    updated = world.east.update(
        ROLE,
        urn("nodes-role", ROLE),
        id_,
        {"assumeRolePolicy": TRUST},
        {"assumeRolePolicy": TRUST, "description": "x"},
        outputs,
    )
    assert updated["name"] == id_


def test_outputs_hold_the_inputs_the_tags_and_the_region(world):
    _, outputs = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}})
    assert outputs["cidrBlock"] == "10.0.0.0/16"
    assert outputs["tagsAll"] == {"a": "b"}
    assert outputs["region"] == EAST
    assert outputs["arn"] == f"arn:aws:ec2:{EAST}:{ACCOUNT}:vpc/{outputs['id']}"


def test_a_resource_can_name_a_region_of_its_own(world):
    name = unique("/audit")
    made = make(world.east, "aws:cloudwatch/logGroup:LogGroup", {"name": name, "region": WEST, "retentionInDays": 30})
    found = world.client("logs", WEST).describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [group["retentionInDays"] for group in found] == [30]
    remove(world.east, "aws:cloudwatch/logGroup:LogGroup", made)
    assert world.client("logs", WEST).describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_effects_follow_each_success_and_no_failure(world):
    made = make(world.east, BUCKET, {"bucket": unique("effects")})
    remove(world.east, BUCKET, made)
    with pytest.raises(Unsupported):
        change(world.east, BUCKET, made, {"bucket": made[0]}, {"bucket": "other"})
    assert [(what, id_) for what, _, _, id_ in world.effects.seen] == [("created", made[0]), ("deleted", made[0])]


def test_deleting_what_is_gone_is_no_error(world):
    made = make(world.east, GROUP, {"vpcId": make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})[0]})
    remove(world.east, GROUP, made)
    remove(world.east, GROUP, made)


def test_many_threads_make_what_one_would(world):
    barrier = threading.Barrier(8)

    def one(_):
        barrier.wait()
        return make(world.east, VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True})[0]

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(one, range(8)))
    assert len(set(ids)) == 8
    assert len(world.client("ec2").describe_vpcs(VpcIds=ids)["Vpcs"]) == 8
    assert world.east.clients.calls["ec2", "CreateVpc", EAST] == 8


# Faults


def test_nothing_is_made_changed_read_or_removed_in_a_lost_region(world):
    made = make(world.west, VPC, {"cidrBlock": "10.0.0.0/16"})
    world.faults.lose(WEST)
    for attempt in (
        lambda: make(world.west, VPC, {"cidrBlock": "10.0.0.0/16"}),
        lambda: change(
            world.west, VPC, made, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}}
        ),
        lambda: world.west.read(VPC, urn("x"), *made),
        lambda: remove(world.west, VPC, made),
        lambda: make(world.east, VPC, {"cidrBlock": "10.0.0.0/16", "region": WEST}),
    ):
        with pytest.raises(RegionUnavailable):
            attempt()
    make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})


def test_us_east_1_holds_the_control_planes_of_dns_identity_and_buckets_but_not_objects(world):
    bucket, _ = make(world.west, BUCKET, {"bucket": unique("switch")})
    world.faults.lose_control_planes()
    for attempt in (
        lambda: make(world.west, ZONE, {"name": "lost.example"}),
        lambda: make(world.west, ROLE, {"assumeRolePolicy": TRUST}),
        lambda: make(world.west, BUCKET, {"bucket": unique("switch")}),
    ):
        with pytest.raises(RegionUnavailable):
            attempt()
    make(world.west, OBJECT, {"bucket": bucket, "key": "takeover", "content": "yes"})
    make(world.west, VPC, {"cidrBlock": "10.0.0.0/16"})


def test_what_moto_lacks_fails_with_the_region_as_well(world):
    cluster, _ = a_cluster(world.west)
    world.faults.lose(WEST)
    with pytest.raises(RegionUnavailable):
        make(world.west, ADDON, {"clusterName": cluster, "addonName": "coredns"})


# Network


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
    assert vpc[0] not in {each["VpcId"] for each in listed}


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


# Identity, keys, secrets


def test_a_role_takes_aws_managed_and_inline_policies(world):
    role, outputs = make(world.east, ROLE, {"assumeRolePolicy": TRUST, "tags": {"a": "b"}})
    managed = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
    make(world.east, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"role": role, "policyArn": managed})
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    inline = make(
        world.east, "aws:iam/rolePolicy:RolePolicy", {"role": role, "policy": json.dumps(allow), "name": "read"}
    )
    iam = world.client("iam")
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [managed]
    assert iam.get_role_policy(RoleName=role, PolicyName="read")["PolicyDocument"] == allow
    assert inline[0] == f"{role}:read"
    assert outputs["arn"] == f"arn:aws:iam::{ACCOUNT}:role/{role}"


def test_a_key_rotates_and_is_found_by_its_alias(world):
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )
    id_, outputs = make(
        world.east, "aws:kms/key:Key", {"enableKeyRotation": True, "policy": policy, "tags": {"a": "b"}}
    )
    alias = f"alias/{unique('lifeline')}"
    _, alias_outputs = make(world.east, "aws:kms/alias:Alias", {"name": alias, "targetKeyId": id_})
    kms = world.client("kms")
    assert kms.get_key_rotation_status(KeyId=id_)["KeyRotationEnabled"] is True
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] == outputs["arn"] == alias_outputs["targetKeyArn"]


def test_a_secret_and_its_value_are_in_both_regions(world):
    secret, version = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretVersion:SecretVersion"
    name = unique("lifeline/password")
    made = make(world.east, secret, {"name": name, "replicas": [{"region": WEST}], "recoveryWindowInDays": 0})
    make(world.east, version, {"secretId": made[0], "secretString": "s3cret"})
    for region in (EAST, WEST):
        assert world.client("secretsmanager", region).get_secret_value(SecretId=name)["SecretString"] == "s3cret"
    remove(world.east, secret, made)
    with pytest.raises(world.client("secretsmanager").exceptions.ResourceNotFoundException):
        world.client("secretsmanager").get_secret_value(SecretId=name)


# Databases


class Databases:
    """A leader in the east, and what a replica of it in the west is declared with."""

    def __init__(self, world):
        self.world = world
        self.leader_inputs = {
            "identifier": unique("primary"),
            "engine": "postgres",
            "engineVersion": "17.6",
            "instanceClass": "db.r7g.large",
            "allocatedStorage": 200,
            "username": "lifeline",
            "password": "a-long-password",
            "dbName": "mental_health_platform",
            "storageEncrypted": True,
            "kmsKeyId": f"arn:aws:kms:{EAST}:{ACCOUNT}:key/a",
            "backupRetentionPeriod": 35,
            "port": 5432,
            "skipFinalSnapshot": True,
            "enabledCloudwatchLogsExports": ["postgresql"],
            "dbSubnetGroupName": subnet_group(world.east),
        }
        self.leader = make(world.east, INSTANCE, self.leader_inputs)
        self.replica_inputs = {
            "identifier": unique("secondary"),
            "replicateSourceDb": self.leader[1]["arn"],
            "instanceClass": "db.r7g.large",
            "storageEncrypted": True,
            "kmsKeyId": f"arn:aws:kms:{WEST}:{ACCOUNT}:key/b",
            "backupRetentionPeriod": 35,
            "backupWindow": "03:00-04:00",
            "port": 5432,
            "skipFinalSnapshot": True,
            "dbSubnetGroupName": subnet_group(world.west),
            "tags": {"a": "b"},
        }

    @property
    def promoted_inputs(self):
        return {key: value for key, value in self.replica_inputs.items() if key != "replicateSourceDb"}

    def replica(self):
        return make(self.world.west, INSTANCE, self.replica_inputs)


def subnet_group(backend):
    _, ids = subnets(backend)
    return make(backend, "aws:rds/subnetGroup:SubnetGroup", {"name": unique("databases"), "subnetIds": ids})[0]


@pytest.fixture
def databases(world):
    return Databases(world)


def test_a_leader_gives_its_address_and_arn(databases):
    id_, outputs = databases.leader
    assert outputs["arn"] == f"arn:aws:rds:{EAST}:{ACCOUNT}:db:{id_}"
    assert outputs["endpoint"] == f"{outputs['address']}:5432"
    assert outputs["address"].startswith(f"{id_}.")
    assert outputs["username"] == "lifeline"


def test_a_replica_in_the_other_region_keeps_backups_and_its_own_subnet_group(databases, world):
    id_, outputs = databases.replica()
    seen = world.client("rds", WEST).describe_db_instances(DBInstanceIdentifier=id_)["DBInstances"][0]
    assert seen["ReadReplicaSourceDBInstanceIdentifier"] == databases.leader[1]["arn"]
    assert (seen["BackupRetentionPeriod"], seen["PreferredBackupWindow"]) == (35, "03:00-04:00")
    assert outputs["dbSubnetGroupName"] == databases.replica_inputs["dbSubnetGroupName"]
    assert outputs["arn"] == f"arn:aws:rds:{WEST}:{ACCOUNT}:db:{id_}"


def test_a_replica_whose_subnet_group_is_not_in_its_region_is_refused(databases):
    databases.replica_inputs["dbSubnetGroupName"] = databases.leader_inputs["dbSubnetGroupName"]
    with pytest.raises(Exception, match="DBSubnetGroupNotFound"):
        databases.replica()


def test_removing_the_source_promotes_and_changes_no_address(databases, world):
    made = databases.replica()
    promoted = change(world.west, INSTANCE, made, databases.replica_inputs, databases.promoted_inputs)
    assert "replicateSourceDb" not in promoted[1]
    assert promoted[1]["address"] == made[1]["address"]
    calls = {operation for service, operation, _ in world.west.clients.calls if service == "rds"}
    assert "PromoteReadReplica" in calls
    assert world.tables["rds-instances"][made[1]["arn"]]["source"] is None


def test_a_promotion_needs_nothing_of_the_lost_region(databases, world):
    made = databases.replica()
    world.faults.lose(EAST)
    change(world.west, INSTANCE, made, databases.replica_inputs, databases.promoted_inputs)


def test_promoting_again_what_an_interrupted_run_promoted_is_an_error_until_it_is_read(databases, world):
    made = databases.replica()
    change(world.west, INSTANCE, made, databases.replica_inputs, databases.promoted_inputs)
    with pytest.raises(InvalidDatabaseState, match="is not a read replica"):
        change(world.west, INSTANCE, made, databases.replica_inputs, databases.promoted_inputs)
    assert world.west.read(INSTANCE, urn("x"), *made).keys() == made[1].keys() - {"replicateSourceDb"}


def test_a_replica_that_still_follows_is_read_as_such(databases, world):
    made = databases.replica()
    assert world.west.read(INSTANCE, urn("x"), *made)["replicateSourceDb"] == databases.leader[1]["arn"]


def test_a_database_that_is_gone_is_read_as_none(databases, world):
    made = databases.replica()
    remove(world.west, INSTANCE, made)
    assert world.west.read(INSTANCE, urn("x"), *made) is None


def test_a_leader_is_never_made_a_replica_in_place(databases, world):
    changed = {**databases.leader_inputs, "replicateSourceDb": f"arn:aws:rds:{WEST}:{ACCOUNT}:db:other"}
    with pytest.raises(InvalidDatabaseState, match="cannot elect new source"):
        change(world.east, INSTANCE, databases.leader, databases.leader_inputs, changed)


def test_a_replica_needs_a_source_that_exists(databases):
    databases.replica_inputs["replicateSourceDb"] = f"arn:aws:rds:{EAST}:{ACCOUNT}:db:nobody"
    with pytest.raises(InvalidDatabaseState, match="DBInstanceNotFound"):
        databases.replica()


def test_a_replica_needs_a_source_with_backups(databases, world):
    changed = {**databases.leader_inputs, "backupRetentionPeriod": 0}
    change(world.east, INSTANCE, databases.leader, databases.leader_inputs, changed)
    with pytest.raises(InvalidDatabaseState, match="automated backups are not enabled"):
        databases.replica()


def test_a_replica_of_an_encrypted_source_needs_a_key_of_its_region(databases):
    del databases.replica_inputs["kmsKeyId"]
    with pytest.raises(InvalidDatabaseState, match="needs a key in us-west-2"):
        databases.replica()


def test_a_replica_cannot_be_seeded_from_a_lost_region(databases, world):
    world.faults.lose(EAST)
    with pytest.raises(RegionUnavailable):
        databases.replica()


def test_a_replica_that_declares_what_its_source_decides_is_refused(world):
    inputs = {"replicateSourceDb": "arn:x", "instanceClass": "db.r7g.large", "engine": "postgres", "username": "u"}
    assert world.west.check(INSTANCE, inputs) == [
        ("engine", "conflicts with replicateSourceDb"),
        ("username", "conflicts with replicateSourceDb"),
    ]


def test_a_replica_is_deleted_though_moto_answers_with_an_error(databases, world):
    made = databases.replica()
    remove(world.west, INSTANCE, made)
    listed = world.client("rds", WEST).describe_db_instances()["DBInstances"]
    assert made[0] not in {each["DBInstanceIdentifier"] for each in listed}
    assert made[1]["arn"] not in world.tables["rds-instances"]


def test_a_protected_database_is_not_deleted(databases, world):
    changed = {**databases.leader_inputs, "deletionProtection": True}
    protected = change(world.east, INSTANCE, databases.leader, databases.leader_inputs, changed)
    with pytest.raises(Exception, match=r"(?i)deletion ?protection|cannot delete protected"):
        remove(world.east, INSTANCE, protected)
    assert protected[1]["arn"] in world.tables["rds-instances"]


def test_a_leader_leaves_a_last_snapshot_and_a_replica_cannot(databases, world):
    snapshot = unique("final")
    end = {"skipFinalSnapshot": False, "finalSnapshotIdentifier": snapshot}
    replica_id, replica_outputs = databases.replica()
    with pytest.raises(InvalidDatabaseState, match="FinalDBSnapshotIdentifier"):
        remove(world.west, INSTANCE, (replica_id, replica_outputs | end))
    remove(world.east, INSTANCE, (databases.leader[0], databases.leader[1] | end))
    found = world.client("rds").describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
    assert [each["DBInstanceIdentifier"] for each in found] == [databases.leader[0]]


def test_fencing_exchanges_the_security_group_in_place(databases, world):
    vpc, _ = make(world.east, VPC, {"cidrBlock": "10.0.0.0/16"})
    group, _ = make(world.east, GROUP, {"vpcId": vpc})
    changed = {**databases.leader_inputs, "vpcSecurityGroupIds": [group]}
    change(world.east, INSTANCE, databases.leader, databases.leader_inputs, changed)
    seen = world.client("rds").describe_db_instances(DBInstanceIdentifier=databases.leader[0])["DBInstances"][0]
    assert [each["VpcSecurityGroupId"] for each in seen["VpcSecurityGroups"]] == [group]


def test_more_parameters_than_one_call_takes_are_all_set(world):
    names = [f"work_mem_{number}" for number in range(25)]
    wanted = [{"name": name, "value": str(number)} for number, name in enumerate(names)]
    inputs = {"family": "postgres17", "parameters": wanted}
    made = make(world.east, "aws:rds/parameterGroup:ParameterGroup", inputs)
    assert world.east.clients.calls["rds", "ModifyDBParameterGroup", EAST] == 2
    assert made[1]["arn"].endswith(f":pg:{made[0]}")


# Ledger


def strong_table(name):
    return {
        "name": name,
        "billingMode": "PAY_PER_REQUEST",
        "hashKey": "pk",
        "attributes": [{"name": "pk", "type": "S"}],
        "replicas": [{"regionName": WEST, "consistencyMode": "STRONG"}],
        "globalTableWitness": {"regionName": WITNESS},
        "pointInTimeRecovery": {"enabled": True},
    }


def claim(table, epoch, owner):
    item = {"pk": {"S": f"epoch#{epoch}"}, "epoch": {"N": str(epoch)}, "database": {"S": owner}}
    return {"tableName": table, "hashKey": "pk", "item": json.dumps(item, sort_keys=True)}


class Ledger:
    def __init__(self):
        self.items: dict[str, dict[str, Any]] = {}

    def put_if_absent(self, region, item):
        return self.items.setdefault(item["pk"], item) is item


def test_a_strong_table_stands_in_both_regions_and_not_at_the_witness(world):
    made = make(world.east, TABLE, strong_table(unique("ledger")))
    for region in (EAST, WEST):
        described = world.client("dynamodb", region).describe_table(TableName=made[0])["Table"]
        assert described["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert made[0] not in world.client("dynamodb", WITNESS).list_tables()["TableNames"]
    remove(world.east, TABLE, made)
    assert made[0] not in world.client("dynamodb", WEST).list_tables()["TableNames"]


def test_a_strong_table_needs_three_regions(world):
    inputs = strong_table(unique("ledger"))
    del inputs["globalTableWitness"]
    with pytest.raises(Unsupported, match="three regions"):
        make(world.east, TABLE, inputs)


def test_a_consistency_mode_that_aws_does_not_know_is_no_strong_table(world):
    inputs = strong_table(unique("ledger"))
    inputs["replicas"] = [{"regionName": WEST, "consistencyMode": "EVENTUAL"}]
    with pytest.raises(Unsupported, match="only a strongly consistent table has a witness"):
        make(world.east, TABLE, inputs)


def test_an_epoch_is_claimed_once_whichever_site_asks(world):
    table, _ = make(world.east, TABLE, strong_table(unique("ledger")))
    id_, _ = make(world.east, ITEM, claim(table, 1, "primary-1"))
    assert id_ == f"{table}|epoch#1"
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        make(world.west, ITEM, claim(table, 1, "secondary-1"))
    stored = world.client("dynamodb", WEST).get_item(TableName=table, Key={"pk": {"S": "epoch#1"}})["Item"]
    assert stored["database"] == {"S": "primary-1"}


def test_the_owner_too_is_refused_a_second_put_and_can_import_its_item(world):
    table, _ = make(world.east, TABLE, strong_table(unique("ledger")))
    inputs = claim(table, 1, "primary-1")
    id_, _ = make(world.east, ITEM, inputs)
    with pytest.raises(Exception, match="ConditionalCheckFailed"):
        make(world.east, ITEM, inputs)
    imported = world.east.read(ITEM, urn("claim", ITEM), id_, {})
    assert {key: imported[key] for key in inputs} == inputs


def test_an_injected_ledger_decides_about_claims(world):
    ledger = Ledger()
    backend = AwsBackend(world.endpoint, EAST, ACCOUNT, world.faults, tables=world.tables, ledger=ledger)
    table, _ = make(backend, TABLE, strong_table(unique("ledger")))
    make(backend, ITEM, claim(table, 1, "primary-1"))
    with pytest.raises(Unsupported, match="ConditionalCheckFailedException: epoch#1"):
        make(backend, ITEM, claim(table, 1, "primary-1"))
    assert ledger.items == {"epoch#1": {"pk": "epoch#1", "epoch": 1, "database": "primary-1"}}


def test_an_item_that_is_gone_is_read_as_none(world):
    table, _ = make(world.east, TABLE, strong_table(unique("ledger")))
    made = make(world.east, ITEM, claim(table, 1, "primary-1"))
    assert world.west.read(ITEM, urn("claim", ITEM), *made) is not None
    remove(world.east, ITEM, made)
    assert world.west.read(ITEM, urn("claim", ITEM), *made) is None


# Buckets


def test_a_bucket_gives_its_regional_name_and_takes_its_settings(world):
    name, outputs = make(world.west, BUCKET, {"bucket": unique("switch")})
    assert outputs["bucketRegionalDomainName"] == f"{name}.s3.{WEST}.amazonaws.com"
    for token, inputs in (
        ("BucketVersioning", {"versioningConfiguration": {"status": "Enabled"}}),
        ("BucketPublicAccessBlock", {"blockPublicAcls": True, "ignorePublicAcls": True, "blockPublicPolicy": False}),
        ("BucketOwnershipControls", {"rule": {"objectOwnership": "BucketOwnerEnforced"}}),
        (
            "BucketServerSideEncryptionConfiguration",
            {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": True}]},
        ),
        (
            "BucketLifecycleConfiguration",
            {
                "rules": [
                    {
                        "id": "old",
                        "status": "Enabled",
                        "filter": {"prefix": ""},
                        "noncurrentVersionExpiration": {"noncurrentDays": 7},
                    }
                ]
            },
        ),
    ):
        make(world.west, f"aws:s3/{token[0].lower()}{token[1:]}:{token}", {"bucket": name, **inputs})
    s3 = world.client("s3", WEST)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]["ID"] == "old"


def test_a_tls_only_policy_is_kept_and_does_not_lock_the_bucket(world):
    bucket, _ = make(world.west, BUCKET, {"bucket": unique("switch")})
    arn = f"arn:aws:s3:::{bucket}"
    read = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/takeover"}
    refuse = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    whole = {"Version": "2012-10-17", "Statement": [read, refuse]}
    policy = make(world.west, POLICY, {"bucket": bucket, "policy": json.dumps(whole)})
    _, written = make(world.west, OBJECT, {"bucket": bucket, "key": "takeover", "content": "yes", "tags": {"a": "b"}})
    s3 = world.client("s3", WEST)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [read]
    assert world.tables["s3-policies"][bucket] == whole
    assert s3.get_object(Bucket=bucket, Key="takeover")["Body"].read() == b"yes"
    assert written["arn"] == f"{arn}/takeover"
    remove(world.west, POLICY, policy)
    assert bucket not in world.tables["s3-policies"]


def test_a_policy_that_is_no_json_is_refused_before_moto_would_break_on_it(world):
    assert [key for key, _ in world.east.check(POLICY, {"bucket": "b", "policy": "{"})] == ["policy"]


def test_taking_the_switch_back_removes_the_object(world):
    bucket, _ = make(world.west, BUCKET, {"bucket": unique("switch")})
    made = make(world.west, OBJECT, {"bucket": bucket, "key": "takeover", "content": "yes"})
    assert world.west.read(OBJECT, urn("x", OBJECT), *made) is not None
    remove(world.west, OBJECT, made)
    assert world.west.read(OBJECT, urn("x", OBJECT), *made) is None


# Traffic


def test_failover_latency_and_alias_records_are_there_for_an_evaluator(world):
    zone, outputs = make(world.east, ZONE, {"name": f"{unique('platform')}.example", "enableAcceleratedRecovery": True})
    domain = outputs["name"]
    check = {
        "type": "HTTPS",
        "fqdn": f"primary.{domain}",
        "port": 443,
        "resourcePath": "/health",
        "requestInterval": 10,
        "failureThreshold": 3,
    }
    app, _ = make(world.east, CHECK, check)
    switch, _ = make(
        world.east, CHECK, {**check, "fqdn": "bucket.example", "resourcePath": "/takeover", "invertHealthcheck": True}
    )
    both, _ = make(
        world.east, CHECK, {"type": "CALCULATED", "childHealthchecks": [app, switch], "childHealthThreshold": 2}
    )
    alias = [{"name": "alb.example", "zoneId": "Z3AADJGX6KTTL2", "evaluateTargetHealth": False}]
    failover = {
        "zoneId": zone,
        "name": domain,
        "type": "A",
        "aliases": alias,
        "setIdentifier": "primary",
        "healthCheckId": both,
    }
    make(world.east, RECORD, {**failover, "failoverRoutingPolicies": [{"type": "PRIMARY"}]})
    _, api = make(
        world.east,
        RECORD,
        {
            "zoneId": zone,
            "name": "api",
            "type": "CNAME",
            "ttl": 15,
            "records": [f"primary.{domain}"],
            "latencyRoutingPolicies": [{"region": EAST}],
            "setIdentifier": "primary",
            "healthCheckId": app,
        },
    )
    route53 = world.client("route53")
    sets = {
        s["Name"]: s
        for s in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        if "SetIdentifier" in s
    }
    apex, crisis = sets[f"{domain}."], sets[f"api.{domain}."]
    assert (apex["Failover"], apex["HealthCheckId"]) == ("PRIMARY", both)
    assert apex["AliasTarget"]["EvaluateTargetHealth"] is False
    assert (crisis["Region"], crisis["TTL"], crisis["HealthCheckId"]) == (EAST, 15, app)
    assert crisis["ResourceRecords"] == [{"Value": f"primary.{domain}"}]
    assert api["fqdn"] == f"api.{domain}"
    configs = {each["Id"]: each["HealthCheckConfig"] for each in route53.list_health_checks()["HealthChecks"]}
    assert configs[switch]["Inverted"] is True
    assert (configs[both]["HealthThreshold"], sorted(configs[both]["ChildHealthChecks"])) == (2, sorted([app, switch]))
    assert len(outputs["nameServers"]) == 4


def test_a_record_that_exists_is_overwritten_only_if_that_is_asked_for(world):
    zone, outputs = make(world.east, ZONE, {"name": f"{unique('platform')}.example"})
    inputs = {"zoneId": zone, "name": f"proof.{outputs['name']}", "type": "CNAME", "ttl": 60, "records": ["a.example"]}
    make(world.east, RECORD, inputs)
    with pytest.raises(Exception, match="InvalidChangeBatch"):
        make(world.west, RECORD, inputs)
    made = make(world.west, RECORD, {**inputs, "records": ["b.example"], "allowOverwrite": True})
    remove(world.west, RECORD, made)
    types = [
        each["Type"]
        for each in world.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    ]
    assert "CNAME" not in types


@pytest.mark.parametrize(
    ("change_", "key"),
    [
        ({"setIdentifier": None}, "setIdentifier"),
        ({"healthCheckId": None}, "healthCheckId"),
        ({"records": ["192.0.2.1"], "ttl": 60}, "records"),
        ({"records": ["192.0.2.1"], "aliases": None}, "ttl"),
    ],
)
def test_a_record_that_route_53_would_refuse_or_never_move_is_refused(world, change_, key):
    alias = [{"name": "alb.example", "zoneId": "Z1", "evaluateTargetHealth": False}]
    good = {
        "zoneId": "Z0",
        "name": "platform.example",
        "type": "A",
        "aliases": alias,
        "failoverRoutingPolicies": [{"type": "PRIMARY"}],
        "setIdentifier": "primary",
        "healthCheckId": "1",
    }
    assert world.east.check(RECORD, good) == []
    assert [found for found, _ in world.east.check(RECORD, {**good, **change_})] == [key]


def test_a_health_check_is_changed_in_place(world):
    inputs = {
        "type": "HTTPS",
        "fqdn": "a.example",
        "port": 443,
        "resourcePath": "/health",
        "requestInterval": 10,
        "failureThreshold": 3,
    }
    made = make(world.east, CHECK, inputs)
    change(world.east, CHECK, made, inputs, {**inputs, "failureThreshold": 2})
    config = world.client("route53").get_health_check(HealthCheckId=made[0])["HealthCheck"]["HealthCheckConfig"]
    assert (config["FailureThreshold"], config["FullyQualifiedDomainName"]) == (2, "a.example")


def test_a_certificate_asks_for_the_same_record_in_both_regions_and_once_for_its_wildcard(world):
    domain = f"{unique('platform')}.example"
    inputs = {"domainName": domain, "subjectAlternativeNames": [f"*.{domain}"], "validationMethod": "DNS"}
    made = [make(backend, "aws:acm/certificate:Certificate", inputs) for backend in (world.east, world.west)]
    names = {option["resourceRecordName"] for _, outputs in made for option in outputs["domainValidationOptions"]}
    assert len(names) == 1
    validation = "aws:acm/certificateValidation:CertificateValidation"
    arn, fqdn = made[0][1]["arn"], names.pop().rstrip(".")
    _, outputs = make(world.east, validation, {"certificateArn": arn, "validationRecordFqdns": [fqdn]})
    assert outputs["certificateArn"] == arn
    with pytest.raises(Unsupported, match="certificate needs"):
        make(world.east, validation, {"certificateArn": arn, "validationRecordFqdns": ["other.example"]})


def test_a_load_balancer_sends_each_path_to_its_group(world):
    vpc, ids = subnets(world.east)
    certificate, _ = make(
        world.east,
        "aws:acm/certificate:Certificate",
        {"domainName": f"{unique('x')}.example", "validationMethod": "DNS"},
    )
    balancer_type = "aws:lb/loadBalancer:LoadBalancer"
    balancer = make(
        world.east,
        balancer_type,
        {
            "name": unique("alb"),
            "loadBalancerType": "application",
            "subnets": ids,
            "enableDeletionProtection": True,
            "idleTimeout": 300,
        },
    )
    group_inputs = {
        "name": unique("backend"),
        "vpcId": vpc,
        "port": 3001,
        "protocol": "HTTP",
        "targetType": "ip",
        "deregistrationDelay": 30,
        "healthCheck": {
            "path": "/health",
            "protocol": "HTTP",
            "matcher": "200",
            "interval": 10,
            "timeout": 5,
            "healthyThreshold": 2,
        },
    }
    group, group_outputs = make(world.east, "aws:lb/targetGroup:TargetGroup", group_inputs)
    listener, _ = make(
        world.east,
        "aws:lb/listener:Listener",
        {
            "loadBalancerArn": balancer[0],
            "port": 443,
            "protocol": "HTTPS",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "certificateArn": certificate,
            "defaultActions": [{"type": "forward", "targetGroupArn": group}],
        },
    )
    make(
        world.east,
        "aws:lb/listenerRule:ListenerRule",
        {
            "listenerArn": listener,
            "priority": 10,
            "conditions": [{"pathPattern": {"values": ["/api/*"]}}],
            "actions": [{"type": "forward", "targetGroupArn": group}],
        },
    )
    elb = world.client("elbv2")
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    assert [rule["Conditions"][0]["PathPatternConfig"]["Values"] for rule in rules if rule["Priority"] == "10"] == [
        ["/api/*"]
    ]
    seen = elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]
    assert (seen["HealthCheckPath"], seen["HealthCheckIntervalSeconds"], seen["Matcher"]) == (
        "/health",
        10,
        {"HttpCode": "200"},
    )
    assert balancer[1]["dnsName"]
    assert balancer[1]["zoneId"]
    assert group_outputs["arnSuffix"].startswith("targetgroup/")
    with pytest.raises(Unsupported, match="deletion protection"):
        remove(world.east, balancer_type, balancer)


def test_plain_http_is_redirected(world):
    _, ids = subnets(world.east)
    balancer, _ = make(world.east, "aws:lb/loadBalancer:LoadBalancer", {"name": unique("alb"), "subnets": ids})
    redirect = {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}
    inputs = {
        "loadBalancerArn": balancer,
        "port": 80,
        "protocol": "HTTP",
        "defaultActions": [{"type": "redirect", "redirect": redirect}],
    }
    listener, _ = make(world.east, "aws:lb/listener:Listener", inputs)
    seen = world.client("elbv2").describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"][0]
    assert (seen["Type"], seen["RedirectConfig"]["StatusCode"]) == ("redirect", "HTTP_301")


# Clusters


def a_cluster(backend, **more):
    _, outputs = make(backend, ROLE, {"assumeRolePolicy": TRUST})
    _, ids = subnets(backend)
    inputs = {
        "name": unique("lifeline"),
        "version": "1.34",
        "roleArn": outputs["arn"],
        "vpcConfig": {"subnetIds": ids, "endpointPrivateAccess": True},
        "accessConfig": {"authenticationMode": "API"},
        "encryptionConfig": {"provider": {"keyArn": f"arn:aws:kms:{EAST}:{ACCOUNT}:key/a"}, "resources": ["secrets"]},
        "enabledClusterLogTypes": ["api", "audit"],
        **more,
    }
    return make(backend, CLUSTER, inputs)


def test_a_cluster_gives_what_its_nodes_and_pods_are_joined_by(world):
    _, outputs = a_cluster(world.east)
    group = outputs["vpcConfig"]["clusterSecurityGroupId"]
    assert (
        world.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"]
        == outputs["vpcConfig"]["vpcId"]
    )
    assert outputs["endpoint"].startswith("https://")
    assert outputs["certificateAuthority"]["data"]
    assert outputs["identities"][0]["oidcs"][0]["issuer"].startswith("https://")


def test_a_protected_cluster_is_not_deleted(world):
    made = a_cluster(world.east, deletionProtection=True)
    with pytest.raises(Unsupported, match="deletion protection"):
        remove(world.east, CLUSTER, made)
    assert world.client("eks").describe_cluster(name=made[0])["cluster"]["status"] == "ACTIVE"


def test_a_cluster_takes_its_security_group_along(world):
    made = a_cluster(world.east)
    remove(world.east, CLUSTER, made)
    group = made[1]["vpcConfig"]["clusterSecurityGroupId"]
    assert group not in {each["GroupId"] for each in world.client("ec2").describe_security_groups()["SecurityGroups"]}


def test_an_upgrade_keeps_the_subnets_that_moto_would_lose(world):
    made = a_cluster(world.east)
    old = {key: made[1][key] for key in ("name", "version", "roleArn", "accessConfig")}
    _, outputs = change(world.east, CLUSTER, made, old, {**old, "version": "1.35"})
    assert outputs["version"] == "1.35"
    assert outputs["vpcConfig"] == made[1]["vpcConfig"]


def test_node_groups_grow_in_place_and_never_past_their_maximum(world):
    group = "aws:eks/nodeGroup:NodeGroup"
    cluster, outputs = a_cluster(world.east)
    inputs = {
        "clusterName": cluster,
        "nodeRoleArn": outputs["roleArn"],
        "subnetIds": outputs["vpcConfig"]["subnetIds"],
        "scalingConfig": {"minSize": 2, "desiredSize": 2, "maxSize": 4},
        "updateConfig": {"maxUnavailable": 1},
        "version": "1.34",
    }
    made = make(world.east, group, inputs, "nodes-1")
    grown = {**inputs, "scalingConfig": {"minSize": 3, "desiredSize": 3, "maxSize": 4}}
    change(world.east, group, made, inputs, grown)
    name = made[1]["nodeGroupName"]
    seen = world.client("eks").describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
    assert seen["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 4}
    wrong = {**inputs, "scalingConfig": {"minSize": 2, "desiredSize": 5, "maxSize": 4}}
    assert [key for key, _ in world.east.check(group, wrong)] == ["scalingConfig"]


def test_an_addon_is_kept_for_both_stacks_to_see_and_only_once(world):
    cluster, _ = a_cluster(world.east)
    inputs = {
        "clusterName": cluster,
        "addonName": "vpc-cni",
        "configurationValues": json.dumps({"enableNetworkPolicy": "true"}),
        "podIdentityAssociations": [{"roleArn": f"arn:aws:iam::{ACCOUNT}:role/cni", "serviceAccount": "aws-node"}],
        "resolveConflictsOnCreate": "OVERWRITE",
        "resolveConflictsOnUpdate": "OVERWRITE",
        "tags": {"a": "b"},
    }
    made = make(world.east, ADDON, inputs)
    assert made[0] == f"{cluster}:vpc-cni"
    assert world.west.tables["eks-Addon"][f"{EAST}/{made[0]}"]["addonName"] == "vpc-cni"
    with pytest.raises(Unsupported, match="ResourceInUseException"):
        make(world.east, ADDON, inputs)
    change(world.east, ADDON, made, inputs, {**inputs, "configurationValues": "{}"})
    assert world.tables["eks-Addon"][f"{EAST}/{made[0]}"]["configurationValues"] == "{}"
    remove(world.east, ADDON, made)
    assert world.tables["eks-Addon"] == {}


def test_a_call_that_moto_lacks_is_still_held_against_aws_own_description(world):
    cluster, _ = a_cluster(world.east)
    with pytest.raises(ValueError, match="roleArn"):
        make(
            world.east,
            "aws:eks/podIdentityAssociation:PodIdentityAssociation",
            {"clusterName": cluster, "namespace": "n", "serviceAccount": "s"},
        )


def test_a_pod_identity_is_changed_and_removed_by_its_association(world):
    kind = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    cluster, _ = a_cluster(world.east)
    inputs = {
        "clusterName": cluster,
        "namespace": "n",
        "serviceAccount": "s",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/a",
    }
    made = make(world.east, kind, inputs)
    assert made[1]["associationId"] == made[0]
    change(world.east, kind, made, inputs, {**inputs, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/b"})
    (row,) = world.tables["eks-PodIdentityAssociation"].values()
    assert row["roleArn"].endswith("role/b")
    remove(world.east, kind, made)
    assert not world.tables["eks-PodIdentityAssociation"]


def test_access_is_granted_only_on_a_cluster_that_exists(world):
    entry = "aws:eks/accessEntry:AccessEntry"
    principal = f"arn:aws:iam::{ACCOUNT}:role/operator"
    with pytest.raises(Unsupported, match="ResourceNotFoundException"):
        make(world.east, entry, {"clusterName": "nobody", "principalArn": principal})
    cluster, _ = a_cluster(world.east)
    make(world.east, entry, {"clusterName": cluster, "principalArn": principal, "type": "STANDARD"})
    make(
        world.east,
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        {
            "clusterName": cluster,
            "principalArn": principal,
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
            "accessScope": {"type": "cluster"},
        },
    )
    assert len(world.tables["eks-AccessPolicyAssociation"]) == 1
