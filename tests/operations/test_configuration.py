"""The text of an export: what is dropped, what is replaced, and what counts as a change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operations import configuration


def made(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **fields}


def exported(*objects: dict[str, Any]) -> configuration.Snapshot:
    return configuration.snapshot(objects, '{"checkpoint": {"latest": null}}')


def test_the_values_of_a_secret_are_dropped_wherever_they_are() -> None:
    secret = made("Secret", "token", data={"a": "dmFsdWU="}, stringData={"b": "value"})
    secret["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": "dmFsdWU="}'}
    text = exported(secret).objects
    assert json.loads(text)["items"][0] == made("Secret", "token", data={"a": "[secret]"}, stringData={"b": "[secret]"})


def test_only_what_someone_decided_is_kept() -> None:
    server = {"uid": "1", "resourceVersion": "2", "generation": 3, "creationTimestamp": "now", "managedFields": []}
    entry = made("Service", "backend", spec={"clusterIP": "10.0.0.1", "clusterIPs": [], "type": "ClusterIP"}, status={})
    entry["metadata"] |= server | {"annotations": {"owner": "team"}}
    (item,) = json.loads(exported(entry).objects)["items"]
    assert item == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "backend", "annotations": {"owner": "team"}},
        "spec": {"type": "ClusterIP"},
    }


def test_objects_that_a_controller_makes_are_kept_apart_and_their_images_count() -> None:
    pod = made("Pod", "backend-1", spec={"containers": [{"name": "backend", "image": "backend@sha256:1"}]})
    pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "controller": True}]
    snapshot = exported(pod, made("ConfigMap", "kube-root-ca.crt"), made("ConfigMap", "settings"))
    assert [entry["metadata"]["name"] for entry in json.loads(snapshot.objects)["items"]] == ["settings"]
    assert len(json.loads(snapshot.controlled)["items"]) == 2
    assert snapshot.images == "Pod/backend-1 backend backend@sha256:1\n"


def test_the_images_of_every_kind_of_workload_are_listed() -> None:
    pod = {"initContainers": [{"name": "wait", "image": "i"}], "containers": [{"name": "own", "image": "o"}]}
    template = {"template": {"spec": pod}}
    snapshot = exported(
        made("CronJob", "c", spec={"jobTemplate": {"spec": template}}),
        *(made(kind, "w", spec=template) for kind in ("DaemonSet", "Deployment", "Job", "StatefulSet")),
        made("Service", "s", spec={"ports": []}),
    )
    workloads = {line.split()[0] for line in snapshot.images.splitlines()}
    assert workloads == {"CronJob/c", "DaemonSet/w", "Deployment/w", "Job/w", "StatefulSet/w"}
    assert len(snapshot.images.splitlines()) == 10


def test_every_way_in_which_a_pod_names_a_secret_is_found() -> None:
    spec = {
        "imagePullSecrets": [{"name": "registry"}],
        "containers": [
            {
                "name": "c",
                "image": "i",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "key"}}}],
                "envFrom": [{"secretRef": {"name": "all"}}, {"configMapRef": {"name": "settings"}}],
            }
        ],
        "volumes": [
            {"name": "v", "secret": {"secretName": "mounted"}},
            {"name": "p", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "c"}}]}},
            {"name": "s", "csi": {"volumeAttributes": {"secretProviderClass": "password"}}},
        ],
    }
    assert configuration.secret_names([made("Pod", "p", spec=spec), made("Pod", "q", spec=spec)]) == [
        "Secret/all",
        "Secret/key",
        "Secret/mounted",
        "Secret/projected",
        "Secret/registry",
        "SecretProviderClass/password",
    ]


def test_an_encrypted_value_is_replaced_at_any_depth() -> None:
    cipher = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    assert configuration.without_secrets({"a": [{"b": cipher}], "c": 1}) == {"a": [{"b": "[secret]"}], "c": 1}
    other = {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "hash": "1"}
    assert configuration.without_secrets(other) == other


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], ["a"], ["created ConfigMap/a"]),
        (["a"], [], ["deleted ConfigMap/a"]),
        (["a"], ["a"], []),
        (["a", "b"], ["b", "c"], ["deleted ConfigMap/a", "created ConfigMap/c"]),
    ],
)
def test_a_change_is_named_by_its_object(before: list[str], after: list[str], expected: list[str]) -> None:
    texts = [exported(*(made("ConfigMap", name) for name in names)).objects for names in (before, after)]
    assert configuration.changed_objects(*texts) == expected
    assert bool(configuration.changes({"objects.json": texts[0]}, {"objects.json": texts[1]})) == bool(expected)


def test_a_new_pod_is_no_change() -> None:
    pod = made("Pod", "backend-1", spec={"containers": []})
    pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "controller": True}]
    assert configuration.changes(exported().files, exported(pod).files) == ""
