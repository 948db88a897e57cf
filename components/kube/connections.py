"""Allowed connections: Services, bindings to the load balancer's target groups, and network policies.

The namespace denies all traffic; each policy below allows one path. A kubelet's probes need no policy: traffic from a
pod's own node is always allowed (Kubernetes, "Network Policies").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.kube.pods import METRICS_PORT, USES_AWS, USES_DATABASE
from components.kube.services import SERVED, Service
from recovery.naming import MONITORING_NAMESPACE, NAMESPACE

Manifest = dict[str, Any]

DATABASE_PORT = 5432
POD_IDENTITY_AGENT = "169.254.170.23/32"
"""The address at which EKS Pod Identity issues credentials, on port 80.

Source: Amazon EKS User Guide, "Set up the Amazon EKS Pod Identity Agent".
"""
_NOT_PUBLIC = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]


def service(of: Service, *, labels: Mapping[str, str]) -> Manifest:
    """The Kubernetes Service of one of the platform's services. It has the same name as the Deployment."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": of.name, "namespace": NAMESPACE, "labels": {**of.labels, **labels}},
        "spec": {
            "type": "ClusterIP",
            "selector": of.labels,
            "ports": [{"name": "http", "port": of.port, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def target_group_binding(
    of: Service, *, arn: Any, security_group_id: Any | None, labels: Mapping[str, str]
) -> Manifest:
    """Registers the Service's pods in a target group that Pulumi owns.

    Args:
        of: the service.
        arn: the target group's ARN.
        security_group_id: the load balancer's group, which the controller allows at the nodes; None if other rules do.
        labels: the labels of the object.
    """
    spec: Manifest = {
        "targetGroupARN": arn,
        "targetType": "ip",
        "serviceRef": {"name": of.name, "port": of.port},
    }
    if security_group_id is not None:
        peer = {"securityGroup": {"groupID": security_group_id}}
        spec["networking"] = {"ingress": [{"from": [peer], "ports": [{"protocol": "TCP", "port": of.port}]}]}
    return {
        "apiVersion": "elbv2.k8s.aws/v1beta1",
        "kind": "TargetGroupBinding",
        "metadata": {"name": of.name, "namespace": NAMESPACE, "labels": {**of.labels, **labels}},
        "spec": spec,
    }


def network_policies(*, vpc_cidr: str, database_cidrs: Sequence[str], labels: Mapping[str, str]) -> Iterator[Manifest]:
    """Every network policy of the namespace.

    Args:
        vpc_cidr: the network of the load balancer and the interface endpoints.
        database_cidrs: the database subnets of this site, and of every other database that a job must reach.
        labels: the labels of the objects.
    """
    for policy in _policies(vpc_cidr, database_cidrs):
        policy["metadata"]["labels"] = dict(labels)
        yield policy


def _policies(vpc_cidr: str, database_cidrs: Sequence[str]) -> Iterator[Manifest]:
    yield _policy("default-deny", {}, types=("Ingress", "Egress"))
    yield _policy("allow-dns", {}, egress=[_dns()])
    yield _policy(
        "allow-database",
        {USES_DATABASE: "true"},
        egress=[{"to": [_block(cidr) for cidr in database_cidrs], "ports": [_tcp(DATABASE_PORT)]}],
    )
    yield _policy("allow-aws", {USES_AWS: "true"}, egress=_aws(vpc_cidr))
    yield _policy(
        "allow-metrics", {}, ingress=[{"from": [_namespace(MONITORING_NAMESPACE)], "ports": [_tcp(METRICS_PORT)]}]
    )
    for service in SERVED:
        yield from _service_policies(service, vpc_cidr)


def _service_policies(of: Service, vpc_cidr: str) -> Iterator[Manifest]:
    callers = [_pods(other.labels) for other in SERVED if of.short_name in other.reaches]
    sources = [_block(vpc_cidr), *callers]
    yield _policy(f"allow-to-{of.short_name}", of.labels, ingress=[{"from": sources, "ports": [_tcp(of.port)]}])
    called = [other for other in SERVED if other.short_name in of.reaches]
    if called:
        rules = [{"to": [_pods(other.labels)], "ports": [_tcp(other.port)]} for other in called]
        yield _policy(f"allow-from-{of.short_name}", of.labels, egress=rules)


def _aws(vpc_cidr: str) -> list[Manifest]:
    return [
        {"to": [_block(vpc_cidr)], "ports": [_tcp(443)]},
        # Gateway endpoints lead to DynamoDB and S3, but the addresses stay the services' public ones.
        {"to": [_block("0.0.0.0/0", besides=_NOT_PUBLIC)], "ports": [_tcp(443)]},
        {"to": [_block(POD_IDENTITY_AGENT)], "ports": [_tcp(80)]},
    ]


def _dns() -> Manifest:
    peer = _namespace("kube-system") | {"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    return {"to": [peer], "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


def _policy(
    name: str,
    selector: Mapping[str, str],
    *,
    types: Sequence[str] = (),
    ingress: list[Manifest] | None = None,
    egress: list[Manifest] | None = None,
) -> Manifest:
    rules = {"ingress": ingress, "egress": egress}
    directions = {key: value for key, value in rules.items() if value is not None}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": dict(selector)} if selector else {},
            "policyTypes": list(types) or [key.capitalize() for key in directions],
            **directions,
        },
    }


def _namespace(name: str) -> Manifest:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _pods(labels: Mapping[str, str]) -> Manifest:
    return {"podSelector": {"matchLabels": dict(labels)}}


def _block(cidr: str, *, besides: Sequence[str] = ()) -> Manifest:
    block: Manifest = {"cidr": cidr}
    if besides:
        block["except"] = list(besides)
    return {"ipBlock": block}


def _tcp(port: int) -> Manifest:
    return {"protocol": "TCP", "port": port}
