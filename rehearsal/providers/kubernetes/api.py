"""An in-memory API server: objects by kind, namespace and name, and the refusals of a real API server."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rehearsal.providers.kubernetes import schemas
from rehearsal.providers.kubernetes.admission import objections

Manifest = dict[str, Any]

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
SYSTEM_PRIORITY_CLASSES = ("system-cluster-critical", "system-node-critical")
CLUSTER_SCOPED = frozenset(
    {
        "APIService", "CSIDriver", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "IngressClass",
        "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume", "PriorityClass", "RuntimeClass",
        "StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)  # fmt: skip


RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation of a restart. kubectl sets the time, and another value is all that matters."""


class ApiError(Exception):
    """A refusal of the API server, in kube-apiserver's words."""


@dataclass(frozen=True, order=True)
class Key:
    """The identity of an object. `namespace` is empty for cluster-wide objects."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> Key:
        """The key of a manifest. An object without a namespace is in `default`, as in kubectl."""
        meta = manifest["metadata"]
        namespace = "" if manifest["kind"] in CLUSTER_SCOPED else meta.get("namespace", "default")
        return cls(manifest["apiVersion"], manifest["kind"], namespace, meta["name"])

    @property
    def id(self) -> str:
        """Pulumi's id: `namespace/name`, or the name alone."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class _Stored:
    manifest: Manifest
    owner: str


class KubernetesApi:
    """One cluster. Methods may be called from any thread, and every returned object is a copy, except of `view`.

    Args:
        version: of the cluster, such as 1.34. The schemas are the newest bundled ones that are not newer.
    """

    def __init__(self, version: str = "1.34") -> None:
        self.version = schemas.schema_version(version)
        self.answers = True
        """Whether the API server is alive."""
        self.runs_pods = True
        self.changes = 0
        """The number of changes so far, for a caller that keeps what it has found until the next one."""
        self._lock = threading.RLock()
        self._objects: dict[Key, _Stored] = {}
        """A change replaces it, so a reader needs no lock, for which many threads would queue."""
        self._views: dict[tuple[str, str | None], tuple[Manifest, ...]] = {}
        """The answers of `view` since the last change."""
        for name in SYSTEM_NAMESPACES:
            self._put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for name in SYSTEM_PRIORITY_CLASSES:
            self._put({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}})

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """An object, or None."""
        return copy.deepcopy(self.look(api_version, kind, name, namespace))

    def look(self, api_version: str, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """The same object without a copy, for a caller that asks often and changes nothing."""
        stored = self._objects.get(Key(api_version, kind, namespace, name))
        return stored.manifest if stored else None

    def list(self, kind: str, *, namespace: str | None = None) -> list[Manifest]:
        """Every object of a kind by name, in one namespace or in all namespaces."""
        return [copy.deepcopy(manifest) for manifest in self.view(kind, namespace=namespace)]

    def view(self, kind: str, *, namespace: str | None = None) -> tuple[Manifest, ...]:
        """The same objects without copies, for a caller that asks often and changes nothing.

        An object is never changed: an update replaces it.
        """
        views, objects = self._views, self._objects
        if (kind, namespace) not in views:
            keys = sorted(key for key in objects if key.kind == kind and namespace in (None, key.namespace))
            views[kind, namespace] = tuple(objects[key].manifest for key in keys)
        return views[kind, namespace]

    def kinds(self) -> set[tuple[str, str]]:
        """The apiVersion and the kind of every object."""
        return {(key.api_version, key.kind) for key in self._objects}

    def lose(self) -> None:
        """Lose the API server and all nodes for good."""
        self.answers = self.runs_pods = False
        self.changes += 1

    def apply(self, manifest: Manifest, *, owner: str = "") -> Manifest:
        """Create an object, or update an object of the same owner.

        Args:
            manifest: the whole object.
            owner: the declaring resource. No other resource may declare the same object.

        Raises:
            ApiError: if the object is malformed, its namespace or something that its pods need is missing, an immutable
                field would change, or another owner has it.
        """
        with self._lock:
            key = Key.of(manifest)
            existing = self._objects.get(key)
            self._admit(key, manifest)
            if existing is not None:
                _refuse_other_owner(key, existing, owner)
                _refuse_immutable(key, existing.manifest, manifest)
            return self._put(manifest, owner=owner, existing=existing)

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object. Deleting a namespace deletes everything in it.

        Raises:
            ApiError: if it does not exist.
        """
        with self._lock:
            gone = Key(api_version, kind, namespace, name)
            if gone not in self._objects:
                raise ApiError(f'{kind} "{name}" not found')
            inside = name if kind == "Namespace" else None
            self._replace(
                {key: stored for key, stored in self._objects.items() if key != gone and key.namespace != inside}
            )

    def restart(self, namespace: str, deployment: str) -> None:
        """Replace the pods of a Deployment, as `kubectl rollout restart` does: by an annotation of their template.

        Raises:
            ApiError: if the Deployment does not exist.
        """
        with self._changing(namespace, deployment) as manifest:
            template = manifest["spec"]["template"]["metadata"]
            template["annotations"] = {**template.get("annotations", {}), RESTARTED: str(uuid.uuid4())}

    def scale(self, namespace: str, deployment: str, replicas: int) -> None:
        """Give a Deployment another number of pods, as `kubectl scale` does.

        Raises:
            ApiError: if the Deployment does not exist.
        """
        with self._changing(namespace, deployment) as manifest:
            manifest["spec"]["replicas"] = replicas

    @contextmanager
    def _changing(self, namespace: str, deployment: str) -> Generator[Manifest]:
        """A Deployment that the block changes beside Pulumi, and which is stored at its end."""
        with self._lock:
            existing = self._objects.get(Key("apps/v1", "Deployment", namespace, deployment))
            if existing is None:
                raise ApiError(f'Deployment "{deployment}" not found')
            manifest = copy.deepcopy(existing.manifest)
            yield manifest
            self._put(manifest, owner=existing.owner, existing=existing)

    def pods(self, namespace: str, deployment: str) -> int:
        """The number of pods that a Deployment has without load: its own number, within its autoscaler's bounds.

        It is 0 while no node runs.

        Raises:
            ApiError: if the Deployment does not exist.
        """
        if not self.runs_pods:
            return 0
        existing = self.look("apps/v1", "Deployment", deployment, namespace)
        if existing is None:
            raise ApiError(f'Deployment "{deployment}" not found')
        replicas = int(existing["spec"].get("replicas", 1))
        for autoscaler in self.view("HorizontalPodAutoscaler", namespace=namespace):
            spec = autoscaler["spec"]
            # An autoscaler is disabled while its Deployment has zero replicas.
            if spec["scaleTargetRef"]["name"] == deployment and replicas:
                replicas = min(max(replicas, int(spec.get("minReplicas", 1))), int(spec["maxReplicas"]))
        return replicas

    def _admit(self, key: Key, manifest: Manifest) -> None:
        if key.namespace and Key("v1", "Namespace", "", key.namespace) not in self._objects:
            raise ApiError(f'namespaces "{key.namespace}" not found')
        custom = schemas.custom_kinds().get((key.api_version, key.kind))
        if custom and custom.installed_by and not self._has_release(custom.installed_by):
            raise ApiError(
                f'no matches for kind "{key.kind}" in version "{key.api_version}": '
                f"chart {custom.installed_by} is not installed"
            )
        reasons = [f"{path}: {message}" for path, message in schemas.problems(manifest, version=self.version)]
        reasons = reasons or objections(manifest, self)
        if reasons:
            raise ApiError(f'{key.kind} "{key.name}" is refused: ' + "; ".join(reasons))

    def _has_release(self, chart: str) -> bool:
        return any(
            str(stored.manifest["chart"]).rsplit("/", 1)[-1] == chart
            for key, stored in self._objects.items()
            if key.kind == "Release"
        )

    def _put(self, manifest: Manifest, *, owner: str = "", existing: _Stored | None = None) -> Manifest:
        kept = copy.deepcopy(manifest)
        if existing is None:
            meta = {"uid": str(uuid.uuid4()), "generation": 1}
        else:
            before = existing.manifest["metadata"]
            changed = _without_metadata(existing.manifest) != _without_metadata(manifest)
            meta = {"uid": before["uid"], "generation": before["generation"] + changed}
        kept["metadata"] |= meta
        self._replace({**self._objects, Key.of(kept): _Stored(kept, owner)})
        return copy.deepcopy(kept)

    def _replace(self, objects: dict[Key, _Stored]) -> None:
        self._objects, self._views = objects, {}
        self.changes += 1


def value_at(manifest: Manifest, path: str) -> Any:
    """The value at a dotted path, or None."""
    value: Any = manifest
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType]
    return value  # pyright: ignore[reportUnknownVariableType]


def _without_metadata(manifest: Manifest) -> Manifest:
    return {key: value for key, value in manifest.items() if key != "metadata"}


def _refuse_other_owner(key: Key, existing: _Stored, owner: str) -> None:
    if existing.owner != owner:
        raise ApiError(f'{key.kind} "{key.name}" already exists, declared by {existing.owner or "the cluster"}')


def _refuse_immutable(key: Key, old: Manifest, new: Manifest) -> None:
    for path in sorted(schemas.immutable_fields(key.api_version, key.kind)):
        if value_at(old, path) != value_at(new, path):
            raise ApiError(f'{key.kind} "{key.name}" is invalid: {path}: Invalid value: field is immutable')
