"""The account and the platform, reached from an operator's machine."""

from __future__ import annotations

import functools
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import urllib3
from botocore.config import Config
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from procedures import cluster, live_metrics
from procedures.access import Workload
from procedures.web import RefusedError, accept_of, new_key, opening
from recovery.naming import cluster_name
from stacks.config import SiteConfig

PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}, max_pool_connections=4)
"""Seconds. A region that does not answer must not keep an operator waiting."""
CONNECT_SECONDS = 2.0
TIMEOUT = urllib3.Timeout(connect=CONNECT_SECONDS, read=5)
"""Seconds. The plan allows crisis detection two."""
RETRIES = urllib3.Retry(connect=0, read=0, status=0, redirect=3)
BACKOFF_SECONDS = (1, 2, 4)
"""Before a write is sent again (docs/clients.md)."""


class LiveAccess:
    """The account, with the credentials of the environment."""

    def __init__(self) -> None:
        self.web = LiveWeb()
        self._making = threading.Lock()
        """boto3 makes one client at a time. Source: boto3's guide, "Multithreading or multiprocessing with clients"."""

    @functools.cached_property
    def _session(self) -> boto3.session.Session:
        """Made late: if AWS_PROFILE names no profile, each question says so."""
        return boto3.session.Session()

    def client(self, service: str, region: str) -> Any:
        """A client that gives up within three seconds.

        Raises:
            BotoCoreError: if the environment has no usable credentials.
        """
        with self._making:
            return self._session.client(cast("Any", service), region_name=region, config=PATIENCE)

    def workloads(self, config: SiteConfig) -> tuple[Workload, ...]:
        """The Deployments of the platform in the cluster that serves a site."""
        name = cluster_name(config.site, config.cluster.serving_generation)
        return cluster.workloads(self._session, self.client("eks", config.region), config.region, name)

    def firing(self, config: SiteConfig) -> frozenset[str]:
        """The alerts that fire in the monitoring of a site."""
        amp = self.client("amp", config.peer.region)
        return live_metrics.firing(amp, self._session.get_credentials(), config)

    def addresses(self, host: str) -> frozenset[str]:
        """Where a name leads, as this machine's resolver knows it."""
        try:
            return frozenset(str(entry[4][0]) for entry in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM))
        except OSError:
            return frozenset()

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


class LiveWeb:
    """The platform by HTTPS.

    Args:
        origin: returns the address under which a host is asked.
    """

    def __init__(self, origin: Callable[[str], str] = lambda host: f"https://{host}") -> None:
        self._origin = origin
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=RETRIES)

    def send(self, host: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The answer to a request, as JSON. It follows where a 307 leads."""
        try:
            answer = self._pool.request(method, f"{self._origin(host)}{path}", json=body)
        except HTTPError as error:
            raise ConnectionError(str(error)) from error
        if not 200 <= answer.status < 300:
            raise RefusedError(f"{answer.status}: {answer.data.decode(errors='replace')[:200]}")
        return cast("Mapping[str, Any]", answer.json())

    def insist(self, host: str, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a write that has an id, and again while it is not answered."""
        for seconds in BACKOFF_SECONDS:
            try:
                return self.send(host, method, path, body)
            except (ConnectionError, RefusedError):
                time.sleep(seconds)
        return self.send(host, method, path, body)

    def open_socket(self, host: str, path: str) -> None:
        """Open a WebSocket, and close it."""
        origin = parse_url(self._origin(host))
        address = (origin.host or host, origin.port)
        if origin.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(*address, timeout=CONNECT_SECONDS, context=context)
        else:
            connection = http.client.HTTPConnection(*address, timeout=CONNECT_SECONDS)
        try:
            key = new_key()
            connection.request("GET", path, headers=dict(opening(key)))
            answer = connection.getresponse()
        finally:
            connection.close()
        opens = answer.headers.get("Sec-WebSocket-Accept") == accept_of(key)
        if answer.status != http.HTTPStatus.SWITCHING_PROTOCOLS or not opens:
            raise RefusedError(f"{answer.status}: no WebSocket is opened")
