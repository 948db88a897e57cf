"""The metrics of a site, from the workspace in the other site's region."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from urllib3.exceptions import HTTPError

from procedures.incident import Samples
from recovery.naming import metrics_workspace
from stacks.config import SiteConfig

TIMEOUT = urllib3.Timeout(connect=2, read=20)
_QUICK = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})


def live_metrics(config: SiteConfig, expr: str, since: datetime, until: datetime, step: timedelta) -> Samples:
    """Ask Amazon Managed Service for Prometheus.

    Source: its User Guide, "Prometheus-compatible APIs", QueryMetrics, and "Signing requests".

    Raises:
        BotoCoreError, ClientError: if AWS does not answer, or refuses.
        OSError: if the workspace does not.
    """
    session = boto3.session.Session()
    region = config.peer.region
    amp = session.client("amp", region_name=region, config=_QUICK)
    (found,) = amp.list_workspaces(alias=metrics_workspace(config.site))["workspaces"]
    endpoint = amp.describe_workspace(workspaceId=found["workspaceId"])["workspace"]["prometheusEndpoint"]
    parameters = {"query": expr, "start": since.timestamp(), "end": until.timestamp(), "step": step.total_seconds()}
    request = AWSRequest("GET", f"{endpoint}api/v1/query_range", params=parameters)
    SigV4Auth(session.get_credentials(), "aps", region).add_auth(request)
    prepared = request.prepare()
    try:
        with urllib3.PoolManager(timeout=TIMEOUT, retries=False) as http:
            answer = http.request("GET", prepared.url, headers=dict(prepared.headers.items()))
    except HTTPError as error:
        raise ConnectionError(str(error)) from error
    if answer.status != 200:
        raise ConnectionError(f"{answer.status}: {answer.data.decode(errors='replace')[:200]}")
    return samples(json.loads(answer.data))


def samples(answer: Mapping[str, Any]) -> Samples:
    """The values of an answer, by tier. Source: Prometheus documentation, "HTTP API", range queries."""
    return {
        str(series["metric"].get("tier", "")): [
            (datetime.fromtimestamp(float(at), tz=UTC), float(value)) for at, value in series["values"]
        ]
        for series in answer["data"]["result"]
    }
