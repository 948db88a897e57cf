"""Secrets, their replicas in other regions, and their values."""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, words
from rehearsal.providers.backend import Plain, digest


def _create_secret(call: Call) -> Created:
    replicas: list[Plain] = call.inputs.get("replicas") or []
    made = call.send(
        "CreateSecret",
        ("name", "description", "kmsKeyId", "tags", "replicas", "forceOverwriteReplicaSecret"),
        renames={"replicas": "AddReplicaRegions"},
    )
    if call.inputs.get("policy"):
        call.do("PutResourcePolicy", SecretId=made["ARN"], ResourcePolicy=call.inputs["policy"])
    status = [{"status": "InSync", "statusMessage": "", "lastAccessedDate": "", **replica} for replica in replicas]
    return made["ARN"], {"arn": made["ARN"], "replicas": status}


def _update_secret(call: Call) -> Plain:
    if call.changed & {"description", "kmsKeyId"}:
        call.send("UpdateSecret", ("description", "kmsKeyId"), SecretId=call.id)
    return {}


def _delete_secret(call: Call) -> None:
    regions = [replica["region"] for replica in call.outputs.get("replicas") or []]
    if regions:
        call.do("RemoveRegionsFromReplication", SecretId=call.id, RemoveReplicaRegions=regions)
    days = call.outputs.get("recoveryWindowInDays")
    window: Plain = {"ForceDeleteWithoutRecovery": True} if days == 0 else {"RecoveryWindowInDays": int(days or 30)}
    call.do("DeleteSecret", SecretId=call.id, **window)


def _put_value(call: Call) -> Created:
    secret: str = call.inputs["secretId"]
    token = digest(f"{call.urn}{call.inputs.get('secretString')}", 32)
    made = call.send("PutSecretValue", ("secretString", "versionStages"), SecretId=secret, ClientRequestToken=token)
    stages = call.inputs.get("versionStages") or ["AWSCURRENT"]
    return f"{secret}|{made['VersionId']}", {
        "arn": made["ARN"],
        "versionId": made["VersionId"],
        "versionStages": stages,
    }


ADAPTERS = (
    Adapter(
        type="aws:secretsmanager/secret:Secret",
        service="secretsmanager",
        inputs=words(
            "name namePrefix description kmsKeyId policy recoveryWindowInDays replicas forceOverwriteReplicaSecret"
        ),
        create=_create_secret,
        update=_update_secret,
        updates=words("description kmsKeyId recoveryWindowInDays forceOverwriteReplicaSecret"),
        delete=_delete_secret,
        name="name",
    ),
    Adapter(
        type="aws:secretsmanager/secretVersion:SecretVersion",
        service="secretsmanager",
        inputs=words("secretId secretString versionStages"),
        create=_put_value,
    ),
)
