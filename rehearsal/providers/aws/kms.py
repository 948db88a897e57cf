"""KMS keys, aliases and multi-region replicas."""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.backend import Plain

_KEY_NAMES = {"customerMasterKeySpec": "KeySpec"}


def _create_key(call: Call) -> Created:
    keys = (
        "description",
        "policy",
        "keyUsage",
        "customerMasterKeySpec",
        "multiRegion",
        "bypassPolicyLockoutSafetyCheck",
    )
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in call.tag_list]
    made = call.send("CreateKey", keys, renames=_KEY_NAMES, Tags=tags)["KeyMetadata"]
    if call.inputs.get("enableKeyRotation"):
        call.do(
            "EnableKeyRotation", KeyId=made["KeyId"]
        )  # moto has no RotationPeriodInDays, so the period is kept in the outputs only
    return made["KeyId"], {"keyId": made["KeyId"], "arn": made["Arn"]}


def _update_key(call: Call) -> Plain:
    if "policy" in call.changed:
        call.do("PutKeyPolicy", KeyId=call.id, PolicyName="default", Policy=call.inputs["policy"])
    if "description" in call.changed:
        call.do("UpdateKeyDescription", KeyId=call.id, Description=call.inputs.get("description") or "")
    if "enableKeyRotation" in call.changed:
        on = bool(call.inputs.get("enableKeyRotation"))
        call.do("EnableKeyRotation" if on else "DisableKeyRotation", KeyId=call.id)
    return {}


def _delete_key(call: Call) -> None:
    days = int(call.outputs.get("deletionWindowInDays") or 30)
    call.do("ScheduleKeyDeletion", KeyId=call.id, PendingWindowInDays=days)


def _replicate_key(call: Call) -> Created:
    primary: str = call.inputs["primaryKeyArn"]
    made = call.do("ReplicateKey", region=primary.split(":")[3], KeyId=primary, ReplicaRegion=call.region)
    metadata: Plain = made["ReplicaKeyMetadata"]
    return metadata["KeyId"], {"keyId": metadata["KeyId"], "arn": metadata["Arn"]}


def _create_alias(call: Call) -> Created:
    name, target = call.inputs["name"], call.inputs["targetKeyId"].rsplit("/", 1)[-1]
    call.do("CreateAlias", AliasName=name, TargetKeyId=target)
    return name, {"arn": call.arn(name), "targetKeyArn": call.arn(f"key/{target}")}


def _update_alias(call: Call) -> Plain:
    target = call.inputs["targetKeyId"].rsplit("/", 1)[-1]
    call.do("UpdateAlias", AliasName=call.id, TargetKeyId=target)
    return {"targetKeyArn": call.arn(f"key/{target}")}


def _check_alias(inputs: Plain) -> list[tuple[str, str]]:
    name = inputs.get("name") or inputs.get("namePrefix")
    return [] if name is None or str(name).startswith("alias/") else [("name", 'name must begin with "alias/"')]


ADAPTERS = (
    Adapter(
        type="aws:kms/key:Key",
        service="kms",
        inputs=words(
            "description policy keyUsage customerMasterKeySpec multiRegion bypassPolicyLockoutSafetyCheck"
            " enableKeyRotation rotationPeriodInDays deletionWindowInDays isEnabled"
        ),
        create=_create_key,
        update=_update_key,
        updates=words("policy description enableKeyRotation rotationPeriodInDays deletionWindowInDays"),
        delete=_delete_key,
    ),
    Adapter(
        type="aws:kms/replicaKey:ReplicaKey",
        service="kms",
        inputs=words("primaryKeyArn description policy deletionWindowInDays enabled"),
        create=_replicate_key,
        update=_update_key,
        updates=words("policy description deletionWindowInDays"),
        delete=_delete_key,
    ),
    Adapter(
        type="aws:kms/alias:Alias",
        service="kms",
        inputs=words("name namePrefix targetKeyId"),
        create=_create_alias,
        update=_update_alias,
        updates=words("targetKeyId"),
        delete=remover("DeleteAlias", AliasName="id"),
        name="name",
        check=_check_alias,
    ),
)
