"""How many pods there are, which may be evicted, and which come first when room is short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.kube.pods import PLACEHOLDER_PRIORITY_CLASS
from components.kube.services import Service, priority_class
from recovery import objectives
from recovery.naming import NAMESPACE

Manifest = dict[str, Any]

PLACEHOLDER_PRIORITY = -10
"""The lowest priority that still makes the Cluster Autoscaler add a node: below it, pending pods are ignored.

Source: kubernetes/autoscaler, Cluster Autoscaler FAQ, `--expendable-pods-priority-cutoff`.
"""


def maximum_replicas(active: int) -> int:
    """The most pods of one service: twice the active size, and at least the surge that the plan asks for."""
    return max(2 * active, objectives.CRISIS_SURGE_REPLICAS)


def autoscaler(service: Service, *, minimum: int, maximum: int, labels: Mapping[str, str]) -> Manifest:
    """The HorizontalPodAutoscaler of one service.

    `minReplicas` is the size of the site's role, and this is how a flip scales: below the minimum, the controller goes
    straight to it, without a look at any metric (Kubernetes, `pkg/controller/podautoscaler/horizontal.go`).
    """
    utilization = {"type": "Utilization", "averageUtilization": service.cpu_target_percent}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": service.name, "namespace": NAMESPACE, "labels": {**service.labels, **labels}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service.name},
            "minReplicas": minimum,
            "maxReplicas": maximum,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": utilization}}],
            "behavior": _BEHAVIOR,
        },
    }


_BEHAVIOR: Manifest = {
    # Up at once, doubling every 15 seconds; down one pod a minute, after five quiet minutes.
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 15},
            {"type": "Pods", "value": 4, "periodSeconds": 15},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    },
}


def disruption_budget(service: Service, *, labels: Mapping[str, str]) -> Manifest:
    """One pod at a time may be evicted; one that is not ready always may, or it would hold up its node's repair."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": service.name, "namespace": NAMESPACE, "labels": {**service.labels, **labels}},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": service.labels},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def priority_classes(*, labels: Mapping[str, str]) -> Iterator[Manifest]:
    """One for every tier, and one below zero for the placeholders."""
    for tier in objectives.TIERS:
        meaning = f"{tier.title}, back within {tier.rto_seconds} s"
        yield _priority_class(priority_class(tier), tier.priority, meaning, labels)
    meaning = "Room for a flip: evicted for any other pod"
    lowest = _priority_class(PLACEHOLDER_PRIORITY_CLASS, PLACEHOLDER_PRIORITY, meaning, labels)
    yield {**lowest, "preemptionPolicy": "Never"}


def _priority_class(name: str, value: int, description: str, labels: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name, "labels": dict(labels)},
        "value": value,
        "globalDefault": False,
        "description": description,
    }
