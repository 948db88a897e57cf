"""The autoscaler of nodes, and the room that its limits give."""

from dataclasses import replace

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.kube.scaling import maximum_replicas
from components.kube.services import CRISIS_DETECTOR, SERVICES
from components.node_autoscaler import VERSIONS, NodeAutoscaler, NodeAutoscalerArgs
from components.nodes import spread
from engine.recorder import record
from engine.registration import Registration
from recovery import objectives
from rehearsal.providers.kubernetes import schemas
from stacks.config import SiteConfig, parse
from stacks.platform import by_service
from tests.harness import PRIMARY_LEADS, deploy, site, stack_config

ARGS = NodeAutoscalerArgs(cluster_name="lifeline-secondary-2", cluster_version="1.34", site=site("secondary"))
NODE_MILLICORES = 1930
"""The CPU of an m7i.large that pods can have. Source: awslabs/amazon-eks-ami, `nodeadm`, kube-reserved CPU."""
SYSTEM_MILLICORES = 250
"""An estimate of the requests of the add-ons' pods on each node, and its share of CoreDNS and the controllers."""


def release(args: NodeAutoscalerArgs = ARGS) -> Registration:
    def program() -> None:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        NodeAutoscaler("node-autoscaler", args, pulumi.ResourceOptions(provider=provider))

    return next(entry for entry in record(program) if entry.type == "kubernetes:helm.sh/v3:Release")


def test_the_autoscaler_finds_the_groups_of_its_own_cluster_and_comes_from_its_own_region() -> None:
    inputs = release().inputs
    assert schemas.problems({**inputs, "apiVersion": "helm.sh/v3", "kind": "Release"}, version="1.34") == []
    assert inputs["name"] == inputs["values"]["fullnameOverride"] == "cluster-autoscaler"
    assert inputs["chart"] == "oci://123456789012.dkr.ecr.us-west-2.amazonaws.com/charts/cluster-autoscaler"
    assert inputs["values"]["autoDiscovery"] == {"clusterName": "lifeline-secondary-2"}
    assert inputs["values"]["awsRegion"] == "us-west-2"
    assert inputs["values"]["image"]["repository"].startswith("123456789012.dkr.ecr.us-west-2.amazonaws.com/")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_autoscaler_has_the_minor_version_of_its_cluster(version: str) -> None:
    tag = release(replace(ARGS, cluster_version=version)).inputs["values"]["image"]["tag"]
    assert tag.startswith(f"v{version}.")


def test_the_identity_of_the_autoscaler_is_the_service_account_of_its_release() -> None:
    stack = {entry.name: entry for entry in deploy("primary", PRIMARY_LEADS)}
    association = stack["node-autoscaler-identity-association"].inputs
    account = stack["node-autoscaler-release"].inputs["values"]["rbac"]["serviceAccount"]["name"]
    assert (association["namespace"], association["serviceAccount"]) == ("kube-system", account)


def surge_millicores(shipped: SiteConfig) -> int:
    active = by_service(shipped.capacity.active)
    return sum(service.cpu_millis * maximum_replicas(active[service.short_name]) for service in SERVICES)


@pytest.mark.parametrize("name", ["primary", "secondary"])
def test_two_zones_hold_every_service_at_its_maximum(name: str) -> None:
    shipped = parse(stack_config(name), stack=name)
    nodes = shipped.cluster.nodes
    assert nodes.instance_type == "m7i.large"
    without_a_zone = sum(sorted(spread(nodes.maximum, len(shipped.network.zones)))[:-1])
    assert without_a_zone * (NODE_MILLICORES - SYSTEM_MILLICORES) >= surge_millicores(shipped)


@pytest.mark.parametrize("name", ["primary", "secondary"])
def test_three_zones_hold_a_surge_of_the_detector_at_its_maximum_too(name: str) -> None:
    shipped = parse(stack_config(name), stack=name)
    surge, usual = objectives.CRISIS_SURGE_REPLICAS, shipped.capacity.active.crisis_detector
    more = CRISIS_DETECTOR.cpu_millis * (maximum_replicas(surge) - maximum_replicas(usual))
    room = shipped.cluster.nodes.maximum * (NODE_MILLICORES - SYSTEM_MILLICORES)
    assert room >= surge_millicores(shipped) + more


def test_an_update_keeps_the_nodes_that_the_autoscaler_added() -> None:
    groups = [entry for entry in deploy("primary", PRIMARY_LEADS) if entry.type.endswith(":NodeGroup")]
    assert [entry.ignore_changes for entry in groups] == [("scalingConfig.desiredSize",)] * 3
