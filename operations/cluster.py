"""The cluster's API server, as far as a job reads it with the token of its service account.

Jobs need nothing but GET requests. The official client would add some fifteen packages to the image.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from operations.job import JobFailedError

Object = dict[str, Any]

PAGE = 250
"""The number of objects in one answer."""
_TIMEOUT = urllib3.Timeout(connect=5, read=30)
RETRIES = urllib3.Retry(
    total=4, backoff_factor=0.5, backoff_jitter=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
)


class ClusterError(JobFailedError):
    """The API server did not answer, or refused."""


class ForbiddenError(ClusterError):
    """The service account may not read this."""


@dataclass(frozen=True, order=True)
class Kind:
    """A kind of object that a namespace can contain."""

    api_version: str
    name: str
    plural: str

    @property
    def root(self) -> str:
        """The path of its API version."""
        return _root(self.api_version)


@dataclass(frozen=True)
class Discovery:
    """The kinds of objects that the API server offers."""

    kinds: tuple[Kind, ...]
    unavailable: dict[str, str]
    """The reason, by API version, why the kinds of an extension are not known: its own server does not answer."""


class Cluster:
    """The API server at an address.

    Args:
        server: the address, such as `https://example.gr7.us-east-2.eks.amazonaws.com`.
        credentials: the folder with `token` and `ca.crt`, as Kubernetes mounts it into a pod.
    """

    def __init__(self, server: str, credentials: Path) -> None:
        self._server = server
        self._token = credentials / "token"
        self._authority = credentials / "ca.crt"

    def discover(self) -> Discovery:
        """Every kind that is in a namespace and can be listed, in the version that the server prefers.

        Raises:
            ClusterError: if the API server does not answer.
        """
        groups = self._get("/apis")["groups"]
        versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
        kinds: list[Kind] = []
        unavailable: dict[str, str] = {}
        for version in versions:
            try:
                resources = self._get(_root(version))["resources"]
            except ClusterError as error:
                if version == "v1":
                    raise
                unavailable[version] = str(error)
                continue
            kinds += [
                Kind(version, resource["kind"], resource["name"])
                for resource in resources
                if resource["namespaced"] and "list" in resource["verbs"] and "/" not in resource["name"]
            ]
        return Discovery(tuple(sorted(kinds)), unavailable)

    def objects(self, kind: Kind, namespace: str) -> Iterator[Object]:
        """Every object of a kind in a namespace, page by page.

        Raises:
            ForbiddenError: if the service account may not list the kind.
            ClusterError: if the API server does not answer.
        """
        path = f"{kind.root}/namespaces/{namespace}/{kind.plural}"
        token = ""
        while True:
            page = self._get(path, {"limit": str(PAGE), **({"continue": token} if token else {})})
            for item in page["items"]:
                # The items of a list have neither field: Kubernetes, "API Concepts", collections.
                yield {"apiVersion": kind.api_version, "kind": kind.name, **item}
            token = page["metadata"].get("continue", "")
            if not token:
                return

    def _get(self, path: str, query: dict[str, str] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token.read_text().strip()}", "Accept": "application/json"}
        try:
            with urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=str(self._authority)) as http:
                answer = http.request(
                    "GET",
                    f"{self._server}{path}",
                    fields=query,
                    headers=headers,
                    timeout=_TIMEOUT,
                    retries=RETRIES,
                )
            body = json.loads(answer.data)
        except (HTTPError, ValueError) as error:
            raise ClusterError(f"{path}: {error}") from error
        if answer.status in (401, 403):
            raise ForbiddenError(f"{path}: {body.get('message', answer.status)}")
        if answer.status != 200:
            raise ClusterError(f"{path}: {answer.status} {body.get('message', '')}".rstrip())
        return body


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
