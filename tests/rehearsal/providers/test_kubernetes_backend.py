"""The Kubernetes stand-in refuses what a real cluster would."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.controllers import Controllers, ControllersArgs
from components.namespace import Namespace
from components.workloads import Workloads
from engine.diff import in_order
from engine.recorder import record
from engine.registration import Registration
from engine.replacement import UnknownTypeError
from recovery.naming import CONFIG_MAP, NAMESPACE
from rehearsal.providers.kubernetes.api import ApiError, KubernetesApi
from rehearsal.providers.kubernetes.backend import KubernetesBackend, Settings
from tests.components.test_workloads import ARGS, FLIPPED, NAMESPACE_ARGS, WorkloadsArgs

CONFIG_MAP_TYPE = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT_TYPE = "kubernetes:apps/v1:Deployment"
BINDING_TYPE = "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding"
PRIORITY_TYPE = "kubernetes:scheduling.k8s.io/v1:PriorityClass"


class Reachable:
    """Faults that a test can turn on."""

    def __init__(self) -> None:
        self.lost = False
        self.asked: list[tuple[str, str]] = []

    def check(self, service: str, region: str, operation: str = "") -> None:
        self.asked.append((service, region))
        if self.lost:
            raise ConnectionError(region)


def backend(api: KubernetesApi, faults: Reachable | None = None, *, mutable_config: bool = True) -> KubernetesBackend:
    return KubernetesBackend(
        lambda _: api, region="us-west-2", settings=Settings(mutable_config=mutable_config), faults=faults
    )


def registrations(args: WorkloadsArgs = ARGS) -> list[Registration]:
    """A whole cluster's objects, in an order in which an engine could create them."""

    def program() -> None:
        options = pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig="{}"))
        controllers = Controllers(
            "controllers",
            ControllersArgs(cluster_name="lifeline", vpc_id="vpc-1", site=ARGS.site),
            options,
        )
        namespace = Namespace("workloads", NAMESPACE_ARGS, options)
        needs = replace(args, namespace=namespace.resources, after=(controllers.release,))
        Workloads("workloads", needs, options)

    return [manifest for manifest in in_order(record(program)) if manifest.type.startswith("kubernetes:")]


@pytest.fixture(scope="module")
def standby() -> list[Registration]:
    return registrations()


@pytest.fixture(scope="module")
def active() -> list[Registration]:
    return registrations(FLIPPED)


def named(manifests: list[Registration], name: str) -> Registration:
    return copy.deepcopy(next(entry for entry in manifests if entry.name == name))


def deployed(manifests: list[Registration]) -> KubernetesApi:
    api = KubernetesApi("1.34")
    for entry in manifests:
        backend(api).create(entry.type, entry.urn, entry.inputs)
    return api


def config_map(**meta: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"A": "1"}}


def test_every_object_of_a_site_passes_the_check(standby: list[Registration], active: list[Registration]) -> None:
    checks = {entry.name: backend(KubernetesApi()).check(entry.type, entry.inputs) for entry in [*standby, *active]}
    assert checks == {key: [] for key in checks}
    assert len(checks) > 40


def test_a_site_can_be_created_in_the_order_of_its_dependencies(standby: list[Registration]) -> None:
    api = deployed(standby)
    names = {manifest["metadata"]["name"] for manifest in api.list("Deployment", namespace=NAMESPACE)}
    assert names == {
        "mental-health-backend", "mental-health-frontend", "crisis-detector", "hotline-gateway", "placeholder",
    }  # fmt: skip


def test_a_flip_updates_in_place_and_raises_the_pods(standby: list[Registration], active: list[Registration]) -> None:
    api = deployed(standby)
    sizes = {name: api.pods(NAMESPACE, name) for name in ("mental-health-backend", "crisis-detector", "placeholder")}
    assert sizes == {"mental-health-backend": 2, "crisis-detector": 3, "placeholder": 4}
    before = {manifest["metadata"]["name"]: manifest["metadata"]["uid"] for manifest in api.list("Deployment")}
    for old, new in zip(standby, active, strict=True):
        if old.inputs != new.inputs:
            backend(api).update(new.type, new.urn, "", old.inputs, new.inputs, {})
    sizes = {name: api.pods(NAMESPACE, name) for name in sizes}
    assert sizes == {"mental-health-backend": 5, "crisis-detector": 3, "placeholder": 0}
    assert {manifest["metadata"]["name"]: manifest["metadata"]["uid"] for manifest in api.list("Deployment")} == before
    flipped = api.get("v1", "ConfigMap", CONFIG_MAP, NAMESPACE)
    assert flipped is not None
    assert flipped["data"]["SITE_ROLE"] == "active"
    generations = {
        manifest["metadata"]["name"]: manifest["metadata"]["generation"] for manifest in api.list("Deployment")
    }
    assert generations["mental-health-backend"] == 2
    assert generations["crisis-detector"] == 1


def test_an_unknown_field_fails_the_check(standby: list[Registration]) -> None:
    manifest = named(standby, "workloads-backend")
    manifest.inputs["spec"]["template"]["spec"]["containers"][0]["imagePulPolicy"] = "Always"
    failures = backend(KubernetesApi()).check(manifest.type, manifest.inputs)
    assert [path for path, _ in failures] == ["spec.template.spec.containers.0"]
    assert "imagePulPolicy" in failures[0][1]


@pytest.mark.parametrize("field", ["targetGroupArn", "vpcId"])
def test_an_unknown_field_of_a_custom_resource_fails_the_check(standby: list[Registration], field: str) -> None:
    manifest = named(standby, "workloads-backend-binding")
    manifest.inputs["spec"][field] = "x"
    failures = backend(KubernetesApi()).check(manifest.type, manifest.inputs)
    assert [path for path, _ in failures] == ["spec"]


def test_a_field_newer_than_the_cluster_fails_the_check() -> None:
    inputs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "containers": [{"name": "x", "image": "y", "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}]
                },
            },
        },
    }
    assert backend(KubernetesApi("1.34")).check(DEPLOYMENT_TYPE, inputs) == []
    assert backend(KubernetesApi("1.28")).check(DEPLOYMENT_TYPE, inputs) != []


@pytest.mark.parametrize(("asked", "used"), [("1.34", "1.34.0"), ("1.34.2", "1.34.0"), ("1.99", "1.37.0")])
def test_schemas_are_the_newest_that_are_not_newer_than_the_cluster(asked: str, used: str) -> None:
    assert KubernetesApi(asked).version == used


def test_a_cluster_older_than_every_schema_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no schema for Kubernetes 1\.10"):
        KubernetesApi("1.10")


@pytest.mark.parametrize(
    "type_",
    [
        "kubernetes:apps/v1beta9:Deployment",
        "kubernetes:apps/v1:Deploymnt",
        "kubernetes:example.com/v1:Widget",
        "kubernetes:yaml/v2:ConfigGroup",
        "aws:s3/bucket:Bucket",
    ],
)
def test_a_type_without_a_schema_is_an_error(type_: str) -> None:
    with pytest.raises(UnknownTypeError):
        backend(KubernetesApi()).check(type_, {})


def test_a_token_that_contradicts_its_object_fails_the_check() -> None:
    failures = backend(KubernetesApi()).check("kubernetes:core/v1:Secret", config_map(name="x"))
    assert [path for path, _ in failures] == ["kind"]


def test_an_object_in_a_namespace_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ApiError, match='namespaces "nowhere" not found'):
        backend(KubernetesApi()).create(CONFIG_MAP_TYPE, "urn::x", config_map(name="x", namespace="nowhere"))


def test_a_binding_without_the_controllers_chart_is_refused(standby: list[Registration]) -> None:
    manifest = named(standby, "workloads-backend-binding")
    api = KubernetesApi()
    space = named(standby, "workloads-namespace")
    backend(api).create(space.type, space.urn, space.inputs)
    with pytest.raises(ApiError, match="no matches for kind"):
        backend(api).create(manifest.type, manifest.urn, manifest.inputs)


@pytest.mark.parametrize(
    ("absent", "reason"),
    [
        ("workloads-config", 'configmap "mental-health-app-config" not found'),
        ("workloads-backend-account", 'serviceaccount "mental-health-backend" not found'),
        ("workloads-priority-lifeline-core", "no PriorityClass with name lifeline-core was found"),
        ("workloads-application-password", 'secretproviderclass "application-password" not found'),
    ],
)
def test_a_deployment_whose_pods_could_not_start_is_refused(
    standby: list[Registration], absent: str, reason: str
) -> None:
    without = [entry for entry in standby if entry.name != absent]
    with pytest.raises(ApiError, match=reason):
        deployed(without)


def test_a_deployment_that_reads_a_missing_key_is_refused(standby: list[Registration]) -> None:
    api, manifest = deployed(standby), named(standby, "workloads-config")
    old = copy.deepcopy(manifest.inputs)
    del manifest.inputs["data"]["CRISIS_FALLBACK_MODE"]
    backend(api).update(manifest.type, manifest.urn, "", old, manifest.inputs, {})
    rolled = named(standby, "workloads-crisis-detector")
    with pytest.raises(ApiError, match="couldn't find key CRISIS_FALLBACK_MODE"):
        backend(api).update(rolled.type, rolled.urn, "", rolled.inputs, rolled.inputs, {})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("allowPrivilegeEscalation", True, "allowPrivilegeEscalation=false"),
        ("runAsNonRoot", False, "runAsNonRoot=true"),
        ("runAsUser", 0, "runAsUser=0"),
        ("capabilities", {"drop": ["NET_RAW"]}, "drop ALL"),
        ("capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}, "drop ALL"),
        ("seccompProfile", {"type": "Unconfined"}, "seccompProfile"),
        ("privileged", True, "privileged"),
    ],
)
def test_an_insecure_pod_is_refused_in_the_platforms_namespace(
    standby: list[Registration], field: str, value: object, reason: str
) -> None:
    api, manifest = deployed(standby), named(standby, "workloads-backend")
    manifest.inputs["spec"]["template"]["spec"]["containers"][0]["securityContext"][field] = value
    with pytest.raises(ApiError, match=reason):
        backend(api).update(manifest.type, manifest.urn, "", {}, manifest.inputs, {})


def test_a_changed_selector_is_refused_as_an_update_and_named_as_a_replacement(standby: list[Registration]) -> None:
    api, manifest = deployed(standby), named(standby, "workloads-backend")
    manifest.inputs["spec"]["selector"]["matchLabels"]["component"] = "other"
    with pytest.raises(ApiError, match=r"spec\.selector: Invalid value: field is immutable"):
        backend(api).update(manifest.type, manifest.urn, "", {}, manifest.inputs, {})
    assert backend(api).replaces(manifest.type) == {"metadata.name", "metadata.namespace", "spec.selector"}


def test_a_changed_priority_fails_because_nothing_replaces_it(standby: list[Registration]) -> None:
    api, manifest = deployed(standby), named(standby, "workloads-priority-lifeline-crisis")
    manifest.inputs["value"] = 1
    with pytest.raises(ApiError, match="value: Invalid value"):
        backend(api).update(manifest.type, manifest.urn, "", {}, manifest.inputs, {})
    assert backend(api).replaces(PRIORITY_TYPE) == {"metadata.name", "metadata.namespace"}


def test_a_config_map_is_replaced_unless_the_provider_may_change_it() -> None:
    api = KubernetesApi()
    assert backend(api, mutable_config=False).replaces(CONFIG_MAP_TYPE) >= {"data", "binaryData"}
    assert backend(api, mutable_config=True).replaces(CONFIG_MAP_TYPE) == {"metadata.name", "metadata.namespace"}


def test_two_resources_cannot_declare_the_same_object() -> None:
    api = KubernetesApi()
    backend(api).create(CONFIG_MAP_TYPE, "urn::one", config_map(name="x", namespace="default"))
    backend(api).create(CONFIG_MAP_TYPE, "urn::one", config_map(name="x", namespace="default"))
    with pytest.raises(ApiError, match="already exists, declared by urn::one"):
        backend(api).create(CONFIG_MAP_TYPE, "urn::two", config_map(name="x", namespace="default"))


def test_a_missing_name_is_generated_from_the_urn() -> None:
    id_, outputs = backend(KubernetesApi()).create(
        CONFIG_MAP_TYPE, "urn:p::t::settings", config_map(namespace="default")
    )
    name = outputs["metadata"]["name"]
    assert id_ == f"default/{name}"
    assert name.startswith("settings-")
    assert len(name) == len("settings-") + 7


def test_what_is_created_can_be_read_and_deleted() -> None:
    api = KubernetesApi()
    id_, _ = backend(api).create(CONFIG_MAP_TYPE, "urn::x", config_map(name="x", namespace="default"))
    manifest = backend(api).read(CONFIG_MAP_TYPE, "urn::x", id_, {})
    assert manifest is not None
    assert manifest["data"] == {"A": "1"}
    backend(api).delete(CONFIG_MAP_TYPE, "urn::x", id_, {})
    assert backend(api).read(CONFIG_MAP_TYPE, "urn::x", id_, {}) is None
    backend(api).delete(CONFIG_MAP_TYPE, "urn::x", id_, {})


def test_a_deleted_namespace_takes_everything_in_it_along(standby: list[Registration]) -> None:
    api = deployed(standby)
    api.delete("v1", "Namespace", NAMESPACE)
    assert api.list("Deployment") == []
    assert len(api.list("PriorityClass")) == 8


def test_an_unreachable_region_refuses_every_change_and_leaves_the_cluster_alone() -> None:
    api, faults = KubernetesApi(), Reachable()
    faults.lost = True
    with pytest.raises(ConnectionError):
        backend(api, faults).create(CONFIG_MAP_TYPE, "urn::x", config_map(name="x", namespace="default"))
    assert faults.asked == [("eks", "us-west-2")]
    assert api.list("ConfigMap") == []


@pytest.mark.parametrize("version", ["", "3.x", ">=3.0.0"])
def test_a_chart_that_is_not_pinned_fails_the_check(standby: list[Registration], version: str) -> None:
    manifest = named(standby, "controllers-load-balancer")
    manifest.inputs["version"] = version
    failures = backend(KubernetesApi()).check(manifest.type, manifest.inputs)
    assert [path for path, _ in failures] == ["version"]


def test_an_object_handed_out_is_a_copy() -> None:
    api = KubernetesApi()
    api.apply(config_map(name="x", namespace="default"))
    for manifest in (api.list("ConfigMap")[0], api.get("v1", "ConfigMap", "x", "default") or {}):
        manifest["data"]["A"] = "changed"
    kept = api.get("v1", "ConfigMap", "x", "default")
    assert kept is not None
    assert kept["data"] == {"A": "1"}
