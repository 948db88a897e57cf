"""Controllers that AWS does not offer as EKS add-ons: the AWS Load Balancer Controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.chart_release import chart_release, over_zones
from components.site import Site
from recovery.naming import registry

LOAD_BALANCER_CONTROLLER = "aws-load-balancer-controller"
"""The chart, its release and its service account."""
CONTROLLER_NAMESPACE = "kube-system"
IMAGE = f"eks/{LOAD_BALANCER_CONTROLLER}"
"""The repository of its image, at public.ecr.aws and in the registry of each region."""
CHART_VERSION = "3.5.0"
"""Source: kubernetes-sigs/aws-load-balancer-controller, `helm/aws-load-balancer-controller/Chart.yaml` at v3.5.0."""


@dataclass(frozen=True, kw_only=True)
class ControllersArgs:
    """The cluster and the network that the controller manages."""

    site: Site
    cluster_name: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    """Configured, because IMDSv2 with one hop keeps the controller's pods from asking the instance for it."""
    after: tuple[pulumi.Resource, ...] = ()
    """The resources that its pods need: nodes, add-ons, and the pod identity of the chart's service account."""


class Controllers(pulumi.ComponentResource):
    """The AWS Load Balancer Controller, which registers pods in the target groups of the site's load balancer."""

    release: kubernetes.helm.v3.Release

    def __init__(self, name: str, args: ControllersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:Controllers", name, {}, opts)
        self.release = chart_release(
            f"{name}-load-balancer",
            LOAD_BALANCER_CONTROLLER,
            version=CHART_VERSION,
            namespace=CONTROLLER_NAMESPACE,
            values=_values(args),
            site=args.site,
            parent=self,
            after=args.after,
        )
        self.register_outputs({})


def _values(args: ControllersArgs) -> dict[str, Any]:
    return {
        "clusterName": args.cluster_name,
        "region": args.site.region,
        "vpcId": args.vpc_id,
        # The copy in the site's own region. The chart's default, public.ecr.aws, is served from us-east-1.
        "image": {
            "repository": f"{registry(account=args.site.account, region=args.site.region)}/{IMAGE}",
            "tag": f"v{CHART_VERSION}",
        },
        "serviceAccount": {"create": True, "name": LOAD_BALANCER_CONTROLLER},
        "replicaCount": 2,
        "podDisruptionBudget": {"maxUnavailable": 1},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "priorityClassName": "system-cluster-critical",
        "topologySpreadConstraints": [over_zones(LOAD_BALANCER_CONTROLLER)],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
        # Only target group bindings are used. Each of these features would add a webhook or a watch that can fail a
        # flip.
        "enableServiceMutatorWebhook": False,
        "createIngressClassResource": False,
        "ingressClassParams": {"create": False},
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        "controllerConfig": {"featureGates": {"ALBGatewayAPI": False, "NLBGatewayAPI": False}},
        # Otherwise each upgrade renews the certificate, and bindings have no admission check until it is in place.
        "keepTLSSecret": True,
    }
