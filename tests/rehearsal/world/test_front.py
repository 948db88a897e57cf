"""A request reaches the pods that the declared rules, target groups, bindings and Services lead to."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.front import BALANCER, LISTENER, RULE, Fronts, destination

NAME = "front.elb.amazonaws.com"


def rule(priority: int, target: str, *patterns: str, header: str = "") -> dict[str, Any]:
    conditions: list[dict[str, Any]] = [{"pathPattern": {"values": list(patterns)}}]
    if header:
        conditions.insert(0, {"httpHeader": {"httpHeaderName": "X-Lifeline-Cluster", "values": [header]}})
    actions = [{"type": "forward", "targetGroupArn": target}]
    return {"listenerArn": "listener", "priority": priority, "conditions": conditions, "actions": actions}


@pytest.fixture
def fronts() -> Fronts:
    made = Fronts()
    made.changed(BALANCER, "balancer", {}, {"dnsName": NAME})
    made.changed(LISTENER, "listener", {"port": 443, "loadBalancerArn": "balancer"}, {})
    made.changed(LISTENER, "plain", {"port": 80, "loadBalancerArn": "balancer"}, {})
    made.changed(RULE, "all", rule(1040, "frontend", "/*"), {})
    made.changed(RULE, "health", rule(1030, "backend", "/health*", "/api/*"), {})
    made.changed(RULE, "second", rule(5, "backend-2", "/health*", header="2"), {})
    return made


@pytest.mark.parametrize(
    ("path", "headers", "target"),
    [
        ("/health", {}, "backend"),
        ("/", {}, "frontend"),
        ("/health", {"X-Lifeline-Cluster": "2"}, "backend-2"),
        ("/", {"X-Lifeline-Cluster": "2"}, "frontend"),
        ("/health", {"X-Lifeline-Cluster": "3"}, "backend"),
    ],
)
def test_the_first_rule_that_matches_gets_the_request(
    fronts: Fronts, path: str, headers: dict[str, str], target: str
) -> None:
    assert fronts.target(NAME, path, headers) == target


def test_a_request_that_meets_no_rule_goes_nowhere(fronts: Fronts) -> None:
    fronts.deleted("all")
    assert fronts.target(NAME, "/") is None
    assert fronts.target("another.elb.amazonaws.com", "/health") is None


def test_a_changed_rule_moves_its_path(fronts: Fronts) -> None:
    fronts.changed(RULE, "health", rule(1030, "backend-2", "/health*"), {})
    assert fronts.target(NAME, "/health") == "backend-2"


def test_a_rule_with_an_answer_of_its_own_leads_to_no_pod(fronts: Fronts) -> None:
    answer = {"contentType": "text/html", "messageBody": "later", "statusCode": "200"}
    actions = [{"type": "fixed-response", "fixedResponse": answer}]
    fronts.changed(RULE, "all", {**rule(1040, "frontend", "/*"), "actions": actions}, {})
    assert (fronts.page(NAME, "/"), fronts.target(NAME, "/")) == ((200, "later"), None)
    assert (fronts.page(NAME, "/health"), fronts.target(NAME, "/health")) == (None, "backend")


def test_rules_of_the_plain_listener_serve_no_one(fronts: Fronts) -> None:
    fronts.changed(RULE, "plain-rule", {**rule(1, "elsewhere", "/*"), "listenerArn": "plain"}, {})
    assert fronts.target(NAME, "/") == "frontend"


def cluster(target: str = "", *, component: str = "backend") -> KubernetesApi:
    """A cluster with a Deployment of the backend, its Service, and a binding to a target group if one is named."""
    made = KubernetesApi()
    labels, meta = {"component": component}, {"name": "web", "namespace": "default"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    made.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    service = {"selector": {"component": "backend"}, "ports": [{"port": 3001}]}
    made.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service})
    if target:
        chart = {"chart": "oci://x/charts/aws-load-balancer-controller", "version": "3.5.0"}
        release = {"name": "controller", "namespace": "kube-system"}
        made.apply({"apiVersion": "helm.sh/v3", "kind": "Release", "metadata": release, **chart, **release})
        reference = {"serviceRef": {"name": "web", "port": 3001}, "targetGroupARN": target, "targetType": "ip"}
        binding = {"apiVersion": "elbv2.k8s.aws/v1beta1", "kind": "TargetGroupBinding", "metadata": meta}
        made.apply({**binding, "spec": reference})
    return made


def test_the_cluster_whose_binding_names_the_group_gets_the_request() -> None:
    first, second = cluster("backend"), cluster("backend-2")
    pods = destination("backend-2", [first, second])
    assert pods is not None
    assert (pods.cluster is second, pods.namespace, pods.deployment) == (True, "default", "web")


def test_a_group_without_a_binding_or_with_a_service_that_selects_no_pods_leads_nowhere() -> None:
    assert destination("backend", [cluster(), cluster("another")]) is None
    assert destination("backend", [cluster("backend", component="frontend")]) is None
