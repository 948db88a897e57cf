"""The in-memory API server over HTTP, as far as pods read it: discovery, and lists that the declared Roles allow."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from rehearsal.providers.kubernetes.api import CLUSTER_SCOPED, KubernetesApi
from rehearsal.world.loopback import LoopbackServer, Reply, Request

Manifest = dict[str, Any]

_BUILT_IN = (
    *(("v1", kind) for kind in ("ConfigMap", "Endpoints", "Event", "Pod", "Secret", "Service", "ServiceAccount")),
    *(("apps/v1", kind) for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")),
    ("coordination.k8s.io/v1", "Lease"),
)
"""Kinds that every cluster has, besides those of the declared objects."""


class ApiServer:
    """Answers a cluster's pods on loopback. A service account may list what a Role that is bound to it names.

    Args:
        cluster: the cluster.
    """

    def __init__(self, cluster: KubernetesApi) -> None:
        self._cluster = cluster
        self._accounts: dict[str, tuple[str, str]] = {}
        self._server = LoopbackServer("api-server", self._answer)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        """The address."""
        return "http://{}:{}".format(*self._server.address)

    def token(self, namespace: str, account: str) -> str:
        """A new token of a service account, as its pods find it in a file."""
        token = secrets.token_urlsafe(16)
        self._accounts[token] = (namespace, account)
        return token

    def _answer(self, request: Request) -> Reply:
        account = self._accounts.get(request.bearer)
        if account is None:
            return _refusal(401, "Unauthorized")
        match request.path.strip("/").split("/"):
            case ["apis"]:
                versions = sorted({version for version, _ in self._kinds() if "/" in version})
                return Reply(200, {"groups": [{"preferredVersion": {"groupVersion": name}} for name in versions]})
            case ["api" | "apis", *version, "namespaces", namespace, plural]:
                return self._list("/".join(version), namespace, plural, request.query, account)
            case ["api" | "apis", *version]:
                return Reply(200, {"resources": list(self._resources("/".join(version)))})
            case _:
                return _refusal(404, "the server could not find the requested resource")

    def _kinds(self) -> set[tuple[str, str]]:
        return {(version, kind) for version, kind in (*_BUILT_IN, *self._cluster.kinds()) if kind != "Release"}

    def _resources(self, api_version: str) -> Iterator[Manifest]:
        for version, kind in sorted(self._kinds()):
            if version == api_version:
                namespaced = kind not in CLUSTER_SCOPED
                yield {"kind": kind, "name": plural_of(kind), "namespaced": namespaced, "verbs": ["get", "list"]}
                yield {"kind": kind, "name": f"{plural_of(kind)}/status", "namespaced": namespaced, "verbs": ["get"]}

    def _list(
        self, api_version: str, namespace: str, plural: str, query: Mapping[str, str], account: tuple[str, str]
    ) -> Reply:
        kinds = [kind for version, kind in self._kinds() if version == api_version and plural_of(kind) == plural]
        if not kinds:
            return _refusal(404, "the server could not find the requested resource")
        if not self._may_list(api_version, namespace, plural, account):
            user = f"system:serviceaccount:{account[0]}:{account[1]}"
            return _refusal(
                403, f'{plural} is forbidden: User "{user}" cannot list {plural} in the namespace "{namespace}"'
            )
        items = [
            {key: value for key, value in entry.items() if key not in ("apiVersion", "kind")}
            for entry in self._cluster.list(kinds[0], namespace=namespace)
            if entry["apiVersion"] == api_version
        ]
        start = int(query.get("continue", "0"))
        end = start + int(query.get("limit", len(items)))
        more = {"continue": str(end)} if end < len(items) else {}
        return Reply(200, {"kind": f"{kinds[0]}List", "metadata": more, "items": items[start:end]})

    def _may_list(self, api_version: str, namespace: str, plural: str, account: tuple[str, str]) -> bool:
        group = api_version.rpartition("/")[0]
        subject = {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}
        bound = {
            binding["roleRef"]["name"]
            for binding in self._cluster.list("RoleBinding", namespace=namespace)
            if subject in binding["subjects"]
        }
        return any(
            group in rule["apiGroups"] and plural in rule["resources"] and "list" in rule["verbs"]
            for role in self._cluster.list("Role", namespace=namespace)
            if role["metadata"]["name"] in bound
            for rule in role["rules"]
        )


def plural_of(kind: str) -> str:
    """The plural of a kind in paths, such as networkpolicies."""
    word = kind.lower()
    if word == "endpoints":
        return word
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith("s") else f"{word}s"


def _refusal(status: int, message: str) -> Reply:
    return Reply(status, {"kind": "Status", "message": message})
