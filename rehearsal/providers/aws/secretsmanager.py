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
    if "replicas" not in call.changed:
        return {}
    before, now = (
        {str(replica["region"]) for replica in values.get("replicas") or []} for values in (call.old, call.inputs)
    )
    if before - now:
        call.do("RemoveRegionsFromReplication", SecretId=call.id, RemoveReplicaRegions=sorted(before - now))
    if now - before:
        call.do(
            "ReplicateSecretToRegions",
            SecretId=call.id,
            AddReplicaRegions=[{"Region": region} for region in sorted(now - before)],
            ForceOverwriteReplicaSecret=bool(call.inputs.get("forceOverwriteReplicaSecret")),
        )
    return {"replicas": [{"region": region, "status": "InSync"} for region in sorted(now)]}


def _find_secret(call: Call) -> tuple[Plain, Plain]:
    found = call.do("DescribeSecret", SecretId=call.id)
    copies: list[Plain] = found.get("ReplicationStatus", [])
    inputs: Plain = {
        "name": found["Name"],
        "description": found.get("Description", ""),
        "replicas": [{"region": copy["Region"]} for copy in copies],
        "tags": {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
        **({"kmsKeyId": found["KmsKeyId"]} if found.get("KmsKeyId") else {}),
    }
    status = [{"region": copy["Region"], "status": copy["Status"]} for copy in copies]
    return inputs, {"arn": found["ARN"], "replicas": status}


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


def _find_value(call: Call) -> tuple[Plain, Plain]:
    secret, _, version = call.id.partition("|")
    found = call.do("GetSecretValue", SecretId=secret, VersionId=version)
    inputs: Plain = {"secretId": secret, "secretString": found["SecretString"], "versionStages": found["VersionStages"]}
    return inputs, {"arn": found["ARN"], "versionId": version}


ADAPTERS = (
    Adapter(
        type="aws:secretsmanager/secret:Secret",
        service="secretsmanager",
        inputs=words(
            "name namePrefix description kmsKeyId policy recoveryWindowInDays replicas forceOverwriteReplicaSecret"
        ),
        create=_create_secret,
        update=_update_secret,
        updates=words("description kmsKeyId recoveryWindowInDays replicas forceOverwriteReplicaSecret"),
        delete=_delete_secret,
        find=_find_secret,
        name="name",
    ),
    Adapter(
        type="aws:secretsmanager/secretVersion:SecretVersion",
        service="secretsmanager",
        inputs=words("secretId secretString versionStages"),
        create=_put_value,
        find=_find_value,
    ),
)
