"""Pulumi's Kubernetes provider for an in-memory cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.replacement import UnknownTypeError, replacing_fields
from rehearsal.providers.backend import Faults, NoFaults, NoImports, auto_name
from rehearsal.providers.kubernetes import schemas
from rehearsal.providers.kubernetes.api import ApiError, Key, KubernetesApi, Manifest

RELEASE = ("helm.sh/v3", "Release")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one instance of the provider."""

    cluster: str = ""
    """`clusterIdentifier`: the cluster that the kubeconfig reaches."""
    mutable_config: bool = False
    """`enableConfigMapMutable`. Without it, the default, a changed ConfigMap is deleted and created again."""
    delete_unreachable: bool = False
    """`deleteUnreachable`: objects of a dead cluster are forgotten instead of deleted."""


class KubernetesBackend(NoImports):
    """Create, update and delete Kubernetes objects, checked against the cluster's version.

    Args:
        cluster: returns the cluster with the name in the provider's `clusterIdentifier`; without one, the site's own.
        region: the cluster's region.
        settings: the provider's own settings.
        faults: checked for `eks` in `region` before every call.
        run_job: runs a Job until it ends; Pulumi's provider waits for this. Without it, a Job is refused: a Job that
            never ran must not count as successful.
        wait_for: waits until the pods of a new Deployment are available, as Pulumi's provider does.
    """

    def __init__(
        self,
        cluster: Callable[[str], KubernetesApi],
        *,
        region: str,
        settings: Settings | None = None,
        faults: Faults | None = None,
        run_job: Callable[[Manifest], None] | None = None,
        wait_for: Callable[[Manifest], object] = lambda _: None,
    ) -> None:
        self._find_cluster = cluster
        self._run_job, self._wait_for = run_job, wait_for
        self._faults = faults or NoFaults()
        self._region = region
        self._settings = settings or Settings()

    def configured(self, settings: Manifest) -> KubernetesBackend:
        """The provider with its own settings. Provider settings are text."""
        own = Settings(
            cluster=str(settings.get("clusterIdentifier", "")),
            mutable_config=settings.get("enableConfigMapMutable") in (True, "true"),
            delete_unreachable=settings.get("deleteUnreachable") in (True, "true"),
        )
        return KubernetesBackend(
            self._find_cluster,
            region=self._region,
            settings=own,
            faults=self._faults,
            run_job=self._run_job,
            wait_for=self._wait_for,
        )

    def check(self, type_: str, inputs: Manifest) -> list[tuple[str, str]]:
        """The violations of the kind's schema. A name may be missing, because it is generated at creation.

        Raises:
            UnknownTypeError: if there is no schema for the kind.
        """
        api_version, kind = self._kind(type_)
        wrong = [
            (key, f"is {inputs.get(key)!r}, expected {expected!r} for {type_}")
            for key, expected in (("apiVersion", api_version), ("kind", kind))
            if (api_version, kind) != RELEASE and inputs.get(key) != expected
        ]
        return wrong or schemas.problems(_manifest(api_version, kind, inputs), version=self._cluster().version)

    def replaces(self, type_: str) -> frozenset[str]:
        """The fields whose change forces a replacement, as dotted paths (`spec.selector`)."""
        return replacing_fields(*self._kind(type_), mutable_config=self._settings.mutable_config)

    def create(self, type_: str, urn: str, inputs: Manifest) -> tuple[str, Manifest]:
        """Create an object. Its id is `namespace/name`, or the name of a cluster-wide object."""
        manifest = _manifest(*self._kind(type_), inputs, urn=urn)
        applied = self._reach().apply(manifest, owner=urn)
        if manifest["kind"] == "Job":
            self._complete(manifest)
        if manifest["kind"] == "Deployment":
            self._wait_for(manifest)
        return Key.of(manifest).id, _outputs(inputs, applied)

    def update(
        self,
        type_: str,
        urn: str,
        id_: str,
        old_inputs: Manifest,
        inputs: Manifest,
        outputs: Manifest,
    ) -> Manifest:
        """Update an object.

        Raises:
            ApiError: if an immutable field changed. The caller should have replaced the object.
        """
        manifest = _manifest(*self._kind(type_), inputs, urn=urn)
        return _outputs(inputs, self._reach().apply(manifest, owner=urn))

    def delete(self, type_: str, urn: str, id_: str, outputs: Manifest) -> None:
        """Delete an object. A missing object is no error, nor is a dead cluster with `deleteUnreachable`."""
        if self._settings.delete_unreachable and not self._cluster().answers:
            return
        api = self._reach()
        api_version, kind = self._kind(type_)
        if self._find(api, type_, id_) is not None:
            api.delete(api_version, kind, *_split(id_))

    def read(self, type_: str, urn: str, id_: str, outputs: Manifest) -> Manifest | None:
        """The object in the cluster, or None if it does not exist."""
        current = self._find(self._reach(), type_, id_)
        return None if current is None else _outputs(outputs, current)

    def _complete(self, job: Manifest) -> None:
        """Wait for a Job to end. A failed Job is deleted, so that the next run tries it again."""
        key, cluster = Key.of(job), self._cluster()
        if self._run_job is None:
            cluster.delete(key.api_version, key.kind, key.name, key.namespace)
            raise ApiError(f'Job "{key.name}" cannot be run here')
        try:
            self._run_job(job)
        except ApiError:
            cluster.delete(key.api_version, key.kind, key.name, key.namespace)
            raise

    def _reach(self) -> KubernetesApi:
        self._faults.check("eks", self._region)
        cluster = self._cluster()
        if not cluster.answers:
            raise ApiError(
                "configured Kubernetes cluster is unreachable. If the cluster was deleted, you can remove this resource"
                " from Pulumi state with deleteUnreachable"
            )
        return cluster

    def _cluster(self) -> KubernetesApi:
        return self._find_cluster(self._settings.cluster)

    def _find(self, api: KubernetesApi, type_: str, id_: str) -> Manifest | None:
        return api.get(*self._kind(type_), *_split(id_))

    def _kind(self, type_: str) -> tuple[str, str]:
        """The apiVersion and kind of a type token, such as `kubernetes:apps/v1:Deployment`."""
        package, _, rest = type_.partition(":")
        api_version, _, kind = rest.partition(":")
        api_version = api_version.removeprefix("core/")
        if package != "kubernetes" or not schemas.is_known(api_version, kind, version=self._cluster().version):
            raise UnknownTypeError(type_)
        return api_version, kind


def _manifest(api_version: str, kind: str, inputs: Manifest, *, urn: str = "urn::unnamed") -> Manifest:
    """The object that the inputs describe. A Helm release has its name and namespace at the top level."""
    if (api_version, kind) == RELEASE:
        meta = {"name": inputs.get("name") or auto_name(urn), "namespace": inputs.get("namespace", "default")}
        return {**inputs, "apiVersion": api_version, "kind": kind, "metadata": meta}
    meta = dict(inputs.get("metadata", {}))
    meta.setdefault("name", auto_name(urn))
    return {**inputs, "apiVersion": api_version, "kind": kind, "metadata": meta}


def _outputs(inputs: Manifest, applied: Manifest) -> Manifest:
    if (applied["apiVersion"], applied["kind"]) != RELEASE:
        return applied
    status = {"status": "deployed", "version": applied["version"], "name": applied["metadata"]["name"], "revision": 1}
    return {
        **inputs,
        "name": applied["metadata"]["name"],
        "status": {**status, "namespace": applied["metadata"]["namespace"]},
    }


def _split(id_: str) -> tuple[str, str]:
    """An id split into (name, namespace)."""
    namespace, _, name = id_.rpartition("/")
    return name, namespace
