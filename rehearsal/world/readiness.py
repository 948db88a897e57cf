"""Whether the pods of a Deployment become ready: by node, image, their own probes, and the check of their target group.

Sources: Kubernetes documentation, "Configure Liveness, Readiness and Startup Probes" and "Images"; AWS Load Balancer
Controller, "Pod readiness gate": in a namespace that asks for it, a pod is ready once its target is healthy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.declared import Declared
from rehearsal.world.front import destination
from rehearsal.world.scheduling import unplaced
from rehearsal.world.ways import TARGET_GROUP

GATE = "elbv2.k8s.aws/pod-readiness-gate-inject"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
REPOSITORY = "aws:ecr/repository:Repository"

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Readiness:
    """The pods of a cluster, as far as they become ready.

    Args:
        declared: the resources of the account.
        cluster: the cluster.
        name: its name.
        namespace: the pods' namespace.
        served: the paths with which the pods of each Deployment answer a probe, by the Deployment's name.
        answers: returns whether the registry of a region answers.
    """

    declared: Declared
    cluster: KubernetesApi
    name: str
    namespace: str
    served: Mapping[str, Collection[str]]
    answers: Callable[[str], bool]

    def refusal(self, deployment: str) -> str | None:
        """The reason for which no pod of a Deployment is ready; None if one is."""
        found = self.cluster.look("apps/v1", "Deployment", deployment, self.namespace)
        if found is None or not self.cluster.pods(self.namespace, deployment):
            return f"{deployment} has no pod that is ready"
        (container,) = found["spec"]["template"]["spec"]["containers"]
        reason = next(self._reasons(deployment, container), None)
        return f"{deployment} has no pod that is ready: {reason}" if reason else None

    def _reasons(self, deployment: str, container: Plain) -> Iterator[str]:
        if no_room := unplaced(self.declared, self.cluster, self.name).get((self.namespace, deployment)):
            yield no_room
        yield from self._no_image(container["image"])
        port, served = _listening(container), self.served[deployment]
        named = {entry.get("name"): entry["containerPort"] for entry in container.get("ports", ())}
        for probe in PROBES:
            asked = container.get(probe, {}).get("httpGet")
            if asked:
                yield from _unanswered(f"its {probe}", str(named.get(asked["port"], asked["port"])), port)
                yield from _unserved(f"its {probe}", asked["path"], served)
        for check in self._gates(deployment):
            asked_port = str(check.get("port") or "traffic-port")
            yield from _unanswered("its target group", port if asked_port == "traffic-port" else asked_port, port)
            yield from _unserved("its target group", str(check.get("path") or "/"), served)

    def _no_image(self, image: str) -> Iterator[str]:
        repository, _, digest = image.partition("@")
        found = [entry for entry in self.declared.of(REPOSITORY) if entry.outputs["repositoryUrl"] == repository]
        if not found or not digest.startswith("sha256:"):
            yield f"its image {image} is in no repository of the platform"
        elif not self.answers(found[0].region):
            yield f"its image is in {found[0].region}, which does not answer"

    def _gates(self, deployment: str) -> Iterator[Plain]:
        """The health checks of the target groups of a Deployment, if its pods wait for them."""
        space = self.cluster.look("v1", "Namespace", self.namespace)
        if space is None or space["metadata"].get("labels", {}).get(GATE) != "enabled":
            return
        for binding in self.cluster.view("TargetGroupBinding", namespace=self.namespace):
            target = binding["spec"]["targetGroupARN"]
            found, pods = self.declared.get(TARGET_GROUP, target), destination(target, [self.cluster])
            if found and pods and pods.deployment == deployment:
                yield found.inputs.get("healthCheck") or {}


def _listening(container: Plain) -> str:
    """The port at which a container serves."""
    return next((str(entry.get("value")) for entry in container.get("env", ()) if entry["name"] == "PORT"), "")


def _unanswered(asker: str, port: str, listening: str) -> Iterator[str]:
    if port != listening:
        yield f"{asker} asks port {port}, and it listens at {listening or 'none'}"


def _unserved(asker: str, path: str, served: Collection[str]) -> Iterator[str]:
    if path not in served:
        yield f"{asker} asks {path}, which it does not serve"
