"""The load balancer of a site."""

import json

import pytest

from components.load_balancer import LoadBalancer, LoadBalancerArgs
from engine.computed import computed_id
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site


def registered(*, protect: bool = True) -> dict[str, Registration]:
    args = LoadBalancerArgs(
        vpc_id="vpc-1",
        public_subnet_ids=("subnet-1", "subnet-2", "subnet-3"),
        certificate_arn="arn:aws:acm:us-east-2:123456789012:certificate/1",
        logs_key_arn="arn:aws:kms:us-east-2:123456789012:key/logs",
        site=site(protect=protect),
    )
    return {resource.name: resource for resource in record(lambda: LoadBalancer("entrance", args)) if resource.custom}


@pytest.fixture(scope="module")
def resources() -> dict[str, Registration]:
    return registered()


def test_https_speaks_tls_1_3_with_the_sites_certificate(resources):
    listener = resources["entrance-listener-https"].inputs
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert listener["certificateArn"] == "arn:aws:acm:us-east-2:123456789012:certificate/1"


def test_plain_http_is_answered_with_a_redirect_and_nothing_else(resources):
    listener = resources["entrance-listener-http"].inputs
    assert (listener["port"], listener["protocol"]) == (80, "HTTP")
    redirect = {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}
    assert listener["defaultActions"] == [{"type": "redirect", "redirect": redirect}]


def test_the_load_balancer_faces_the_internet_in_every_public_subnet(resources):
    balancer = resources["entrance-alb"].inputs
    assert balancer["internal"] is False
    assert balancer["subnets"] == ["subnet-1", "subnet-2", "subnet-3"]
    assert balancer["dropInvalidHeaderFields"] is True


def test_the_load_balancer_logs_every_request_in_a_bucket_that_it_alone_may_write(resources):
    assert resources["entrance-alb"].inputs["accessLogs"]["enabled"] is True
    bucket = resources["entrance-logs-bucket"].inputs
    assert bucket["bucket"] == resources["entrance-alb"].inputs["accessLogs"]["bucket"]
    assert bucket["tags"]["lifeline:data"] == "phi"
    refusal, delivery = json.loads(resources["entrance-logs-policy"].inputs["policy"])["Statement"]
    assert refusal["Effect"] == "Deny"
    assert delivery == {
        "Sid": "WriteAccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": ["s3:PutObject"],
        "Resource": ["arn:aws:s3:::lifeline-123456789012-primary-access-logs/AWSLogs/123456789012/*"],
    }


def test_the_bucket_is_ready_before_the_load_balancer_writes_its_test_file(resources):
    needed = {resources[f"entrance-logs-{part}"].urn for part in ("policy", "encryption", "versioning")}
    assert needed <= set(resources["entrance-alb"].dependencies)


def test_the_logs_have_the_only_encryption_that_elastic_load_balancing_can_write(resources):
    (rule,) = resources["entrance-logs-encryption"].inputs["rules"]
    assert rule == {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    assert [entry.type for entry in resources.values() if ":kms/" in entry.type] == []


@pytest.mark.parametrize("protect", [True, False])
def test_elb_refuses_deletion_as_asked(protect):
    assert registered(protect=protect)["entrance-alb"].inputs["enableDeletionProtection"] is protect


def test_a_request_that_meets_no_rule_is_answered_with_503(resources):
    (action,) = resources["entrance-listener-https"].inputs["defaultActions"]
    assert (action["type"], action["fixedResponse"]["statusCode"]) == ("fixed-response", "503")


def test_the_world_reaches_the_load_balancer_at_two_ports(resources):
    own = computed_id("aws:ec2/securityGroup:SecurityGroup", resources["entrance-group"].urn, {})
    ingress = [entry.inputs for entry in resources.values() if entry.type.endswith(":SecurityGroupIngressRule")]
    assert sorted(
        (rule["fromPort"], rule["toPort"], rule["securityGroupId"], rule["cidrIpv4"]) for rule in ingress
    ) == [
        (80, 80, own, "0.0.0.0/0"),
        (443, 443, own, "0.0.0.0/0"),
    ]
    assert "egress" not in resources["entrance-group"].inputs
    assert [entry for entry in resources.values() if entry.type.endswith(":SecurityGroupEgressRule")] == []
