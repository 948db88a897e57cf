"""The autoscaler of a cluster's nodes: the Kubernetes Cluster Autoscaler.

It changes the size of the declared node groups between their limits, and of nothing else. Every node stays part of a
group of this program, so the removal of a dead cluster removes its nodes too. See docs/adr/0011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi

from components.chart_release import chart_release, over_zones
from components.controllers import CONTROLLER_NAMESPACE
from components.site import Site
from recovery.naming import registry

CLUSTER_AUTOSCALER = "cluster-autoscaler"
"""The chart, its release and its service account."""
IMAGE = f"autoscaling/{CLUSTER_AUTOSCALER}"
"""The repository of its image, at registry.k8s.io and in the registry of each region."""
CHART_VERSION = "9.53.0"
"""Source: kubernetes/autoscaler, `charts/cluster-autoscaler/Chart.yaml` at cluster-autoscaler-chart-9.53.0."""
VERSIONS = {"1.34": "1.34.5", "1.35": "1.35.2"}
"""The version of the image by the version of the cluster, whose scheduler it simulates: the minor version is the same.

Two versions, because an upgrade reaches one site after the other. Source: kubernetes/autoscaler,
`cluster-autoscaler/README.md`, "Releases", and its tags.
"""
UNNEEDED_TIME = "30m"
"""A node that is not needed for so long is removed. A surge of calls comes in waves."""
PROVISION_TIME = "5m"
"""A node that has not joined after so long counts as failed, and another zone gets the next one. The default is 15
minutes, which is longer than the plan's whole recovery of the core services."""
USER = 65534


@dataclass(frozen=True, kw_only=True)
class NodeAutoscalerArgs:
    """The cluster whose nodes it adds and removes."""

    site: Site
    cluster_name: pulumi.Input[str]
    cluster_version: str
    """A key of `VERSIONS`."""
    after: tuple[pulumi.Resource, ...] = ()
    """The resources that its pods need: nodes, add-ons, and the pod identity of the chart's service account."""


class NodeAutoscaler(pulumi.ComponentResource):
    """The release of the Cluster Autoscaler. One of its two pods works, and the other one waits to replace it."""

    def __init__(self, name: str, args: NodeAutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:NodeAutoscaler", name, {}, opts)
        chart_release(
            f"{name}-release",
            CLUSTER_AUTOSCALER,
            version=CHART_VERSION,
            namespace=CONTROLLER_NAMESPACE,
            values=_values(args),
            site=args.site,
            parent=self,
            after=args.after,
        )
        self.register_outputs({})


def _values(args: NodeAutoscalerArgs) -> dict[str, Any]:
    return {
        "fullnameOverride": CLUSTER_AUTOSCALER,
        "cloudProvider": "aws",
        # IMDSv2 with one hop keeps its pods from asking the instance for the region.
        "awsRegion": args.site.region,
        # Amazon EKS gives the groups of managed nodes the two tags that the chart looks for: Amazon EKS User Guide,
        # "Simplify node lifecycle with managed node groups".
        "autoDiscovery": {"clusterName": args.cluster_name},
        "image": {
            "repository": f"{registry(account=args.site.account, region=args.site.region)}/{IMAGE}",
            "tag": f"v{VERSIONS[args.cluster_version]}",
        },
        "rbac": {"serviceAccount": {"create": True, "name": CLUSTER_AUTOSCALER}},
        "extraArgs": {
            # The groups differ in their zone only. The nodes that it adds are divided among the zones that work.
            "balance-similar-node-groups": True,
            "max-node-provision-time": PROVISION_TIME,
            "scale-down-unneeded-time": UNNEEDED_TIME,
            # Otherwise a pod of the system, or one with a scratch volume, keeps its node forever. Disruption budgets
            # and the annotation `safe-to-evict` protect the pods that need it.
            "skip-nodes-with-system-pods": False,
            "skip-nodes-with-local-storage": False,
        },
        "replicaCount": 2,
        "podDisruptionBudget": {"maxUnavailable": 1},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "priorityClassName": "system-cluster-critical",
        "topologySpreadConstraints": [over_zones(CLUSTER_AUTOSCALER)],
        # It keeps all pods and nodes of the cluster in memory.
        "resources": {"requests": {"cpu": "100m", "memory": "600Mi"}, "limits": {"cpu": "500m", "memory": "600Mi"}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containerSecurityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
