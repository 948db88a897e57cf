"""The objects in a site's cluster, and those of them that a flip changes."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.controllers import Controllers, ControllersArgs
from components.kube import pods, scaling
from components.kube.services import CRISIS_DETECTOR, HOTLINE_GATEWAY, SERVICES
from components.namespace import Namespace, NamespaceArgs
from components.workloads import Workloads, WorkloadsArgs, pause_image
from engine.recorder import record
from engine.registration import Registration
from recovery import objectives
from recovery.naming import CONFIG_MAP, NAMESPACE
from rehearsal.providers.kubernetes import schemas
from tests.harness import site

STANDBY = {"backend": 2, "frontend": 2, "crisis-detector": 3, "hotline-gateway": 2}
ACTIVE = {"backend": 5, "frontend": 3, "crisis-detector": 3, "hotline-gateway": 2}
CONFIG = {
    "SITE": "secondary",
    "SITE_ROLE": "standby",
    "EPOCH": "1",
    "AWS_REGION": "us-west-2",
    "DB_HOST": "lifeline-secondary-1.example.us-west-2.rds.amazonaws.com",
    "DB_PORT": "5432",
    "DB_NAME": "mental_health_platform",
    "DB_USER": "lifeline_application",
    "LEDGER_TABLE": "lifeline-crisis-ledger",
    "EMERGENCY_READ_ONLY": "false",
    "CRISIS_ENDPOINTS": "https://primary.example.com,https://secondary.example.com",
    "CRISIS_FALLBACK_MODE": "hybrid",
    "HOTLINE_PROVIDER": "primary",
    "MODEL_BUCKET": "lifeline-123456789012-secondary-models",
    "MODEL_VERSION": "",
}
ARGS = WorkloadsArgs(
    config=CONFIG,
    replicas=STANDBY,
    active_replicas=ACTIVE,
    images={component: f"{component}@sha256:{'1' * 64}" for component in ACTIVE},
    placeholder_image=pause_image("us-west-2"),
    target_group_arns={component: f"arn:aws:elasticloadbalancing:::{component}" for component in ACTIVE},
    site=site("secondary"),
    namespace=(),
)
NAMESPACE_ARGS = NamespaceArgs(
    vpc_cidr="10.20.0.0/16", database_cidrs=("10.20.112.0/24", "10.20.113.0/24"), site=site("secondary")
)
FLIPPED = replace(ARGS, replicas=ACTIVE, config={**CONFIG, "SITE_ROLE": "active", "EPOCH": "2"})


_recorded: dict[int, dict[str, Registration]] = {}


def objects(args: WorkloadsArgs = ARGS) -> dict[str, Registration]:
    """Every Kubernetes object by its Pulumi name, as a copy: the two roles are recorded once."""
    if args is ARGS or args is FLIPPED:
        return copy.deepcopy(_recorded.get(id(args)) or _recorded.setdefault(id(args), _record(args)))
    return _record(args)


def _record(args: WorkloadsArgs) -> dict[str, Registration]:
    def program() -> None:
        inside = pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig="{}"))
        namespace = Namespace("workloads", NAMESPACE_ARGS, inside)
        Workloads("workloads", replace(args, namespace=namespace.resources), inside)

    return {resource.name: resource for resource in record(program) if resource.type.startswith("kubernetes:")}


def of_kind(kind: str, args: WorkloadsArgs = ARGS) -> dict[str, dict[str, Any]]:
    """The manifests of one kind by their Kubernetes name."""
    resources = [entry.inputs for entry in objects(args).values() if entry.inputs["kind"] == kind]
    return {manifest["metadata"]["name"]: manifest for manifest in resources}


@pytest.fixture
def standby() -> dict[str, Registration]:
    return objects()


@pytest.fixture
def active() -> dict[str, Registration]:
    return objects(FLIPPED)


def test_a_flip_changes_exactly_the_config_the_rolled_deployments_their_autoscalers_and_the_placeholders(
    standby: dict[str, Registration], active: dict[str, Registration]
) -> None:
    assert standby.keys() == active.keys()
    changed = {name for name in standby if standby[name].inputs != active[name].inputs}
    assert changed == {
        "workloads-config",
        "workloads-backend",
        "workloads-frontend",
        "workloads-backend-autoscaler",
        "workloads-frontend-autoscaler",
        "workloads-placeholder",
    }


def test_a_flip_changes_nothing_in_a_deployment_but_the_checksum(
    standby: dict[str, Registration], active: dict[str, Registration]
) -> None:
    for name in ("workloads-backend", "workloads-frontend"):
        before, after = standby[name].inputs, active[name].inputs
        annotations = [side["spec"]["template"]["metadata"].pop("annotations") for side in (before, after)]
        assert before == after
        assert annotations[0] != annotations[1]
        assert annotations[0].keys() == annotations[1].keys() == {pods.CHECKSUM_ANNOTATION}


@pytest.mark.parametrize("key", ["SITE_ROLE", "EPOCH", "DB_HOST", "EMERGENCY_READ_ONLY"])
def test_a_setting_that_an_emergency_changes_restarts_no_crisis_pod_and_rolls_the_backend(key: str) -> None:
    before, after = objects(), objects(replace(ARGS, config={**CONFIG, key: "other"}))
    rolled = {name for name in before if before[name].inputs != after[name].inputs} - {"workloads-config"}
    assert "workloads-backend" in rolled
    assert not rolled & {"workloads-crisis-detector", "workloads-hotline-gateway"}


def test_the_fallback_mode_rolls_the_crisis_detector() -> None:
    before, after = objects(), objects(replace(ARGS, config={**CONFIG, "CRISIS_FALLBACK_MODE": "keyword_only"}))
    rolled = {name for name in before if before[name].inputs != after[name].inputs}
    assert rolled == {"workloads-config", "workloads-crisis-detector", "workloads-backend"}


def test_every_object_is_valid_in_the_clusters_version(standby: dict[str, Registration]) -> None:
    assert {name: schemas.problems(resource.inputs, version="1.34") for name, resource in standby.items()} == {
        key: [] for key in standby
    }


def test_every_object_has_a_kept_name_and_the_platforms_namespace(standby: dict[str, Registration]) -> None:
    for resource in standby.values():
        cluster_scoped = resource.inputs["kind"] in ("Namespace", "PriorityClass")
        assert resource.inputs["metadata"]["name"]
        assert resource.inputs["metadata"].get("namespace") == (None if cluster_scoped else NAMESPACE)


def test_the_plans_names_are_kept() -> None:
    assert of_kind("Deployment").keys() == {
        "mental-health-backend",
        "mental-health-frontend",
        "crisis-detector",
        "hotline-gateway",
        "placeholder",
    }
    assert of_kind("ConfigMap").keys() == {CONFIG_MAP}
    assert of_kind("Namespace").keys() == {"mental-health-platform"}
    ports = {name: manifest["spec"]["ports"][0]["port"] for name, manifest in of_kind("Service").items()}
    assert ports == {
        "mental-health-backend": 3001,
        "mental-health-frontend": 8080,
        "crisis-detector": 8080,
        "hotline-gateway": 8080,
    }


def test_the_autoscalers_own_the_replicas_of_the_services_and_start_at_the_roles_size() -> None:
    for args, sizes in ((ARGS, STANDBY), (FLIPPED, ACTIVE)):
        autoscalers, deployments = of_kind("HorizontalPodAutoscaler", args), of_kind("Deployment", args)
        for service in SERVICES:
            assert "replicas" not in deployments[service.name]["spec"]
            assert autoscalers[service.name]["spec"]["minReplicas"] == sizes[service.short_name]
            assert autoscalers[service.name]["spec"]["scaleTargetRef"]["name"] == service.name
            assert autoscalers[service.name]["spec"]["maxReplicas"] >= objectives.CRISIS_SURGE_REPLICAS


def test_placeholders_hold_the_pods_that_a_flip_adds_and_none_when_active() -> None:
    assert of_kind("Deployment")["placeholder"]["spec"]["replicas"] == (5 - 2) + (3 - 2)
    assert of_kind("Deployment", FLIPPED)["placeholder"]["spec"]["replicas"] == 0


def test_a_placeholder_runs_as_a_user_without_rights() -> None:
    pod = of_kind("Deployment")["placeholder"]["spec"]["template"]["spec"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (65535, True)


def test_a_placeholder_is_as_large_as_the_largest_pod() -> None:
    deployments = of_kind("Deployment")
    requests = {
        name: resource["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
        for name, resource in deployments.items()
    }
    held = requests.pop("placeholder")
    assert int(held["cpu"].rstrip("m")) == max(int(entry["cpu"].rstrip("m")) for entry in requests.values())
    assert int(held["memory"].rstrip("Mi")) == max(int(entry["memory"].rstrip("Mi")) for entry in requests.values())


def test_priorities_fall_from_crisis_to_placeholder() -> None:
    values = {name.removeprefix("lifeline-"): resource["value"] for name, resource in of_kind("PriorityClass").items()}
    order = ["crisis", "hotline", "data", "core", "full", "placeholder"]
    assert sorted(values, key=lambda name: -values[name]) == order
    assert values["placeholder"] == scaling.PLACEHOLDER_PRIORITY < 0
    assert of_kind("PriorityClass")["lifeline-placeholder"]["preemptionPolicy"] == "Never"
    template = of_kind("Deployment")["crisis-detector"]["spec"]["template"]["spec"]
    assert template["priorityClassName"] == "lifeline-crisis"


def test_every_service_pod_has_all_probes_requests_limits_and_spreads_over_zones() -> None:
    for service in SERVICES:
        spec = of_kind("Deployment")[service.name]["spec"]
        assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        pod = spec["template"]["spec"]
        container = pod["containers"][0]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"] == {"path": service.health_path, "port": "http"}
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys() == container["resources"]["limits"].keys()
        assert "topology.kubernetes.io/zone" in [entry["topologyKey"] for entry in pod["topologySpreadConstraints"]]
        stops = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > stops > 0


def test_only_the_backend_mounts_a_password_and_it_is_not_the_owners() -> None:
    mounting = [
        (name, volume["csi"]["volumeAttributes"]["secretProviderClass"])
        for name, resource in of_kind("Deployment").items()
        for volume in resource["spec"]["template"]["spec"].get("volumes", [])
        if "csi" in volume
    ]
    assert mounting == [("mental-health-backend", "application-password")]


@pytest.mark.parametrize(
    ("class_", "secret"),
    [("database-password", "lifeline/database/password"), ("application-password", "lifeline/database/application")],
)
def test_a_password_comes_from_the_sites_own_region(class_: str, secret: str) -> None:
    parameters = of_kind("SecretProviderClass")[class_]["spec"]["parameters"]
    assert parameters["region"] == "us-west-2"
    assert parameters["usePodIdentity"] == "true"
    assert f'"{secret}"' in parameters["objects"]


def test_the_namespace_is_closed_in_both_directions() -> None:
    assert of_kind("NetworkPolicy")["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_network_policies_open_exactly_what_the_services_need() -> None:
    policies = of_kind("NetworkPolicy")
    assert policies.keys() == {
        "default-deny",
        "allow-dns",
        "allow-database",
        "allow-aws",
        "allow-metrics",
        *(f"allow-to-{component}" for component in (*ACTIVE, "switch")),
        *(f"allow-from-{component}" for component in ("backend", "frontend", "crisis-detector")),
    }
    assert policies["allow-database"]["spec"] == {
        "podSelector": {"matchLabels": {pods.USES_DATABASE: "true"}},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [{"ipBlock": {"cidr": "10.20.112.0/24"}}, {"ipBlock": {"cidr": "10.20.113.0/24"}}],
                "ports": [{"protocol": "TCP", "port": 5432}],
            }
        ],
    }
    assert policies["allow-to-hotline-gateway"]["spec"]["ingress"] == [
        {
            "from": [
                {"ipBlock": {"cidr": "10.20.0.0/16"}},
                {"podSelector": {"matchLabels": CRISIS_DETECTOR.labels}},
                {"podSelector": {"matchLabels": {**CRISIS_DETECTOR.labels, "component": "backend"}}},
            ],
            "ports": [{"protocol": "TCP", "port": HOTLINE_GATEWAY.port}],
        }
    ]


def test_a_policys_selector_finds_the_pods_it_is_meant_for() -> None:
    labels = {
        name: resource["spec"]["template"]["metadata"]["labels"] for name, resource in of_kind("Deployment").items()
    }
    using_database = [name for name, resource in labels.items() if resource.get(pods.USES_DATABASE) == "true"]
    using_aws = {name for name, resource in labels.items() if resource.get(pods.USES_AWS) == "true"}
    assert using_database == ["mental-health-backend"]
    assert using_aws == {"mental-health-backend", "crisis-detector", "hotline-gateway"}


def test_target_groups_are_bound_to_the_services_of_their_components() -> None:
    for service in SERVICES:
        binding = of_kind("TargetGroupBinding")[service.name]["spec"]
        assert binding["targetGroupARN"] == f"arn:aws:elasticloadbalancing:::{service.short_name}"
        assert binding["serviceRef"] == {"name": service.name, "port": service.port}
        assert "networking" not in binding


def test_the_load_balancer_is_let_in_at_the_nodes_if_its_group_is_given() -> None:
    args = replace(ARGS, load_balancer_security_group_id="sg-0123")
    networking = of_kind("TargetGroupBinding", args)["mental-health-backend"]["spec"]["networking"]
    assert networking["ingress"][0]["from"] == [{"securityGroup": {"groupID": "sg-0123"}}]


def test_in_a_flip_pods_and_autoscalers_wait_for_the_config_and_not_for_each_other(
    standby: dict[str, Registration],
) -> None:
    urns = {name: resource.urn for name, resource in standby.items()}
    for component in ACTIVE:
        rolled, scaled = standby[f"workloads-{component}"], standby[f"workloads-{component}-autoscaler"]
        assert urns["workloads-config"] in rolled.dependencies
        assert urns["workloads-config"] in scaled.dependencies
        assert rolled.urn not in scaled.dependencies
        assert scaled.urn not in rolled.dependencies
    assert urns["workloads-config"] in standby["workloads-placeholder"].dependencies


def test_the_config_waits_for_what_must_come_before_it() -> None:
    def program() -> None:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        options = pulumi.ResourceOptions(provider=provider)
        first = kubernetes.core.v1.Namespace("first", metadata={"name": "first"}, opts=options)
        Workloads("workloads", replace(ARGS, after=(first,)), options)

    resources = {entry.name: entry for entry in record(program)}
    assert resources["first"].urn in resources["workloads-config"].dependencies
    assert resources["first"].urn in resources["workloads-backend-binding"].dependencies


def test_all_objects_are_children_and_use_the_clusters_provider(standby: dict[str, Registration]) -> None:
    for resource in standby.values():
        assert resource.parent.split("::")[-2] in ("lifeline:index:Namespace", "lifeline:index:Workloads")
        assert "::cluster::" in resource.provider


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replicas": {"backend": 2}}, "replicas: has"),
        ({"images": {**ARGS.images, "other": "x"}}, "images: has"),
        ({"config": {"SITE": "x"}}, "config: lacks AWS_REGION, CRISIS_ENDPOINTS, CRISIS_FALLBACK_MODE, LEDGER_TABLE"),
    ],
)
def test_incomplete_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)


def test_the_load_balancer_controller_is_pinned_and_comes_from_the_sites_own_region() -> None:
    def program() -> None:
        args = ControllersArgs(cluster_name="lifeline", vpc_id="vpc-1", site=site("secondary"))
        Controllers(
            "controllers", args, pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig="{}"))
        )

    release = next(resource for resource in record(program) if resource.type == "kubernetes:helm.sh/v3:Release")
    assert schemas.problems({**release.inputs, "apiVersion": "helm.sh/v3", "kind": "Release"}, version="1.34") == []
    assert (
        release.inputs["name"] == release.inputs["values"]["serviceAccount"]["name"] == "aws-load-balancer-controller"
    )
    assert release.inputs["chart"].startswith("oci://123456789012.dkr.ecr.us-west-2.amazonaws.com/")
    assert ".us-west-2." in release.inputs["values"]["image"]["repository"]
    assert release.inputs["values"]["enableServiceMutatorWebhook"] is False
