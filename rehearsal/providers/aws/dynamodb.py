"""DynamoDB tables, with global tables as one table per region, and items.

moto has no replicas: a table with replicas is created in each of their regions, and the table `dynamodb-global` holds
`{"regions": [...], "strong": bool, "witness": region or None}` by name. A witness has no table, so it cannot be read.
"""

from __future__ import annotations

import json
from typing import Any

from rehearsal.providers.aws.adapter import TABLES_LOCK, Adapter, Call, Created, words
from rehearsal.providers.backend import Plain, UnsupportedError

_CONDITION = "attribute_not_exists(#key)"


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


def _update_table(call: Call) -> Plain:
    if "deletionProtectionEnabled" in call.changed:
        on = bool(call.inputs.get("deletionProtectionEnabled"))
        call.do("UpdateTable", TableName=call.id, DeletionProtectionEnabled=on)
    if "pointInTimeRecovery" in call.changed:
        _set_recovery(call, call.region, on=_is_recoverable(call.inputs))
    if "ttl" in call.changed and call.inputs.get("ttl"):
        _set_ttl(call)
    return {}


def _delete_table(call: Call) -> None:
    with TABLES_LOCK:
        record: Plain = call.table("dynamodb-global").get(call.id, {})
    for region in reversed(record.get("regions") or [call.region]):
        call.do("DeleteTable", region=region, TableName=call.id)
    with TABLES_LOCK:
        call.table("dynamodb-global").pop(call.id, None)


def _copies(call: Call, table: str) -> Plain:
    with TABLES_LOCK:
        return dict(call.table("dynamodb-global").get(table) or {"regions": [call.region], "strong": False})


def _put_item(call: Call) -> Created:
    """Put an item only if its key does not exist, as the provider does.

    A second put of one's own item is refused too.
    """
    table: str = call.inputs["tableName"]
    item: Plain = json.loads(call.inputs["item"])
    key = item[call.inputs["hashKey"]]
    if _copies(call, table)["strong"] and call.ledger is not None:
        call.clients.ask("dynamodb", call.region, "PutItem")
        if not call.ledger.put_if_absent(call.region, _flat(item)):
            raise UnsupportedError(f"ConditionalCheckFailedException: {next(iter(key.values()))} is in {table} already")
    else:
        names = {"#key": call.inputs["hashKey"]}
        call.do("PutItem", TableName=table, Item=item, ConditionExpression=_CONDITION, ExpressionAttributeNames=names)
        _copy_item(call, table, item)
    return _item_id(table, call.inputs, item), {}


def _flat(item: Plain) -> Plain:
    """The plain values of a typed item: `{"epoch": {"N": "1"}}` becomes `{"epoch": 1}`."""
    values = {name: next(iter(typed.items())) for name, typed in item.items()}
    return {name: int(value) if kind == "N" else value for name, (kind, value) in values.items()}


def _copy_item(call: Call, table: str, item: Plain) -> None:
    for region in _copies(call, table)["regions"]:
        if region != call.region:
            call.do("PutItem", region=region, TableName=table, Item=item)


def _item_id(table: str, inputs: Plain, item: Plain) -> str:
    names = [inputs["hashKey"], *([inputs["rangeKey"]] if inputs.get("rangeKey") else [])]
    return "|".join([table, *(str(next(iter(item[name].values()))) for name in names)])


def _item_key(call: Call) -> Plain:
    item: dict[str, Any] = json.loads(call.outputs["item"])
    return {name: item[name] for name in (call.outputs.get("hashKey"), call.outputs.get("rangeKey")) if name}


def _delete_item(call: Call) -> None:
    table: str = call.outputs["tableName"]
    for region in _copies(call, table)["regions"]:
        call.do("DeleteItem", region=region, TableName=table, Key=_item_key(call))


def _read_item(call: Call) -> Plain | None:
    """Read an item. Also serves an import, which has only the id `<table>|<key>`; the key attribute is then text."""
    table, key, *_ = call.id.split("|")
    hash_key: str = call.outputs.get("hashKey") or _hash_key(call, table)
    item_key = _item_key(call) if call.outputs.get("item") else {hash_key: {"S": key}}
    item = call.do("GetItem", TableName=table, Key=item_key, ConsistentRead=True).get("Item")
    if item is None:
        return None
    return {"tableName": table, "hashKey": hash_key, "item": json.dumps(item, sort_keys=True), "region": call.region}


def _hash_key(call: Call, table: str) -> str:
    schema: list[Plain] = call.do("DescribeTable", TableName=table)["Table"]["KeySchema"]
    return next(element["AttributeName"] for element in schema if element["KeyType"] == "HASH")


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
        updates=words("deletionProtectionEnabled pointInTimeRecovery ttl"),
        delete=_delete_table,
        name="name",
    ),
    Adapter(
        type="aws:dynamodb/tableItem:TableItem",
        service="dynamodb",
        inputs=words("tableName hashKey rangeKey item"),
        create=_put_item,
        delete=_delete_item,
        read=_read_item,
    ),
)
