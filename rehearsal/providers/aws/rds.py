"""RDS instances, with the rules of replication that moto lacks.

The table `rds-instances` holds each instance's source by ARN, because moto keeps the source of a promoted replica. The
calls are those of the provider that Pulumi bridges: hashicorp/terraform-provider-aws, internal/service/rds/instance.go.
"""

from __future__ import annotations

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from rehearsal.providers.aws.adapter import TABLES_LOCK, Adapter, Call, Created, words
from rehearsal.providers.aws.rds_restore import InvalidDatabaseStateError, instances, restored
from rehearsal.providers.backend import Plain, UnsupportedError

_NAMES = {
    "identifier": "DBInstanceIdentifier",
    "instanceClass": "DBInstanceClass",
    "username": "MasterUsername",
    "password": "MasterUserPassword",
    "parameterGroupName": "DBParameterGroupName",
    "backupWindow": "PreferredBackupWindow",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "replicateSourceDb": "SourceDBInstanceIdentifier",
    "caCertIdentifier": "CACertificateIdentifier",
    "vpcSecurityGroupIds": "VpcSecurityGroupIds",
}
_BOTH = (
    "identifier instanceClass availabilityZone port multiAz autoMinorVersionUpgrade iops storageThroughput tags"
    " parameterGroupName publiclyAccessible dbSubnetGroupName vpcSecurityGroupIds storageType copyTagsToSnapshot"
    " monitoringInterval monitoringRoleArn kmsKeyId iamDatabaseAuthenticationEnabled performanceInsightsEnabled"
    " performanceInsightsKmsKeyId performanceInsightsRetentionPeriod deletionProtection maxAllocatedStorage"
    " enabledCloudwatchLogsExports caCertIdentifier networkType"
)
_LEADER_ONLY = (
    "engine engineVersion allocatedStorage dbName username password storageEncrypted backupRetentionPeriod"
    " backupWindow maintenanceWindow licenseModel characterSetName timezone"
)
_AFTER_REPLICA = "backupRetentionPeriod backupWindow maintenanceWindow"
"""Inputs that ModifyDBInstance takes and CreateDBInstanceReadReplica does not."""
_MODIFIABLE = (
    "instanceClass multiAz autoMinorVersionUpgrade iops storageThroughput parameterGroupName publiclyAccessible"
    " dbSubnetGroupName vpcSecurityGroupIds storageType copyTagsToSnapshot monitoringInterval monitoringRoleArn"
    " iamDatabaseAuthenticationEnabled performanceInsightsEnabled performanceInsightsKmsKeyId"
    " performanceInsightsRetentionPeriod deletionProtection maxAllocatedStorage engineVersion allocatedStorage password"
    " backupRetentionPeriod backupWindow maintenanceWindow caCertIdentifier"
)
_STATE_ONLY = (
    "applyImmediately allowMajorVersionUpgrade skipFinalSnapshot finalSnapshotIdentifier deleteAutomatedBackups"
)
_NOT_OF_A_REPLICA = ("dbName", "engine", "username", "characterSetName")
"""Inputs that conflict with replicateSourceDb in the provider's schema."""


def _own_arn(call: Call) -> str:
    return call.arn(f"db:{call.inputs['identifier']}")


def _source_arn(call: Call) -> str:
    source: str = call.inputs["replicateSourceDb"]
    return source if source.startswith("arn:") else call.arn(f"db:{source}")


def _create(call: Call) -> Created:
    made = _make(call)
    source = _source_arn(call) if call.inputs.get("replicateSourceDb") else None
    retention = int(call.inputs.get("backupRetentionPeriod") or 0)
    record = {"source": source, "retention": retention, "encrypted": bool(call.inputs.get("storageEncrypted"))}
    with TABLES_LOCK:
        instances(call)[_own_arn(call)] = record
    return call.inputs["identifier"], _outputs(call, made)


def _make(call: Call) -> Plain:
    if call.inputs.get("replicateSourceDb"):
        return _create_replica(call)
    if call.inputs.get("restoreToPointInTime") or call.inputs.get("snapshotIdentifier"):
        return restored(call, words(_BOTH), words(_MODIFIABLE) - {"password"}, _NAMES)
    return _create_leader(call)


def _create_leader(call: Call) -> Plain:
    return call.send("CreateDBInstance", words(f"{_BOTH} {_LEADER_ONLY}"), renames=_NAMES)["DBInstance"]


def _create_replica(call: Call) -> Plain:
    source = _source_arn(call)
    source_region = source.split(":")[3]
    _refuse_bad_source(call, source, source_region)
    keys = words(_BOTH)
    if source_region != call.region:
        keys -= {"dbSubnetGroupName"}  # moto would search for it in the source's region
        _check_subnet_group(call)
    made = _send_replica(call, keys, source)
    after = call.translate("ModifyDBInstance", words(_AFTER_REPLICA), _NAMES)
    if after:
        call.do("ModifyDBInstance", DBInstanceIdentifier=call.inputs["identifier"], ApplyImmediately=True, **after)
    return made


def _send_replica(call: Call, keys: frozenset[str], source: str) -> Plain:
    same_region = source.split(":")[3] == call.region
    name = source.rsplit(":", 1)[-1] if same_region else source
    return call.send("CreateDBInstanceReadReplica", keys, renames=_NAMES, SourceDBInstanceIdentifier=name)["DBInstance"]


def _refuse_bad_source(call: Call, source: str, source_region: str) -> None:
    """RDS's rules for a replication source. Source: Amazon RDS User Guide, "Creating a read replica"."""
    call.clients.ask("rds", source_region, "CreateDBInstanceReadReplica")
    with TABLES_LOCK:
        known = instances(call).get(source)
    if known is None:
        raise InvalidDatabaseStateError(f"DBInstanceNotFound: {source} does not exist")
    if not known["retention"]:
        raise InvalidDatabaseStateError(f"InvalidDBInstanceState: automated backups are not enabled for {source}")
    if known["encrypted"] and source_region != call.region and not call.inputs.get("kmsKeyId"):
        raise InvalidDatabaseStateError(
            f"KMSKeyNotAccessibleFault: a replica of encrypted {source} needs a key in {call.region}"
        )


def _check_subnet_group(call: Call) -> None:
    if call.inputs.get("dbSubnetGroupName"):
        call.do("DescribeDBSubnetGroups", DBSubnetGroupName=call.inputs["dbSubnetGroupName"])


def _outputs(call: Call, made: Plain) -> Plain:
    endpoint = made.get("Endpoint") or {}
    address = endpoint.get("Address") or f"{call.inputs['identifier']}.rehearsal.{call.region}.rds.amazonaws.com"
    port = int(call.inputs.get("port") or endpoint.get("Port") or 5432)
    return {
        "arn": _own_arn(call),
        "address": address,
        "port": port,
        "endpoint": f"{address}:{port}",
        "resourceId": made.get("DbiResourceId", ""),
        "status": "available",
        "engine": made.get("Engine"),
        "engineVersion": call.inputs.get("engineVersion") or made.get("EngineVersion"),
        "engineVersionActual": made.get("EngineVersion"),
        "username": made.get("MasterUsername"),
        "dbName": call.inputs.get("dbName") or made.get("DBName"),
        "allocatedStorage": made.get("AllocatedStorage"),
        "replicas": [],
    }


def _update(call: Call) -> Plain:
    if "replicateSourceDb" in call.changed:
        _promote(call)
    changed = call.changed & words(_MODIFIABLE)
    exports = _exports(call) | _port(call)
    if changed or exports:
        call.send(
            "ModifyDBInstance",
            changed,
            renames=_NAMES,
            DBInstanceIdentifier=call.id,
            ApplyImmediately=bool(call.inputs.get("applyImmediately")),
            **exports,
        )
    with TABLES_LOCK:
        instances(call)[_own_arn(call)]["retention"] = int(call.inputs.get("backupRetentionPeriod") or 0)
    return {}


def _promote(call: Call) -> None:
    if call.inputs.get("replicateSourceDb"):
        raise InvalidDatabaseStateError("cannot elect new source database for replication")
    with TABLES_LOCK:
        record = instances(call).get(_own_arn(call))
    if record is None or record["source"] is None:
        raise InvalidDatabaseStateError(f"InvalidDBInstanceState: DB instance {call.id} is not a read replica")
    keys = ("backupRetentionPeriod", "backupWindow")
    call.send("PromoteReadReplica", keys, renames=_NAMES, DBInstanceIdentifier=call.id)
    with TABLES_LOCK:
        record["source"] = None


def _port(call: Call) -> Plain:
    """A new port, which has another name in a change than at the creation."""
    return {"DBPortNumber": int(call.inputs["port"])} if "port" in call.changed else {}


def _exports(call: Call) -> Plain:
    key = "enabledCloudwatchLogsExports"
    new, old = set(call.inputs.get(key) or []), set(call.old.get(key) or [])
    if new == old:
        return {}
    return {
        "CloudwatchLogsExportConfiguration": {"EnableLogTypes": sorted(new - old), "DisableLogTypes": sorted(old - new)}
    }


def _delete(call: Call) -> None:
    with TABLES_LOCK:
        record: Plain = instances(call).get(_own_arn(call), {})
    try:
        call.do(
            "DeleteDBInstance", DBInstanceIdentifier=call.id, **_last_snapshot(call, record.get("source") is not None)
        )
    except (ClientError, ResponseParserError):
        # moto fails after removing a replica whose source is deleted or in another region
        if record.get("source") is None or _exists(call):
            raise
    with TABLES_LOCK:
        instances(call).pop(_own_arn(call), None)


def _last_snapshot(call: Call, is_replica: bool) -> Plain:
    if call.outputs.get("skipFinalSnapshot"):
        return {"SkipFinalSnapshot": True}
    name = call.outputs.get("finalSnapshotIdentifier")
    if not name:
        raise UnsupportedError("final_snapshot_identifier is required when skip_final_snapshot is false")
    if is_replica:
        raise InvalidDatabaseStateError(
            "FinalDBSnapshotIdentifier can not be specified when deleting a replica instance"
        )
    return {"FinalDBSnapshotIdentifier": name, "SkipFinalSnapshot": False}


def _exists(call: Call) -> bool:
    listed: Plain = call.do("DescribeDBInstances")
    return any(instance["DBInstanceIdentifier"] == call.id for instance in listed["DBInstances"])


def _read(call: Call) -> Plain:
    """The current instance, in particular whether it still has a source."""
    instance: Plain = call.do("DescribeDBInstances", DBInstanceIdentifier=call.id)["DBInstances"][0]
    with TABLES_LOCK:
        record: Plain = instances(call).get(call.arn(f"db:{call.id}"), {})
    return {"replicateSourceDb": record.get("source"), "status": instance["DBInstanceStatus"]}


def _check(inputs: Plain) -> list[tuple[str, str]]:
    if inputs.get("replicateSourceDb"):
        others = (*_NOT_OF_A_REPLICA, "restoreToPointInTime", "snapshotIdentifier")
        return [(key, "conflicts with replicateSourceDb") for key in others if inputs.get(key)]
    if inputs.get("restoreToPointInTime") and inputs.get("snapshotIdentifier"):
        return [("snapshotIdentifier", "conflicts with restoreToPointInTime")]
    return []


ADAPTERS = (
    Adapter(
        type="aws:rds/instance:Instance",
        service="rds",
        inputs=words(
            f"{_BOTH} {_LEADER_ONLY} {_STATE_ONLY} replicateSourceDb identifierPrefix restoreToPointInTime"
            " snapshotIdentifier"
        )
        - {"tags"},
        create=_create,
        update=_update,
        updates=words(f"{_MODIFIABLE} {_STATE_ONLY} replicateSourceDb enabledCloudwatchLogsExports port"),
        delete=_delete,
        name="identifier",
        read=_read,
        check=_check,
    ),
)
