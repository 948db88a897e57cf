"""Secrets that a pod mounts, read with its role, as the AWS provider of the Secrets Store CSI driver reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.providers.kubernetes.api import ApiError, KubernetesApi
from rehearsal.world.permissions import identity
from rehearsal.world.pod_clients import pod_client

Manifest = dict[str, Any]

_PASSWORD = "DB_PASSWORD_FILE"


def mounted(cluster: KubernetesApi, namespace: str, pod: Manifest, region: str, endpoint: str) -> dict[str, str]:
    """The content of every file that a pod mounts from a secret, by the file's path.

    Args:
        cluster: the cluster that has the pod's classes.
        namespace: the pod's namespace.
        pod: the specification.
        region: the cluster's region.
        endpoint: the address of AWS.

    Raises:
        ApiError: if a class does not exist, or the pod may not read a secret. Then the kubelet does not start the pod.
    """
    caller = identity(region, str(pod.get("serviceAccountName")))
    folders = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0].get("volumeMounts", ())}
    files: dict[str, str] = {}
    for volume in pod.get("volumes", ()):
        if "csi" in volume:
            class_ = str(volume["csi"]["volumeAttributes"]["secretProviderClass"])
            for name, content in _files(cluster, namespace, class_, caller, endpoint):
                files[f"{folders[volume['name']]}/{name}"] = content
    return files


def _files(
    cluster: KubernetesApi, namespace: str, class_: str, caller: str, endpoint: str
) -> Iterator[tuple[str, str]]:
    found = cluster.look("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass", class_, namespace)
    if found is None:
        raise ApiError(f'secretproviderclasses.secrets-store.csi.x-k8s.io "{class_}" not found')
    parameters = found["spec"]["parameters"]
    client = pod_client("secretsmanager", caller, parameters["region"], endpoint)
    for entry in cast("list[Manifest]", json.loads(parameters["objects"])):
        try:
            answer = client.get_secret_value(SecretId=entry["objectName"])
        except (BotoCoreError, ClientError) as error:
            raise ApiError(f"FailedMount: {entry['objectName']}: {error}") from error
        yield str(entry.get("objectAlias") or entry["objectName"]), answer["SecretString"]


class Mounted:
    """The database password that the pods of a Deployment have. They get another one when they are replaced.

    Args:
        cluster: returns the cluster that has the Deployment.
        deployment: its name.
        namespace: its namespace.
        region: the cluster's region.
        endpoint: returns the address of AWS.
    """

    def __init__(
        self,
        cluster: Callable[[], KubernetesApi],
        deployment: str,
        *,
        namespace: str,
        region: str,
        endpoint: Callable[[], str],
    ) -> None:
        self._cluster, self._deployment, self._namespace = cluster, deployment, namespace
        self._region, self._endpoint = region, endpoint
        self._known: dict[str, str] = {}

    def password(self) -> str:
        """The password.

        Raises:
            ApiError: if there is no such Deployment, or its pods may not read the secret.
        """
        cluster = self._cluster()
        found = cluster.look("apps/v1", "Deployment", self._deployment, self._namespace)
        if found is None:
            raise ApiError(f'deployments.apps "{self._deployment}" not found')
        pod = found["spec"]["template"]
        template = f"{id(cluster)}{json.dumps(pod, sort_keys=True)}"
        if template not in self._known:
            files = mounted(cluster, self._namespace, pod["spec"], self._region, self._endpoint())
            variables = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
            self._known = {template: files[str(variables[_PASSWORD])]}
        return self._known[template]
