"""The addresses that a site's Alertmanager calls by itself when an alert fires, by its declared configuration.

No Prometheus and no Alertmanager run in a rehearsal. `make monitoring` runs both, with the same rules and routes.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from components.kube.monitoring import ALERTING_CLASS
from components.prometheus_chart import ALERTMANAGER_ACCOUNT, CHART
from recovery.naming import MONITORING_NAMESPACE
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.permissions import identity
from rehearsal.world.pod_clients import pod_client

Config = Mapping[str, Any]
_SECONDS = 10


def call_addresses(
    cluster: KubernetesApi,
    labels: Mapping[str, str],
    *,
    region: str,
    endpoint: str,
    reach: Callable[[str], tuple[str, int]],
) -> list[str]:
    """Call every address that the routes of an alert lead to. Returns a line about each.

    Args:
        cluster: has the release of the chart and the class of the secrets.
        labels: the labels of the alert.
        region: the site's region.
        endpoint: the address of AWS.
        reach: returns the address on this machine of a host.
    """
    config = _config(cluster)
    if config is None:
        return ["no Alertmanager is declared"]
    receivers = {entry["name"]: entry for entry in config["receivers"]}
    said = list[str]()
    for name in _reached(config["route"], labels):
        for webhook in receivers[name].get("webhook_configs", ()):
            said.append(f"{name}: {_called(cluster, webhook, region, endpoint, reach)}")
    return said


def _config(cluster: KubernetesApi) -> Config | None:
    releases = cluster.view("Release", namespace=MONITORING_NAMESPACE)
    (*found,) = (entry["values"]["alertmanager"]["config"] for entry in releases if CHART in str(entry.get("chart")))
    return found[0] if found else None


def _reached(route: Config, labels: Mapping[str, str]) -> Iterator[str]:
    """The receivers of an alert: those of the first route that matches, and of the next ones as long as it says so.

    Source: Prometheus, Alertmanager configuration, `route`. The matchers here all compare for equality.
    """
    matched = False
    for entry in route.get("routes", ()):
        pairs = (matcher.split("=", 1) for matcher in entry["matchers"])
        if all(labels.get(name, "") == json.loads(value) for name, value in pairs):
            matched = True
            yield from _reached(entry, labels)
            if not entry.get("continue"):
                return
    if not matched:
        yield str(route["receiver"])


def _called(
    cluster: KubernetesApi,
    webhook: Config,
    region: str,
    endpoint: str,
    reach: Callable[[str], tuple[str, int]],
) -> str:
    try:
        token = _token(cluster, webhook, region, endpoint)
    except (BotoCoreError, ClientError, KeyError) as error:
        return f"it has no token: {error}"
    way = urlsplit(str(webhook["url"]))
    connection = http.client.HTTPConnection(*reach(way.netloc), timeout=_SECONDS)
    try:
        connection.request("POST", way.path, "{}", {"Authorization": f"Bearer {token}"})
        return f"POST {webhook['url']} was answered with {connection.getresponse().status}"
    finally:
        connection.close()


def _token(cluster: KubernetesApi, webhook: Config, region: str, endpoint: str) -> str:
    """The token in the file that the webhook names: the class mounts one file for each key of a secret."""
    file = PurePosixPath(webhook["http_config"]["authorization"]["credentials_file"]).name
    found = cluster.look("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass", ALERTING_CLASS, MONITORING_NAMESPACE)
    if found is None:
        raise KeyError(ALERTING_CLASS)
    parameters = found["spec"]["parameters"]
    (secret,) = json.loads(parameters["objects"])
    client = pod_client("secretsmanager", identity(region, ALERTMANAGER_ACCOUNT), parameters["region"], endpoint)
    values = json.loads(client.get_secret_value(SecretId=secret["objectName"])["SecretString"])
    paths = {entry["objectAlias"]: entry["path"] for entry in secret["jmesPath"]}
    return str(values[paths[file]])
