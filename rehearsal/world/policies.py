"""Which packets the NetworkPolicies of a cluster let in and out of a pod.

Source: Kubernetes documentation, "Network Policies": a pod is isolated in a direction as soon as one policy selects it
for that direction; then a packet passes if a rule of any such policy lets it, and rules only add up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rehearsal.providers.kubernetes.api import KubernetesApi

Direction = Literal["Ingress", "Egress"]
Plain = Mapping[str, Any]
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class End:
    """One end of a packet's way: a pod with labels in a namespace, or an address outside the cluster."""

    address: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return self.address or str(self.labels.get("component", dict(self.labels)))


def refusal(cluster: KubernetesApi, sender: End, receiver: End, port: int) -> str | None:
    """The reason for which TCP from one end does not arrive at a port of another; None if it does.

    Args:
        cluster: the cluster, with its policies.
        sender: the end that opens the connection.
        receiver: the end that listens.
        port: the port of the receiver.
    """
    if sender.namespace and not _passes(cluster, sender, "Egress", receiver, port):
        return f"no network policy lets pods {sender} out to {receiver} at port {port}"
    if receiver.namespace and not _passes(cluster, receiver, "Ingress", sender, port):
        return f"no network policy lets {sender} in to pods {receiver} at port {port}"
    return None


def _passes(cluster: KubernetesApi, pod: End, direction: Direction, other: End, port: int) -> bool:
    policies = [
        policy["spec"]
        for policy in cluster.view("NetworkPolicy", namespace=pod.namespace)
        if _selects(policy["spec"]["podSelector"], pod.labels) and direction in _directions(policy["spec"])
    ]
    rules = [rule for spec in policies for rule in spec.get(direction.lower(), ())]
    side = "to" if direction == "Egress" else "from"
    return not policies or any(
        _covers(rule.get("ports"), port) and _names(rule.get(side), other, pod.namespace) for rule in rules
    )


def _directions(spec: Plain) -> Iterable[str]:
    """A policy without types is for what comes in, and for what goes out if it has rules for that."""
    return spec.get("policyTypes") or (["Ingress", "Egress"] if "egress" in spec else ["Ingress"])


def _covers(ports: Iterable[Plain] | None, port: int) -> bool:
    """Whether TCP at a port is among some ports. Without ports, every one is."""
    if not ports:
        return True
    return any(
        entry.get("protocol", "TCP") == "TCP"
        and int(entry.get("port", port)) <= port <= int(entry.get("endPort", entry.get("port", port)))
        for entry in ports
    )


def _names(peers: Iterable[Plain] | None, other: End, namespace: str) -> bool:
    """Whether an end is among some peers. Without peers, every one is."""
    return not peers or any(_is(peer, other, namespace) for peer in peers)


def _is(peer: Plain, other: End, namespace: str) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        excluded = any(_within(other.address, cidr) for cidr in block.get("except", ()))
        return _within(other.address, block["cidr"]) and not excluded
    if not other.namespace:
        return False
    spaces = peer.get("namespaceSelector")
    near = other.namespace == namespace if spaces is None else _selects(spaces, {NAMESPACE_LABEL: other.namespace})
    return near and _selects(peer.get("podSelector", {}), other.labels)


def _within(address: str, cidr: str) -> bool:
    return bool(address) and ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def _selects(selector: Plain, labels: Mapping[str, str]) -> bool:
    """Whether labels match a selector.

    Raises:
        NotImplementedError: for a selector by expressions.
    """
    if selector.get("matchExpressions"):
        raise NotImplementedError("the offline world does not read matchExpressions of network policies")
    return selector.get("matchLabels", {}).items() <= labels.items()
