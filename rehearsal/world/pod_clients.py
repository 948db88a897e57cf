"""Clients of AWS as a pod has them: signed with the region and the service account that its role belongs to."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config

from rehearsal.providers.aws.clients import MODELS

_QUICK = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
"""The cluster in memory starts its pods one after another. It tries a pod again that did not start."""


def pod_client(service: str, caller: str, region: str, endpoint: str) -> Any:
    """A client of a service.

    Args:
        service: botocore's name, such as `s3`.
        caller: the access key of the pod (`rehearsal.world.permissions.identity`).
        region: of the service.
        endpoint: the address of AWS.
    """
    session = botocore.session.Session()
    session.register_component("data_loader", MODELS)
    session.set_credentials(caller, "rehearsal")
    return session.create_client(service, region_name=region, endpoint_url=endpoint, config=_QUICK)
