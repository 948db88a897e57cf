"""RDS: subnet groups and parameter groups."""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.aws.rds_restore import replicate_backups, stop_replicating_backups
from rehearsal.providers.backend import Plain

_PARAMETERS_A_CALL = 20
"""Source: Amazon RDS API Reference, ModifyDBParameterGroup."""


def _create_subnet_group(call: Call) -> Created:
    name: str = call.inputs["name"].lower()
    made = call.send(
        "CreateDBSubnetGroup",
        ("subnetIds", "tags"),
        DBSubnetGroupName=name,
        DBSubnetGroupDescription=call.inputs.get("description") or "Managed by Pulumi",
    )["DBSubnetGroup"]
    return name, {"name": name, "arn": call.arn(f"subgrp:{name}"), "vpcId": made["VpcId"]}


def _update_subnet_group(call: Call) -> Plain:
    call.send("ModifyDBSubnetGroup", ("subnetIds",), DBSubnetGroupName=call.id)
    return {}


def _set_parameters(call: Call) -> Plain:
    settings = [
        {
            "ParameterName": parameter["name"],
            "ParameterValue": parameter["value"],
            "ApplyMethod": parameter.get("applyMethod") or "immediate",
        }
        for parameter in call.inputs.get("parameters") or []
    ]
    for start in range(0, len(settings), _PARAMETERS_A_CALL):
        chunk = settings[start : start + _PARAMETERS_A_CALL]
        call.do("ModifyDBParameterGroup", DBParameterGroupName=call.inputs["name"].lower(), Parameters=chunk)
    return {}


def _create_parameter_group(call: Call) -> Created:
    name: str = call.inputs["name"].lower()
    call.send(
        "CreateDBParameterGroup",
        ("tags",),
        DBParameterGroupName=name,
        DBParameterGroupFamily=call.inputs["family"],
        Description=call.inputs.get("description") or "Managed by Pulumi",
    )
    _set_parameters(call)
    return name, {"name": name, "arn": call.arn(f"pg:{name}")}


ADAPTERS = (
    Adapter(
        type="aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
        service="rds",
        inputs=words("sourceDbInstanceArn kmsKeyId retentionPeriod"),
        create=replicate_backups,
        delete=stop_replicating_backups,
    ),
    Adapter(
        type="aws:rds/subnetGroup:SubnetGroup",
        service="rds",
        inputs=words("name namePrefix description subnetIds"),
        create=_create_subnet_group,
        update=_update_subnet_group,
        updates=words("subnetIds"),
        delete=remover("DeleteDBSubnetGroup", DBSubnetGroupName="id"),
        name="name",
    ),
    Adapter(
        type="aws:rds/parameterGroup:ParameterGroup",
        service="rds",
        inputs=words("name namePrefix description family parameters"),
        create=_create_parameter_group,
        update=_set_parameters,
        updates=words("parameters"),
        delete=remover("DeleteDBParameterGroup", DBParameterGroupName="id"),
        name="name",
    ),
)
