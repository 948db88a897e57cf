"""DynamoDB tables, with global tables as one table per region.

moto has no replicas: a table with replicas is created in each of their regions, and the table `dynamodb-global` holds
`{"regions": [...], "strong": bool, "witness": region or None}` by name. A witness has no table, so it cannot be read.
"""

from __future__ import annotations

from rehearsal.providers.aws.adapter import TABLES_LOCK, Adapter, Call, Created, words
from rehearsal.providers.backend import Plain, UnsupportedError


def _schema(call: Call) -> Plain:
    inputs = call.inputs
    keys = [(inputs["hashKey"], "HASH"), *([(inputs["rangeKey"], "RANGE")] if inputs.get("rangeKey") else [])]
    request: Plain = {
        "TableName": inputs["name"],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        "AttributeDefinitions": [
            {"AttributeName": a["name"], "AttributeType": a["type"]} for a in inputs["attributes"]
        ],
        "BillingMode": inputs.get("billingMode") or "PROVISIONED",
    }
    if request["BillingMode"] == "PROVISIONED":
        request["ProvisionedThroughput"] = {
            "ReadCapacityUnits": int(inputs["readCapacity"]),
            "WriteCapacityUnits": int(inputs["writeCapacity"]),
        }
    if inputs.get("streamEnabled"):
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": inputs["streamViewType"]}
    encryption: Plain = inputs.get("serverSideEncryption") or {}
    if encryption.get("enabled"):
        key = {"KMSMasterKeyId": encryption["kmsKeyArn"]} if encryption.get("kmsKeyArn") else {}
        request["SSESpecification"] = {"Enabled": True, "SSEType": "KMS", **key}
    return request


def _make(call: Call, region: str, *, protected: bool, recovery: bool) -> Plain:
    tags: Plain = {"Tags": call.tag_list} if call.tag_list else {}
    made = call.do("CreateTable", region=region, DeletionProtectionEnabled=protected, **_schema(call), **tags)
    if recovery:
        _set_recovery(call, region, on=True)
    return made["TableDescription"]


def _set_recovery(call: Call, region: str, *, on: bool) -> None:
    specification = {"PointInTimeRecoveryEnabled": on}
    call.do(
        "UpdateContinuousBackups",
        region=region,
        TableName=call.inputs["name"],
        PointInTimeRecoverySpecification=specification,
    )


def _is_recoverable(inputs: Plain) -> bool:
    return bool((inputs.get("pointInTimeRecovery") or {}).get("enabled"))


def _create_table(call: Call) -> Created:
    name: str = call.inputs["name"]
    replicas: list[Plain] = call.inputs.get("replicas") or []
    if replicas:
        _validate_replication(call, replicas)
    made = _make(
        call,
        call.region,
        protected=bool(call.inputs.get("deletionProtectionEnabled")),
        recovery=_is_recoverable(call.inputs),
    )
    for replica in replicas:
        protected, recovery = bool(replica.get("deletionProtectionEnabled")), bool(replica.get("pointInTimeRecovery"))
        _make(call, replica["regionName"], protected=protected, recovery=recovery)
    if call.inputs.get("ttl"):
        _set_ttl(call)
    _remember(call, replicas)
    return name, {
        "arn": made["TableArn"],
        "streamArn": made.get("LatestStreamArn", ""),
        "streamLabel": made.get("LatestStreamLabel", ""),
    }


def _set_ttl(call: Call) -> None:
    ttl: Plain = call.inputs["ttl"]
    specification = {"Enabled": bool(ttl.get("enabled", True)), "AttributeName": ttl["attributeName"]}
    call.do("UpdateTimeToLive", TableName=call.inputs["name"], TimeToLiveSpecification=specification)


def _validate_replication(call: Call, replicas: list[Plain]) -> None:
    """The rule for strong consistency: three regions, one of which may be a witness.

    Source: Amazon DynamoDB Developer Guide, "Multi-Region strong consistency (MRSC)".
    """
    strong = {replica.get("consistencyMode") == "STRONG" for replica in replicas}
    witness: Plain | None = call.inputs.get("globalTableWitness")
    if strong == {True}:
        regions = {
            call.region,
            *(replica["regionName"] for replica in replicas),
            *([witness["regionName"]] if witness else []),
        }
        if len(regions) != 3:
            raise UnsupportedError(
                f"ValidationException: a strongly consistent table needs three regions, not {sorted(regions)}"
            )
        if witness:
            call.clients.ask("dynamodb", witness["regionName"], "UpdateTable")
    elif witness:
        raise UnsupportedError("ValidationException: only a strongly consistent table has a witness")
    updates = [{"Create": {"RegionName": replica["regionName"]}} for replica in replicas]
    witnesses = {"GlobalTableWitnessUpdates": [{"Create": {"RegionName": witness["regionName"]}}]} if witness else {}
    mode = {"MultiRegionConsistency": "STRONG"} if strong == {True} else {}
    call.pretend("UpdateTable", TableName=call.inputs["name"], ReplicaUpdates=updates, **mode, **witnesses)


def _remember(call: Call, replicas: list[Plain]) -> None:
    record = {
        "regions": [call.region, *(replica["regionName"] for replica in replicas)],
        "strong": any(replica.get("consistencyMode") == "STRONG" for replica in replicas),
        "witness": (call.inputs.get("globalTableWitness") or {}).get("regionName"),
    }
    with TABLES_LOCK:
        call.table("dynamodb-global")[call.inputs["name"]] = record


def _find_table(call: Call) -> tuple[Plain, Plain]:
    """A table as the provider reads it: it asks each full copy for its backups, so a lost region refuses the import.

    Source: hashicorp/terraform-provider-aws, internal/service/dynamodb/table.go, `addReplicaPITRs`.
    """
    table: Plain = call.do("DescribeTable", TableName=call.id)["Table"]
    with TABLES_LOCK:
        record: Plain = dict(call.table("dynamodb-global").get(call.id, {"regions": [call.region]}))
    inputs: Plain = {
        "name": call.id,
        "billingMode": table["BillingModeSummary"]["BillingMode"],
        "hashKey": next(key["AttributeName"] for key in table["KeySchema"] if key["KeyType"] == "HASH"),
        "attributes": [{"name": a["AttributeName"], "type": a["AttributeType"]} for a in table["AttributeDefinitions"]],
        "deletionProtectionEnabled": bool(table.get("DeletionProtectionEnabled")),
        "pointInTimeRecovery": {"enabled": _recovers(call, call.region)},
        "replicas": [_found_replica(call, region, record) for region in record["regions"] if region != call.region],
        **({"globalTableWitness": {"regionName": record["witness"]}} if record.get("witness") else {}),
    }
    if stream := table.get("StreamSpecification"):
        inputs |= {"streamEnabled": stream["StreamEnabled"], "streamViewType": stream["StreamViewType"]}
    tags = call.do("ListTagsOfResource", ResourceArn=table["TableArn"])["Tags"]
    inputs["tags"] = {tag["Key"]: tag["Value"] for tag in tags}
    return inputs, {
        "arn": table["TableArn"],
        "streamArn": table.get("LatestStreamArn", ""),
        "streamLabel": table.get("LatestStreamLabel", ""),
    }


def _recovers(call: Call, region: str) -> bool:
    found = call.do("DescribeContinuousBackups", region=region, TableName=call.id)["ContinuousBackupsDescription"]
    return found["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def _found_replica(call: Call, region: str, record: Plain) -> Plain:
    mode = {"consistencyMode": "STRONG"} if record.get("strong") else {}
    return {"regionName": region, "pointInTimeRecovery": _recovers(call, region), **mode}


def _update_table(call: Call) -> Plain:
    _refuse_another_replication(call)
    if "deletionProtectionEnabled" in call.changed:
        on = bool(call.inputs.get("deletionProtectionEnabled"))
        call.do("UpdateTable", TableName=call.id, DeletionProtectionEnabled=on)
    if "pointInTimeRecovery" in call.changed:
        _set_recovery(call, call.region, on=_is_recoverable(call.inputs))
    if "ttl" in call.changed and call.inputs.get("ttl"):
        _set_ttl(call)
    return {}


def _refuse_another_replication(call: Call) -> None:
    """Refuse what AWS refuses of a table with items.

    Sources: Amazon DynamoDB API Reference, "UpdateTable", `MultiRegionConsistency` (an existing table must be empty),
    and "GlobalTableWitnessGroupUpdate" (a witness is deleted together with a replica).
    """
    name = call.inputs["name"]
    if "globalTableWitness" in call.changed:
        raise UnsupportedError(f"ValidationException: the witness of {name} leaves only together with a replica")
    with TABLES_LOCK:
        was_strong = bool(call.table("dynamodb-global").get(name, {}).get("strong"))
    replicas: list[Plain] = call.inputs.get("replicas") or []
    if was_strong is not any(replica.get("consistencyMode") == "STRONG" for replica in replicas):
        raise UnsupportedError(f"ValidationException: {name} has items, so its consistency cannot change")
    if "replicas" in call.changed:
        raise UnsupportedError("the stand-in cannot change replicas in place")


def _delete_table(call: Call) -> None:
    with TABLES_LOCK:
        record: Plain = call.table("dynamodb-global").get(call.id, {})
    for region in reversed(record.get("regions") or [call.region]):
        call.do("DeleteTable", region=region, TableName=call.id)
    with TABLES_LOCK:
        call.table("dynamodb-global").pop(call.id, None)


ADAPTERS = (
    Adapter(
        type="aws:dynamodb/table:Table",
        service="dynamodb",
        inputs=words(
            "name billingMode hashKey rangeKey attributes pointInTimeRecovery deletionProtectionEnabled streamEnabled"
            " streamViewType replicas globalTableWitness serverSideEncryption ttl readCapacity writeCapacity"
        ),
        create=_create_table,
        update=_update_table,
        updates=words("deletionProtectionEnabled pointInTimeRecovery ttl replicas globalTableWitness"),
        delete=_delete_table,
        find=_find_table,
        name="name",
    ),
)
