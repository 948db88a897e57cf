"""The number of pods, the budget for evictions, and the priorities when room is short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.kube.pods import PLACEHOLDER_PRIORITY_CLASS
from components.kube.services import Service, priority_class
from recovery import objectives
from recovery.naming import NAMESPACE

Manifest = dict[str, Any]

PLACEHOLDER_PRIORITY = -10
"""The lowest priority for which the Cluster Autoscaler adds nodes. It ignores pending pods below it.

Source: kubernetes/autoscaler, Cluster Autoscaler FAQ, `--expendable-pods-priority-cutoff`.
"""


def maximum_replicas(size: int) -> int:
    """The maximum number of pods of one service: twice the size, and at least the surge size of the plan.

    Args:
        size: the number of pods when the site is active, or in a surge if that is more.
    """
    return max(2 * size, objectives.CRISIS_SURGE_REPLICAS)


def autoscaler(service: Service, *, minimum: int, maximum: int, labels: Mapping[str, str]) -> Manifest:
    """The HorizontalPodAutoscaler of one service.

    `minReplicas` is the size in the site's current role, and a flip scales by changing it: below the minimum, the
    controller scales to it at once, without any metric (Kubernetes, `pkg/controller/podautoscaler/horizontal.go`).
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
    # Scale up at once, doubling every 15 seconds; scale down one pod per minute, after five quiet minutes.
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


def disruption_budget(
    name: str, selector: Mapping[str, str], *, labels: Mapping[str, str], namespace: str = NAMESPACE
) -> Manifest:
    """Allows the eviction of one pod at a time of those that a selector finds.

    A pod that is not ready may always be evicted, or it would block the repair of its node.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace, "labels": {**selector, **labels}},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": dict(selector)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def priority_classes(*, labels: Mapping[str, str]) -> Iterator[Manifest]:
    """One priority class per tier, and one below zero for the placeholders."""
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
