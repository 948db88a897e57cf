"""Load balancers and their listeners."""

from __future__ import annotations

import pytest

from rehearsal.providers.backend import UnsupportedError
from tests.rehearsal.providers.aws.world import make, remove, subnets, unique


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
    with pytest.raises(UnsupportedError, match="deletion protection"):
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


def test_a_second_load_balancer_with_the_same_name_is_refused(world):
    _, ids = subnets(world.east)
    inputs = {"name": unique("alb"), "loadBalancerType": "application", "subnets": ids}
    make(world.east, "aws:lb/loadBalancer:LoadBalancer", inputs)
    with pytest.raises(UnsupportedError, match="DuplicateLoadBalancerName"):
        make(world.east, "aws:lb/loadBalancer:LoadBalancer", {**inputs, "internal": True})
