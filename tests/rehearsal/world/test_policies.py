"""NetworkPolicies: isolation, rules that add up, and the ways of the platform as the program declares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from recovery.naming import NAMESPACE
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.policies import End, refusal
from tests.harness import deploy

WEB = {"component": "web"}
POD = End(namespace="app", labels=WEB)
NEAR = End(namespace="app", labels={"component": "job"})
FAR = End(namespace="kube-system", labels={"k8s-app": "kube-dns"})
INSIDE, OUTSIDE = End("10.10.3.4"), End("203.0.113.9")
DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def cluster(*specs: Mapping[str, Any]) -> KubernetesApi:
    api = KubernetesApi()
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}})
    for number, spec in enumerate(specs):
        meta = {"name": f"policy-{number}", "namespace": "app"}
        api.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec})
    return api


def egress(*rules: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"podSelector": {"matchLabels": WEB}, "policyTypes": ["Egress"], "egress": [*rules]}


def block(cidr: str, *excepted: str) -> Mapping[str, Any]:
    return {"ipBlock": {"cidr": cidr, **({"except": [*excepted]} if excepted else {})}}


def ports(*entries: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*entries]


def test_a_pod_that_no_policy_selects_is_open() -> None:
    assert refusal(cluster(), POD, OUTSIDE, 443) is None
    other = {**DENY, "podSelector": {"matchLabels": {"component": "other"}}}
    assert refusal(cluster(other), POD, OUTSIDE, 443) is None
    assert refusal(cluster(other), OUTSIDE, POD, 443) is None


def test_a_policy_without_rules_closes_both_directions_and_says_which() -> None:
    closed = cluster(DENY)
    assert refusal(closed, POD, OUTSIDE, 443) == "no network policy lets pods web out to 203.0.113.9 at port 443"
    assert refusal(closed, OUTSIDE, POD, 443) == "no network policy lets 203.0.113.9 in to pods web at port 443"


@pytest.mark.parametrize(
    ("rule", "receiver", "port", "passes"),
    [
        ({}, OUTSIDE, 1, True),
        ({"ports": ports({"port": 443})}, OUTSIDE, 443, True),
        ({"ports": ports({"port": 443})}, OUTSIDE, 80, False),
        ({"ports": ports({"port": 443, "protocol": "UDP"})}, OUTSIDE, 443, False),
        ({"ports": ports({"port": 400, "endPort": 500})}, OUTSIDE, 443, True),
        ({"to": [block("10.0.0.0/8")]}, INSIDE, 443, True),
        ({"to": [block("10.0.0.0/8")]}, OUTSIDE, 443, False),
        ({"to": [block("0.0.0.0/0", "10.0.0.0/8")]}, INSIDE, 443, False),
        ({"to": [block("0.0.0.0/0", "10.0.0.0/8")]}, OUTSIDE, 443, True),
        ({"to": [block("0.0.0.0/0")]}, NEAR, 443, False),
        ({"to": [{"podSelector": {}}]}, NEAR, 443, True),
        ({"to": [{"podSelector": {}}]}, FAR, 443, False),
        ({"to": [{"podSelector": {"matchLabels": WEB}}]}, NEAR, 443, False),
        ({"to": [{"namespaceSelector": {}}]}, FAR, 443, True),
        ({"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": WEB}}]}, FAR, 443, False),
        ({"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "app"}}}]}, FAR, 443, False),
        ({"to": [block("192.0.2.0/24"), block("203.0.113.0/24")]}, OUTSIDE, 443, True),
    ],
)
def test_a_rule_lets_out_what_its_ports_and_its_peers_name(
    rule: Mapping[str, Any], receiver: End, port: int, passes: bool
) -> None:
    assert (refusal(cluster(DENY, egress(rule)), POD, receiver, port) is None) == (
        passes and receiver.namespace != "app"
    )
    assert (refusal(cluster(egress(rule)), POD, receiver, port) is None) == passes, "rules add up"


def test_both_ends_have_to_agree() -> None:
    into = {"podSelector": {"matchLabels": {"component": "job"}}, "ingress": [{"from": [{"podSelector": {}}]}]}
    assert refusal(cluster(DENY, egress({"to": [{"podSelector": {}}]}), into), POD, NEAR, 80) is None
    assert refusal(cluster(DENY, into), POD, NEAR, 80) == "no network policy lets pods web out to job at port 80"


def test_a_policy_without_types_is_for_what_comes_in() -> None:
    old = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}
    assert refusal(cluster(old), POD, OUTSIDE, 443) is None
    assert refusal(cluster(old), OUTSIDE, POD, 443) is not None
    assert refusal(cluster({**old, "egress": []}), POD, OUTSIDE, 443) is not None


def test_a_selector_that_is_not_modelled_is_an_error() -> None:
    chosen = {"matchExpressions": [{"key": "component", "operator": "Exists"}]}
    with pytest.raises(NotImplementedError):
        refusal(cluster({"podSelector": chosen, "policyTypes": ["Egress"]}), POD, OUTSIDE, 443)


@pytest.fixture(scope="module")
def platform() -> KubernetesApi:
    """The policies of a whole site."""
    api = KubernetesApi()
    for entry in deploy("primary"):
        if entry.type == "kubernetes:core/v1:Namespace" and entry.inputs["metadata"]["name"] == NAMESPACE:
            api.apply({**entry.inputs, "apiVersion": "v1", "kind": "Namespace"})
    for entry in deploy("primary"):
        if entry.type.endswith(":NetworkPolicy") and entry.inputs["metadata"]["namespace"] == NAMESPACE:
            api.apply({**entry.inputs, "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"})
    return api


BACKEND = {"app": "mental-health-platform", "component": "backend"}


def of(component: str, **uses: str) -> End:
    return End(namespace=NAMESPACE, labels={**BACKEND, "component": component, **uses})


DATABASE = {"lifeline/uses-database": "true"}
AWS = {"lifeline/uses-aws": "true"}


@pytest.mark.parametrize(
    ("sender", "receiver", "port", "passes"),
    [
        (End("10.10.200.7"), of("backend"), 3001, True),
        (End("10.10.200.7"), of("backend"), 8080, False),
        (End("203.0.113.9"), of("backend"), 3001, False),
        (of("backend", **DATABASE), End("10.10.241.1"), 5432, True),
        (of("backend"), End("10.10.241.1"), 5432, False),
        (of("backend", **DATABASE), End("10.10.0.9"), 5432, False),
        (of("backend"), of("switch"), 8080, True),
        (of("frontend"), of("switch"), 8080, False),
        (of("crisis-detector", **AWS), End("52.94.0.1"), 443, True),
        (of("frontend"), End("52.94.0.1"), 443, False),
    ],
)
def test_the_program_opens_the_ways_that_its_pods_need_and_no_other(
    platform: KubernetesApi, sender: End, receiver: End, port: int, passes: bool
) -> None:
    assert (refusal(platform, sender, receiver, port) is None) == passes
