"""The encryption controls of VPCs. moto has none, so the calls are checked and not sent."""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, words
from rehearsal.providers.backend import Plain, UnsupportedError

_EXCLUSIONS = words("internetGatewayExclusion natGatewayExclusion")


def _create(call: Call) -> Created:
    controls = call.table("vpc-encryption-control")
    vpc = call.inputs["vpcId"]
    if vpc in controls:
        raise UnsupportedError(f"VpcEncryptionControlAlreadyExists: {vpc} has {controls[vpc]}")
    specifications = call.tag_specifications("vpc-encryption-control")
    call.pretend("CreateVpcEncryptionControl", VpcId=vpc, **specifications)
    controls[vpc] = f"vpcec-{vpc.removeprefix('vpc-')}"
    call.id = controls[vpc]
    _modify(call)
    return call.id, {"state": "available"}


def _modify(call: Call) -> Plain:
    """EC2 creates a control that monitors. Exclusions belong to a control that enforces."""
    if call.inputs["mode"] == "monitor" and _EXCLUSIONS & set(call.inputs):
        raise UnsupportedError("InvalidParameterCombination: exclusions are valid in mode enforce only")
    settings = call.translate("ModifyVpcEncryptionControl", words("mode") | _EXCLUSIONS)
    call.pretend("ModifyVpcEncryptionControl", VpcEncryptionControlId=call.id, **settings)
    return {}


def _delete(call: Call) -> None:
    call.pretend("DeleteVpcEncryptionControl", VpcEncryptionControlId=call.id)
    call.table("vpc-encryption-control").pop(call.outputs["vpcId"])


ADAPTERS = (
    Adapter(
        type="aws:ec2/vpcEncryptionControl:VpcEncryptionControl",
        service="ec2",
        inputs=words("vpcId mode") | _EXCLUSIONS,
        create=_create,
        update=_modify,
        updates=words("mode") | _EXCLUSIONS,
        delete=_delete,
    ),
)
