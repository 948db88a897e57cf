"""Repositories of Amazon ECR, and the replication of a registry, of which there is one per region."""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain


def _create_repository(call: Call) -> Created:
    (encryption,) = call.inputs["encryptionConfigurations"]
    made = call.do(
        "CreateRepository",
        repositoryName=call.inputs["name"],
        imageTagMutability=call.inputs["imageTagMutability"],
        imageScanningConfiguration=call.inputs["imageScanningConfiguration"],
        encryptionConfiguration={"encryptionType": encryption["encryptionType"], "kmsKey": encryption["kmsKey"]},
        tags=call.tag_list,
    )["repository"]
    return made["repositoryName"], {
        "arn": made["repositoryArn"],
        "registryId": made["registryId"],
        "repositoryUrl": made["repositoryUri"],
    }


def _put_replication(call: Call) -> Plain:
    shape: Any = call.clients.model("ecr", "PutReplicationConfiguration").input_shape
    configuration = parameters(shape.members["replicationConfiguration"], call.inputs["replicationConfiguration"])
    call.do("PutReplicationConfiguration", replicationConfiguration=configuration)
    return {}


def _create_replication(call: Call) -> Created:
    _put_replication(call)
    return call.account, {"registryId": call.account}


def _delete_replication(call: Call) -> None:
    call.do("PutReplicationConfiguration", replicationConfiguration={"rules": []})


ADAPTERS = (
    Adapter(
        type="aws:ecr/repository:Repository",
        service="ecr",
        inputs=words("name imageTagMutability imageScanningConfiguration encryptionConfigurations"),
        create=_create_repository,
        delete=remover("DeleteRepository", repositoryName="id"),
        name="name",
    ),
    Adapter(
        type="aws:ecr/replicationConfiguration:ReplicationConfiguration",
        service="ecr",
        inputs=words("replicationConfiguration"),
        create=_create_replication,
        update=_put_replication,
        updates=words("replicationConfiguration"),
        delete=_delete_replication,
    ),
)
