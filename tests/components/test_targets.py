"""The ways from the load balancer to the pods of a cluster, and the routes of a site."""

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from components.health import CHECKED_PATHS, PAGE_PATH
from components.kube.services import SERVED
from components.routes import MAINTENANCE_PAGE, Routes, RoutesArgs
from components.targets import Targets, TargetsArgs
from engine.computed import computed_id
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

BALANCER, PODS, LISTENER = "sg-balancer", "sg-pods", "arn:listener"
RULE = "aws:lb/listenerRule:ListenerRule"


def registered(generation: int = 1, *, maintenance: bool = False) -> dict[str, Registration]:
    """The targets of a generation, and routes to them."""

    def program() -> None:
        targets = Targets(
            f"targets-{generation}",
            TargetsArgs(
                generation=generation,
                vpc_id="vpc-1",
                listener_arn=LISTENER,
                load_balancer_security_group_id=BALANCER,
                pod_security_group_id=PODS,
                site=site(),
            ),
        )
        args = RoutesArgs(listener_arn=LISTENER, group_arns=targets.group_arns, site=site(), after=targets.ways)
        Routes("routes", replace(args, maintenance=maintenance))

    return {resource.name: resource for resource in record(program) if resource.custom}


@pytest.fixture(scope="module")
def resources() -> dict[str, Registration]:
    return registered()


def rules(resources: dict[str, Registration], prefix: str) -> list[dict[str, Any]]:
    """The rules with a prefix, in the order of their priority."""
    made = [entry.inputs for name, entry in resources.items() if entry.type == RULE and name.startswith(prefix)]
    return sorted(made, key=lambda rule: rule["priority"])


def target(resources: dict[str, Registration], prefix: str, path: str) -> str:
    """The service that a path reaches: the target group of the first rule that matches."""
    groups = {
        computed_id(entry.type, entry.urn, entry.inputs): name.removeprefix("targets-1-")
        for name, entry in resources.items()
        if entry.type == "aws:lb/targetGroup:TargetGroup"
    }
    for rule in rules(resources, prefix):
        patterns = next(entry["pathPattern"]["values"] for entry in rule["conditions"] if "pathPattern" in entry)
        if any(fnmatchcase(path, pattern) for pattern in patterns):
            return groups[rule["actions"][0]["targetGroupArn"].split("/")[1]]
    raise AssertionError(f"{path}: no rule matches")


@pytest.mark.parametrize("prefix", ["routes-", "targets-1-"])
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
def test_each_path_reaches_its_service(resources, prefix, path, service):
    assert target(resources, prefix, path) == service


def test_a_rule_of_a_cluster_wants_the_header_that_names_its_generation():
    headers = [
        condition["httpHeader"]
        for rule in rules(registered(7), "targets-7-")
        for condition in rule["conditions"]
        if "httpHeader" in condition
    ]
    assert headers == [{"httpHeaderName": "X-Lifeline-Cluster", "values": ["7"]}] * 5


def test_rules_of_all_generations_come_before_the_routes_and_have_priorities_of_their_own():
    own = [rule["priority"] for number in (1, 2, 98, 99) for rule in rules(registered(number), f"targets-{number}-")]
    routes = [rule["priority"] for rule in rules(registered(), "routes-")]
    assert len(set(own)) == len(own) == 20
    assert max(own) < min(routes)
    assert len(set(routes)) == 5


def test_no_rule_has_more_than_the_five_values_that_elb_allows(resources):
    for rule in (*rules(resources, "routes-"), *rules(resources, "targets-1-")):
        assert sum(len(value["values"]) for condition in rule["conditions"] for value in condition.values()) <= 5


def test_pods_and_load_balancer_reach_each_other_at_the_services_ports_and_nowhere_else(resources):
    for kind, holder, other in (("Ingress", PODS, BALANCER), ("Egress", BALANCER, PODS)):
        made = [entry.inputs for entry in resources.values() if entry.type.endswith(f":SecurityGroup{kind}Rule")]
        assert sorted(
            (rule["fromPort"], rule["toPort"], rule["securityGroupId"], rule["referencedSecurityGroupId"])
            for rule in made
        ) == [(3001, 3001, holder, other), (8080, 8080, holder, other)]


def test_targets_are_pods_checked_at_their_own_health_path(resources):
    groups = {
        name.removeprefix("targets-1-"): entry.inputs
        for name, entry in resources.items()
        if entry.type == "aws:lb/targetGroup:TargetGroup"
    }
    assert {name: (group["port"], group["healthCheck"]["path"]) for name, group in groups.items()} == {
        service.short_name: (service.port, service.health_path) for service in SERVED
    }
    assert {(group["targetType"], group["protocol"], group["vpcId"]) for group in groups.values()} == {
        ("ip", "HTTP", "vpc-1")
    }
    assert {group["deregistrationDelay"] for group in groups.values()} == {30}
    assert groups["crisis-detector"]["tags"]["lifeline:tier"] == "crisis"


@pytest.mark.parametrize("generation", [1, 99])
def test_elb_names_keep_within_32_characters_at_every_generation(generation):
    groups = [entry for entry in registered(generation).values() if entry.type == "aws:lb/targetGroup:TargetGroup"]
    names = [entry.inputs["name"] for entry in groups]
    assert len(names) == len(set(names)) == 5
    assert max(map(len, names)) <= 32


def test_groups_of_two_generations_or_two_ports_can_stand_side_by_side():
    first, second = (registered(number)[f"targets-{number}-backend"].inputs["name"] for number in (1, 2))
    assert first != second
    assert first.startswith("backend-3001-")
    assert second.startswith("backend-3001-")


def test_a_pod_waits_for_the_rule_of_its_target_group_and_for_both_open_ports():
    made: list[Targets] = []
    record(
        lambda: made.append(
            Targets(
                "targets",
                TargetsArgs(
                    generation=1,
                    vpc_id="vpc-1",
                    listener_arn=LISTENER,
                    load_balancer_security_group_id=BALANCER,
                    pod_security_group_id=PODS,
                    site=site(),
                ),
            )
        )
    )
    assert sorted(resource._name for resource in made[0].ways) == sorted(
        [f"targets-rule-{service.short_name}" for service in SERVED]
        + [f"targets-{way}-{port}" for way in ("from", "to") for port in (3001, 8080)]
    )


@pytest.fixture(scope="module")
def closed() -> dict[str, Registration]:
    return registered(maintenance=True)


def first(resources: dict[str, Registration], path: str) -> str:
    """The name of the first route that matches a path."""
    made = {name: entry.inputs for name, entry in resources.items() if name.startswith("routes-")}
    return next(
        name
        for name in sorted(made, key=lambda name: made[name]["priority"])
        if any(fnmatchcase(path, pattern) for pattern in made[name]["conditions"][0]["pathPattern"]["values"])
    )


def test_maintenance_adds_a_rule_that_answers_pages(resources, closed):
    assert closed.keys() - resources.keys() == {"routes-maintenance"}
    assert {name: entry.inputs for name, entry in closed.items() if name in resources} == {
        name: entry.inputs for name, entry in resources.items()
    }
    answer = {"contentType": "text/html", "messageBody": MAINTENANCE_PAGE, "statusCode": "200"}
    assert closed["routes-maintenance"].inputs["actions"] == [{"type": "fixed-response", "fixedResponse": answer}]
    assert {path: first(closed, path) for path in ("/", "/help", "/api/users", "/ws/chat", "/api/crisis/detect")} == {
        "/": "routes-maintenance",
        "/help": "routes-maintenance",
        "/api/users": "routes-backend",
        "/ws/chat": "routes-backend",
        "/api/crisis/detect": "routes-crisis-detector",
    }


def test_maintenance_leaves_the_site_healthy_for_every_health_check(resources, closed):
    """Route 53 counts 200 to 399 as healthy. If the page failed, DNS would lead people to a site without writes."""
    changed = [path for path in CHECKED_PATHS if first(closed, path) != first(resources, path)]
    assert changed == [PAGE_PATH]
    (action,) = closed["routes-maintenance"].inputs["actions"]
    assert 200 <= int(action["fixedResponse"]["statusCode"]) <= 399


def test_maintenance_does_not_wait_for_pods_that_may_be_broken(closed):
    assert not closed["routes-maintenance"].dependencies


def test_the_maintenance_page_names_help_in_two_languages_within_the_limit_of_elb():
    assert len(MAINTENANCE_PAGE) <= 1024
    english, spanish = MAINTENANCE_PAGE.split('<div lang="es">')
    for part in (english, spanish):
        assert 'href="tel:988"' in part
        assert 'href="tel:911"' in part
    assert 'lang="en"' in english


def test_routes_wait_for_the_workloads(resources):
    waits = {urn.rsplit("::", 1)[-1] for urn in resources["routes-backend"].dependencies}
    assert "targets-1-from-3001" in waits
