"""The API server of a cluster, as an operator with a role in AWS reaches it."""

from __future__ import annotations

import base64
import json
import ssl
from typing import Any

import boto3
import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.signers import RequestSigner
from urllib3.exceptions import HTTPError

from components.kube.pods import PLACEHOLDER
from procedures.access import ProcedureError, Workload
from recovery.naming import NAMESPACE

TIMEOUT = urllib3.Timeout(connect=2, read=3)
"""Seconds."""
_TOKEN_SECONDS = 60
_PREFIX = "k8s-aws-v1."
_CLUSTER_HEADER = "x-k8s-aws-id"
"""Source for both, and for the request that is signed: aws/aws-cli, `awscli/customizations/eks/get_token.py`."""


def workloads(session: boto3.session.Session, eks: Any, region: str, cluster: str) -> tuple[Workload, ...]:
    """The Deployments of the platform in a cluster.

    Args:
        session: with the credentials of a role that has an access entry in the cluster.
        eks: a client of EKS in the region.
        region: of the cluster.
        cluster: its name.

    Raises:
        OSError: if the API server does not answer: its endpoint may be private.
        ProcedureError: if EKS or the API server refuses.
    """
    try:
        found = eks.describe_cluster(name=cluster)["cluster"]
    except (BotoCoreError, ClientError) as error:
        raise ConnectionError(str(error)) from error
    authority = base64.b64decode(found["certificateAuthority"]["data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    headers = {"Authorization": f"Bearer {_token(session, region, cluster)}", "Accept": "application/json"}
    try:
        with urllib3.PoolManager(ssl_context=context, timeout=TIMEOUT, retries=False) as http:
            answer = http.request("GET", f"{found['endpoint']}{path}", headers=headers)
    except HTTPError as error:
        raise ConnectionError(f"the API server of {cluster} does not answer: {error}") from error
    if answer.status != 200:
        hint = f"aws eks list-access-entries --region {region} --cluster-name {cluster}"
        raise ProcedureError(f"the API server of {cluster} refuses: {answer.status}", hint)
    return counted(json.loads(answer.data)["items"])


def counted(deployments: list[dict[str, Any]]) -> tuple[Workload, ...]:
    """The Deployments of a list, without the placeholders, whose pods give way to others."""
    return tuple(
        Workload(
            str(entry["metadata"]["name"]),
            int(entry["spec"].get("replicas", 1)),
            int(entry.get("status", {}).get("readyReplicas", 0)),
        )
        for entry in deployments
        if entry["metadata"]["name"] != PLACEHOLDER
    )


def _token(session: boto3.session.Session, region: str, cluster: str) -> str:
    """A token for the API server: a signed request to STS that it sends to learn who asks."""
    service = session.client("sts", region_name=region).meta.service_model.service_id
    who = session.get_credentials()
    signer = RequestSigner(service, region, "sts", "v4", who, session.events)  # pyright: ignore[reportArgumentType]
    url = signer.generate_presigned_url(
        {
            "method": "GET",
            "url": f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {_CLUSTER_HEADER: cluster},
            "context": {},
        },
        region_name=region,
        expires_in=_TOKEN_SECONDS,
        operation_name="",
    )
    return _PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
