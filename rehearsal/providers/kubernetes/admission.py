"""Conditions that an object must meet beyond its schema.

A real API server admits a Deployment whose pods can never run, and Pulumi then waits ten minutes for it. Here it is
refused at once, with the reason that the pods' events would show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

Manifest = dict[str, Any]

POD_SECURITY_LABEL = "pod-security.kubernetes.io/enforce"
_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
"""The volume types of the Pod Security Standard `restricted` (kubernetes.io, "Pod Security Standards")."""


class Lookup(Protocol):
    """Read access to a cluster."""

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """An object, or None."""
        ...


def objections(manifest: Manifest, cluster: Lookup) -> list[str]:
    """The reasons why the cluster could not run an object; empty if it could."""
    pod = pod_template(manifest)
    if pod is None:
        return []
    namespace = str(manifest["metadata"]["namespace"])
    return [*_missing(pod, namespace, cluster), *_insecure(pod, namespace, cluster)]


def pod_template(manifest: Manifest) -> Manifest | None:
    """The pod that a workload creates, or None for other objects."""
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "Pod":
            return spec
        case "Deployment" | "StatefulSet" | "DaemonSet" | "Job":
            return spec["template"]["spec"]
        case "CronJob":
            return spec["jobTemplate"]["spec"]["template"]["spec"]
        case _:
            return None


def _missing(pod: Manifest, namespace: str, cluster: Lookup) -> Iterator[str]:
    priority = pod.get("priorityClassName")
    if priority and cluster.get("scheduling.k8s.io/v1", "PriorityClass", priority) is None:
        yield f"no PriorityClass with name {priority} was found"
    account = pod.get("serviceAccountName", "default")
    if account != "default" and cluster.get("v1", "ServiceAccount", account, namespace) is None:
        yield f'serviceaccount "{account}" not found'
    for container in _containers(pod):
        for entry in container.get("env", []):
            yield from _missing_key(entry, namespace, cluster)
    for volume in pod.get("volumes", []):
        class_name = volume.get("csi", {}).get("volumeAttributes", {}).get("secretProviderClass")
        api_version = "secrets-store.csi.x-k8s.io/v1"
        if class_name and cluster.get(api_version, "SecretProviderClass", class_name, namespace) is None:
            yield f'secretproviderclass "{class_name}" not found'


def _missing_key(entry: Mapping[str, Any], namespace: str, cluster: Lookup) -> Iterator[str]:
    reference = entry.get("valueFrom", {}).get("configMapKeyRef")
    if not reference or reference.get("optional"):
        return
    config_map = cluster.get("v1", "ConfigMap", reference["name"], namespace)
    if config_map is None:
        yield f'configmap "{reference["name"]}" not found'
    elif reference["key"] not in config_map.get("data", {}):
        yield f"couldn't find key {reference['key']} in ConfigMap {namespace}/{reference['name']}"


def _insecure(pod: Manifest, namespace: str, cluster: Lookup) -> Iterator[str]:
    namespace_object = cluster.get("v1", "Namespace", namespace) or {"metadata": {}}
    if namespace_object["metadata"].get("labels", {}).get(POD_SECURITY_LABEL) != "restricted":
        return
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"violates PodSecurity restricted: {field} must not be true"
    for volume in pod.get("volumes", []):
        if not volume.keys() & _VOLUMES:
            yield f"violates PodSecurity restricted: volume {volume['name']} is of a type that is not allowed"
    for container in _containers(pod):
        for demand in _unmet(container.get("securityContext", {}), pod.get("securityContext", {})):
            yield f"violates PodSecurity restricted: container {container['name']} {demand}"


def _unmet(own: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[str]:
    if own.get("privileged"):
        yield "must not be privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "must set allowPrivilegeEscalation=false"
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "must set runAsNonRoot=true"
    if own.get("runAsUser", shared.get("runAsUser")) == 0:
        yield "must not set runAsUser=0"
    if own.get("seccompProfile", shared.get("seccompProfile", {})).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "must set seccompProfile.type to RuntimeDefault or Localhost"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "must drop ALL capabilities and add none but NET_BIND_SERVICE"


def _containers(pod: Manifest) -> list[Manifest]:
    return [*pod.get("initContainers", []), *pod["containers"]]
