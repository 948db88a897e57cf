"""The wait for a new Deployment, as Pulumi's provider does it: until its pods have been ready for as long as it asks.

Sources: Pulumi Kubernetes provider, "Await logic" (a Deployment is ready when its new pods are available); Kubernetes
documentation, "Deployments" (`minReadySeconds`, `progressDeadlineSeconds`).
"""

from __future__ import annotations

import http
import http.client
from typing import Any

from rehearsal.providers.kubernetes.api import ApiError
from rehearsal.world.patience import exchange
from rehearsal.world.pods import Pods

_LOOK_SECONDS = 0.5
"""Simulated seconds between two looks at the pods."""


def wait_for(pods: Pods, deployment: dict[str, Any]) -> None:
    """Wait until the pods of a new Deployment are available, if they serve at a port of this machine.

    Raises:
        ApiError: if they are not within its deadline.
    """
    name, spec = str(deployment["metadata"]["name"]), deployment["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    probe = container.get("readinessProbe", {}).get("httpGet")
    if name not in pods.deployments or probe is None:
        return
    until = pods.clock.now() + spec["progressDeadlineSeconds"]
    while not _are_ready(pods, name, spec["replicas"], probe["path"]):
        if pods.clock.now() >= until:
            raise ApiError(f'Deployment "{name}" exceeded its progress deadline')
        pods.clock.sleep(_LOOK_SECONDS)
    pods.clock.sleep(spec["minReadySeconds"])


def _are_ready(pods: Pods, deployment: str, number: int, path: str) -> bool:
    addresses = pods.addresses(deployment)
    return len(addresses) == number and all(_is_ready(pods, address, path) for address in addresses)


def _is_ready(pods: Pods, address: tuple[str, int], path: str) -> bool:
    try:
        return exchange(address, "GET", path, clock=pods.clock, seconds=1).status < http.HTTPStatus.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
