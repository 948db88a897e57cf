"""The metrics of a site, from the workspace in the other site's region."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from urllib3.exceptions import HTTPError

from procedures.incident import Samples
from recovery.naming import metrics_workspace, of_generation
from stacks.config import SiteConfig

TIMEOUT = urllib3.Timeout(connect=2, read=20)
SHORT = urllib3.Timeout(connect=1, read=2)
"""Seconds. A status must not wait."""
FIRING = 'ALERTS{alertstate="firing"}'
"""Source: Prometheus documentation, "Alerting rules", "Inspecting alerts during runtime"."""
_QUICK = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})


def live_metrics(config: SiteConfig, expr: str, since: datetime, until: datetime, step: timedelta) -> Samples:
    """The values of an expression over time, by tier.

    Raises:
        BotoCoreError, ClientError: if AWS does not answer, or refuses.
        OSError: if the workspace does not.
    """
    session = boto3.session.Session()
    amp = session.client("amp", region_name=config.peer.region, config=_QUICK)
    parameters = {"query": expr, "start": since.timestamp(), "end": until.timestamp(), "step": step.total_seconds()}
    return samples(asked(amp, session.get_credentials(), config, "query_range", parameters, TIMEOUT))


def firing(amp: Any, credentials: Any, config: SiteConfig) -> frozenset[str]:
    """The names of the alerts that fire, by the newest samples of five minutes.

    Args:
        amp: a client for the workspace's region.
        credentials: of botocore.
        config: of the site.

    Raises:
        BotoCoreError, ClientError: if AWS does not answer, or refuses.
        OSError: if the workspace does not.
    """
    answer = asked(amp, credentials, config, "query", {"query": FIRING}, SHORT)
    return frozenset(str(series["metric"]["alertname"]) for series in answer["data"]["result"])


def asked(
    amp: Any, credentials: Any, config: SiteConfig, path: str, parameters: Mapping[str, Any], timeout: urllib3.Timeout
) -> Mapping[str, Any]:
    """Ask Amazon Managed Service for Prometheus.

    Source: its User Guide, "Prometheus-compatible APIs", QueryMetrics, and "Signing requests".
    """
    alias = of_generation(metrics_workspace(config.site), config.copies.generation)
    listed = amp.list_workspaces(alias=alias)["workspaces"]  # those whose alias begins with it
    found = [entry["workspaceId"] for entry in listed if entry["alias"] == alias]
    if not found:
        raise LookupError(f"{config.peer.region} has no workspace {alias}")
    endpoint = amp.describe_workspace(workspaceId=found[0])["workspace"]["prometheusEndpoint"]
    query = urlencode(parameters, quote_via=quote, safe="")  # a signature has no "+" for a space
    request = AWSRequest("GET", f"{endpoint}api/v1/{path}?{query}")
    SigV4Auth(credentials, "aps", config.peer.region).add_auth(request)
    prepared = request.prepare()
    try:
        with urllib3.PoolManager(timeout=timeout, retries=False) as http:
            answer = http.request("GET", prepared.url, headers=dict(prepared.headers.items()))
    except HTTPError as error:
        raise ConnectionError(str(error)) from error
    if answer.status != 200:
        raise ConnectionError(f"{answer.status}: {answer.data.decode(errors='replace')[:200]}")
    return json.loads(answer.data)


def samples(answer: Mapping[str, Any]) -> Samples:
    """The values of an answer, by tier. Source: Prometheus documentation, "HTTP API", range queries."""
    return {
        str(series["metric"].get("tier", "")): [
            (datetime.fromtimestamp(float(at), tz=UTC), float(value)) for at, value in series["values"]
        ]
        for series in answer["data"]["result"]
    }
