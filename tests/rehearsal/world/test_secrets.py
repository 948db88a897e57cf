"""Secrets that pods mount: read with the pod's role, and kept until the pods are replaced."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from components.kube import foundation, jobs, pods
from recovery.naming import CONFIG_MAP, NAMESPACE
from rehearsal.providers.kubernetes.api import ApiError, KubernetesApi
from rehearsal.world.cloud import empty_account
from rehearsal.world.secrets import Mounted, mounted

REGION = "us-west-2"
SECRET = "lifeline/database/password"
FILE = pods.password_file(pods.OWNER)


@pytest.fixture
def endpoint() -> Iterator[str]:
    with empty_account() as address:
        yield address


@pytest.fixture
def cluster() -> KubernetesApi:
    """A cluster with the fence's Deployment, and what its pods need."""
    api = KubernetesApi()
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1}
    api.apply({**priority, "metadata": {"name": "lifeline-data"}})
    api.apply(foundation.namespace(labels={}))
    meta = {"name": CONFIG_MAP, "namespace": NAMESPACE}
    api.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": dict.fromkeys(jobs.FENCE_SETTINGS, "x")}
    )
    api.apply(jobs.service_account(jobs.FENCE, labels={}))
    api.apply(foundation.password_class(name=pods.OWNER, secret_name=SECRET, region=REGION, labels={}))
    api.apply(FENCE)
    return api


FENCE = jobs.fence(image="operations@sha256:1", checksum="one", labels={})
POD = FENCE["spec"]["template"]["spec"]


def keep(endpoint: str, value: str) -> None:
    client: Any = boto3.session.Session("test", "test").client(
        "secretsmanager", region_name=REGION, endpoint_url=endpoint
    )
    try:
        client.create_secret(Name=SECRET, SecretString=value)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=SECRET, SecretString=value)


def test_a_mounted_secret_is_where_the_manifest_says(cluster: KubernetesApi, endpoint: str) -> None:
    keep(endpoint, "first")
    assert mounted(cluster, NAMESPACE, POD, REGION, endpoint) == {FILE: "first"}


def test_a_pod_whose_secret_is_missing_does_not_start(cluster: KubernetesApi, endpoint: str) -> None:
    with pytest.raises(ApiError, match=f"FailedMount: {SECRET}: .*ResourceNotFound"):
        mounted(cluster, NAMESPACE, POD, REGION, endpoint)


def test_a_pod_whose_class_is_missing_does_not_start(cluster: KubernetesApi, endpoint: str) -> None:
    other = copy.deepcopy(POD)
    other["volumes"][-1]["csi"]["volumeAttributes"]["secretProviderClass"] = "another"
    with pytest.raises(ApiError, match='"another" not found'):
        mounted(cluster, NAMESPACE, other, REGION, endpoint)


def test_a_pod_without_a_secret_mounts_none(cluster: KubernetesApi, endpoint: str) -> None:
    assert mounted(cluster, NAMESPACE, {"containers": [{}]}, REGION, endpoint) == {}


def test_pods_keep_a_password_until_they_are_replaced(cluster: KubernetesApi, endpoint: str) -> None:
    fence = Mounted(lambda: cluster, jobs.FENCE, namespace=NAMESPACE, region=REGION, endpoint=lambda: endpoint)
    keep(endpoint, "first")
    assert fence.password() == "first"
    keep(endpoint, "second")
    assert fence.password() == "first"
    cluster.restart(NAMESPACE, jobs.FENCE)
    assert fence.password() == "second"


def test_a_restart_changes_nothing_but_the_pods(cluster: KubernetesApi) -> None:
    before = cluster.get("apps/v1", "Deployment", jobs.FENCE, NAMESPACE)
    cluster.restart(NAMESPACE, jobs.FENCE)
    after = cluster.get("apps/v1", "Deployment", jobs.FENCE, NAMESPACE)
    assert before is not None
    assert after is not None
    assert after["metadata"] == {**before["metadata"], "generation": 2}
    assert after["spec"]["template"].pop("metadata") != before["spec"]["template"].pop("metadata")
    assert after["spec"] == before["spec"]
    with pytest.raises(ApiError, match='"nothing" not found'):
        cluster.restart(NAMESPACE, "nothing")


def test_no_deployment_has_no_password(cluster: KubernetesApi, endpoint: str) -> None:
    nothing = Mounted(lambda: cluster, "nothing", namespace=NAMESPACE, region=REGION, endpoint=lambda: endpoint)
    with pytest.raises(ApiError, match='"nothing" not found'):
        nothing.password()
