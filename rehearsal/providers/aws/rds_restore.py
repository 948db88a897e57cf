"""RDS instances that are restored from a backup, and the stand-in's record of every instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.providers.aws.adapter import TABLES_LOCK, Call, Created, words
from rehearsal.providers.backend import Plain, UnsupportedError

_OF_A_RESTORE = (
    "instanceClass port multiAz autoMinorVersionUpgrade publiclyAccessible dbSubnetGroupName vpcSecurityGroupIds"
    " storageType copyTagsToSnapshot iamDatabaseAuthenticationEnabled deletionProtection parameterGroupName tags"
    " maxAllocatedStorage"
)
"""Inputs that both restore calls take, in moto and in AWS. The provider applies all others by ModifyDBInstance."""


class InvalidDatabaseStateError(UnsupportedError):
    """Errors that AWS reports as InvalidDBInstanceState, or that the provider itself raises."""


def instances(call: Call) -> dict[str, Any]:
    """`{"source": ARN or None, "retention": days, "encrypted": bool}` of every instance in the world, by ARN."""
    return call.table("rds-instances")


def restored(call: Call, known: frozenset[str], modifiable: frozenset[str], names: Mapping[str, str]) -> Plain:
    """Restore from a time or a snapshot, then modify what the restore calls do not take.

    Args:
        call: the creation.
        known: the inputs that every creating call takes.
        modifiable: the inputs that ModifyDBInstance takes.
        names: AWS's names of inputs, where they differ from Pulumi's.
    """
    keys = known & words(_OF_A_RESTORE)
    point = call.inputs.get("restoreToPointInTime")
    if point:
        if point.get("sourceDbInstanceAutomatedBackupsArn"):
            raise UnsupportedError("the stand-in cannot restore backups that RDS replicated from another region")
        source = str(point["sourceDbInstanceIdentifier"])
        _refuse_without_backups(call, source)
        moment: Plain = {"UseLatestRestorableTime": True}
        if not point.get("useLatestRestorableTime"):
            moment = {"RestoreTime": point["restoreTime"]}
        made = call.send(
            "RestoreDBInstanceToPointInTime",
            keys,
            renames=names,
            SourceDBInstanceIdentifier=source,
            TargetDBInstanceIdentifier=call.inputs["identifier"],
            **moment,
        )
    else:
        snapshot = call.inputs["snapshotIdentifier"]
        made = call.send(
            "RestoreDBInstanceFromDBSnapshot", keys | {"identifier"}, renames=names, DBSnapshotIdentifier=snapshot
        )
    after = call.translate("ModifyDBInstance", modifiable - words(_OF_A_RESTORE), names)
    call.do("ModifyDBInstance", DBInstanceIdentifier=call.inputs["identifier"], ApplyImmediately=True, **after)
    return made["DBInstance"]


def replicate_backups(call: Call) -> Created:
    """Start the replication of an instance's backups, which moto lacks. It is called in the region of the copy.

    Source: Amazon RDS User Guide, "Enabling cross-Region automated backups for Amazon RDS".
    """
    source = str(call.inputs["sourceDbInstanceArn"])
    with TABLES_LOCK:
        known = instances(call).get(source)
    if known is None:
        raise InvalidDatabaseStateError(f"DBInstanceNotFound: {source} does not exist")
    if known["source"] is not None:
        raise InvalidDatabaseStateError(f"InvalidDBInstanceState: {source} is a replica")
    call.pretend(
        "StartDBInstanceAutomatedBackupsReplication",
        SourceDBInstanceArn=source,
        KmsKeyId=call.inputs["kmsKeyId"],
        BackupRetentionPeriod=call.inputs["retentionPeriod"],
    )
    return call.arn(f"auto-backup:ab-{source.rsplit(':', 1)[-1]}"), {}


def stop_replicating_backups(call: Call) -> None:
    """Stop the replication. The backups that were copied stay for their retention."""
    call.pretend("StopDBInstanceAutomatedBackupsReplication", SourceDBInstanceArn=call.outputs["sourceDbInstanceArn"])


def _refuse_without_backups(call: Call, source: str) -> None:
    with TABLES_LOCK:
        known = instances(call).get(call.arn(f"db:{source}"))
    if known is None:
        raise InvalidDatabaseStateError(f"DBInstanceNotFound: {source} does not exist in {call.region}")
    if not known["retention"]:
        raise InvalidDatabaseStateError(f"PointInTimeRestoreNotEnabled: automated backups are not enabled for {source}")
