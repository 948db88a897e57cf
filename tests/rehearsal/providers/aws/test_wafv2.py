"""Web ACLs, and the encryption controls of VPCs."""

from __future__ import annotations

from typing import Any

import pytest

from components.firewall import Firewall, FirewallArgs
from engine.recorder import record
from rehearsal.providers.backend import UnsupportedError
from tests.harness import site
from tests.rehearsal.providers.aws.world import change, make, remove, subnets, unique

ACL = "aws:wafv2/webAcl:WebAcl"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
CONTROL = "aws:ec2/vpcEncryptionControl:VpcEncryptionControl"


def declared(name: str) -> dict[str, Any]:
    args = FirewallArgs(load_balancer_arn="arn:x", logs_key_arn="arn:y", site=site())
    return next(entry.inputs for entry in record(lambda: Firewall("f", args)) if entry.name == name)


def test_an_acl_reaches_aws_with_every_rule_and_follows_a_change(world):
    inputs: dict[str, Any] = {**declared("f-acl"), "name": unique("acl")}
    made = make(world.east, ACL, inputs)
    place = {"Name": inputs["name"], "Scope": "REGIONAL", "Id": made[0]}
    waf = world.client("wafv2")
    rules: Any = waf.get_web_acl(**place)["WebACL"]["Rules"]
    assert [rule["Name"] for rule in rules] == [rule["name"] for rule in inputs["rules"]]
    assert rules[0]["Statement"]["ByteMatchStatement"]["PositionalConstraint"] == "STARTS_WITH"
    fewer = {**inputs, "rules": inputs["rules"][:2]}
    change(world.east, ACL, made, inputs, fewer)
    assert len(waf.get_web_acl(**place)["WebACL"]["Rules"]) == 2
    remove(world.east, ACL, made)
    assert [acl for acl in waf.list_web_acls(Scope="REGIONAL")["WebACLs"] if acl["Id"] == made[0]] == []


def test_an_acl_guards_a_load_balancer_until_the_association_goes(world):
    acl = make(world.east, ACL, {**declared("f-acl"), "name": unique("acl")})[1]["arn"]
    _, ids = subnets(world.east)
    balancer, _ = make(
        world.east,
        "aws:lb/loadBalancer:LoadBalancer",
        {"name": unique("alb"), "loadBalancerType": "application", "subnets": ids},
    )
    made = make(world.east, ASSOCIATION, {"webAclArn": acl, "resourceArn": balancer})
    waf = world.client("wafv2")
    assert waf.get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]["ARN"] == acl
    remove(world.east, ASSOCIATION, made)
    assert "WebACL" not in waf.get_web_acl_for_resource(ResourceArn=balancer)


def test_the_log_of_an_acl_has_its_filter_and_redactions(world):
    acl = make(world.east, ACL, {**declared("f-acl"), "name": unique("acl")})[1]["arn"]
    group = "arn:aws:logs:us-east-2:123456789012:log-group:aws-waf-logs-x"
    make(world.east, LOGGING, {**declared("f-logging"), "resourceArn": acl, "logDestinationConfigs": [group]})
    logging = world.client("wafv2").get_logging_configuration(ResourceArn=acl)["LoggingConfiguration"]
    assert [field["SingleHeader"]["Name"] for field in logging["RedactedFields"]] == ["authorization", "cookie"]
    assert logging["LoggingFilter"]["DefaultBehavior"] == "DROP"


def test_a_vpc_has_one_encryption_control_which_excludes_only_when_it_enforces(world):
    vpc, _ = subnets(world.east)
    old = {"vpcId": vpc, "mode": "monitor"}
    made = make(world.east, CONTROL, old)
    with pytest.raises(UnsupportedError, match="VpcEncryptionControlAlreadyExists"):
        make(world.east, CONTROL, old)
    with pytest.raises(UnsupportedError, match="exclusions are valid in mode enforce only"):
        change(world.east, CONTROL, made, old, {**old, "natGatewayExclusion": "enable"})
    change(world.east, CONTROL, made, old, {**old, "mode": "enforce", "natGatewayExclusion": "enable"})
    remove(world.east, CONTROL, made)
    make(world.east, CONTROL, old)


def test_access_logs_need_a_bucket_that_elastic_load_balancing_may_write(world):
    bucket = unique("logs")
    make(world.east, "aws:s3/bucket:Bucket", {"bucket": bucket})
    make(
        world.east,
        "aws:s3/bucketPolicy:BucketPolicy",
        {"bucket": bucket, "policy": '{"Version": "2012-10-17", "Statement": []}'},
    )
    _, ids = subnets(world.east)
    inputs = {"name": unique("alb"), "subnets": ids, "accessLogs": {"bucket": bucket, "enabled": True}}
    with pytest.raises(UnsupportedError, match=f"Access Denied for bucket: {bucket}"):
        make(world.east, "aws:lb/loadBalancer:LoadBalancer", inputs)
