"""Calls of an operator to AWS that moto lacks."""

from __future__ import annotations

import copy
import json
from typing import Any

import moto.secretsmanager.models
from moto.secretsmanager.exceptions import InvalidRequestException


def stop_replication_to_replica(response: Any) -> str:
    """Make a replica a secret of its own.

    The secret keeps its ARN, its versions and its tags, and the former original no longer reaches it.
    Source: AWS Secrets Manager User Guide, "Promote a replica secret to a standalone secret".
    """
    name, region = str(response._get_param("SecretId")), response.region  # noqa: SLF001 - as every call of moto
    secrets: Any = response.backend.secrets
    replica = secrets[name]
    if not isinstance(replica, moto.secretsmanager.models.ReplicaSecret):
        raise InvalidRequestException(f"{name} in {region} is no replica")
    alone = copy.copy(replica.source)
    alone.arn, alone.region, alone.replicas = replica.arn, region, []
    alone.versions = copy.deepcopy(replica.source.versions)
    alone.kms_key_id = None
    replica.source.replicas.remove(replica)
    dict.pop(secrets, replica.arn, None)
    secrets[alone.arn] = alone
    return json.dumps({"ARN": alone.arn})
