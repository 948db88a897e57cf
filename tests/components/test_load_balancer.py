"""The load balancer of a site."""

from fnmatch import fnmatchcase

import pytest

from components.kube.services import SERVICES
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from engine.computed import computed_id
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

PODS = "sg-pods"


def registered(*, protect: bool = True) -> dict[str, Registration]:
    args = LoadBalancerArgs(
        vpc_id="vpc-1",
        public_subnet_ids=("subnet-1", "subnet-2", "subnet-3"),
        certificate_arn="arn:aws:acm:us-east-2:123456789012:certificate/1",
        pod_security_group_id=PODS,
        site=site(protect=protect),
    )
    return {resource.name: resource for resource in record(lambda: LoadBalancer("entrance", args)) if resource.custom}


@pytest.fixture(scope="module")
def resources() -> dict[str, Registration]:
    return registered()


def target(resources: dict[str, Registration], path: str) -> str:
    """The service that a path reaches: by the rules in the order of their priority, then by the listener's default."""
    groups = {
        computed_id(entry.type, entry.urn, entry.inputs): name.removeprefix("entrance-")
        for name, entry in resources.items()
        if entry.type == "aws:lb/targetGroup:TargetGroup"
    }
    rules = [entry.inputs for entry in resources.values() if entry.type == "aws:lb/listenerRule:ListenerRule"]
    for rule in sorted(rules, key=lambda entry: entry["priority"]):
        (condition,) = rule["conditions"]
        if any(fnmatchcase(path, pattern) for pattern in condition["pathPattern"]["values"]):
            return groups[rule["actions"][0]["targetGroupArn"].split("/")[1]]
    return groups[resources["entrance-listener-https"].inputs["defaultActions"][0]["targetGroupArn"].split("/")[1]]


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/crisis/hotline", "hotline-gateway"),
        ("/api/crisis/hotline/988", "hotline-gateway"),
        ("/api/crisis/detect", "crisis-detector"),
        ("/api/crisis/escalate", "crisis-detector"),
        ("/api/crisis/health", "crisis-detector"),
        ("/api/users", "backend"),
        ("/health", "backend"),
        ("/health/complete", "backend"),
        ("/ws/chat", "backend"),
        ("/", "frontend"),
        ("/help", "frontend"),
    ],
)
def test_each_path_reaches_its_service(resources, path, service):
    assert target(resources, path) == service


def test_rules_have_priorities_of_their_own_and_at_most_five_paths(resources):
    rules = [entry.inputs for entry in resources.values() if entry.type == "aws:lb/listenerRule:ListenerRule"]
    assert sorted(rule["priority"] for rule in rules) == [10, 20, 30]
    assert all(len(rule["conditions"][0]["pathPattern"]["values"]) <= 5 for rule in rules)


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


@pytest.mark.parametrize("protect", [True, False])
def test_elb_refuses_deletion_as_asked(protect):
    assert registered(protect=protect)["entrance-alb"].inputs["enableDeletionProtection"] is protect


def test_the_world_reaches_the_load_balancer_at_two_ports_and_the_pods_not_at_all(resources):
    own = computed_id("aws:ec2/securityGroup:SecurityGroup", resources["entrance-group"].urn, {})
    ingress = [entry.inputs for entry in resources.values() if entry.type.endswith(":SecurityGroupIngressRule")]
    world = [rule for rule in ingress if "cidrIpv4" in rule]
    assert sorted((rule["fromPort"], rule["toPort"], rule["securityGroupId"]) for rule in world) == [
        (80, 80, own),
        (443, 443, own),
    ]
    pods = [rule for rule in ingress if rule["securityGroupId"] == PODS]
    assert sorted((rule["fromPort"], rule["toPort"], rule["referencedSecurityGroupId"]) for rule in pods) == [
        (3001, 3001, own),
        (8080, 8080, own),
    ]
    assert len(ingress) == len(world) + len(pods)


def test_the_load_balancer_reaches_the_pods_ports_and_nothing_else(resources):
    egress = [entry.inputs for entry in resources.values() if entry.type.endswith(":SecurityGroupEgressRule")]
    reached = sorted((rule["fromPort"], rule["toPort"], rule["referencedSecurityGroupId"]) for rule in egress)
    assert reached == [(3001, 3001, PODS), (8080, 8080, PODS)]
    assert "egress" not in resources["entrance-group"].inputs


def test_targets_are_pods_checked_at_their_own_health_path(resources):
    groups = {
        name.removeprefix("entrance-"): entry.inputs
        for name, entry in resources.items()
        if entry.type == "aws:lb/targetGroup:TargetGroup"
    }
    assert {name: (group["port"], group["healthCheck"]["path"]) for name, group in groups.items()} == {
        service.short_name: (service.port, service.health_path) for service in SERVICES
    }
    assert {group["targetType"] for group in groups.values()} == {"ip"}
    assert groups["crisis-detector"]["tags"]["lifeline:tier"] == "crisis"


def test_elb_names_keep_within_32_characters_at_the_longest_site_name(resources):
    groups = [entry for entry in resources.values() if entry.type == "aws:lb/targetGroup:TargetGroup"]
    names = [entry.inputs["name"] for entry in groups]
    assert len(names) == len(set(names)) == 4
    assert max(len(name) for name in [*names, "lifeline-" + "a" * 20]) <= 32
    assert resources["entrance-alb"].inputs["name"] == "lifeline-primary"


def test_a_new_port_makes_a_group_that_can_stand_beside_the_old(resources):
    assert resources["entrance-backend"].inputs["name"] == "lifeline-backend-3001"
