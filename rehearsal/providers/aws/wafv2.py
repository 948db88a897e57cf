"""Web ACLs, their associations with load balancers, and their logs."""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, gives, remover, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain

_ACL_KEYS = words("defaultAction description rules visibilityConfig")


def _bodies(call: Call) -> Plain:
    """The answers to blocked requests, which AWS takes by their keys."""
    bodies: list[Plain] = call.inputs.get("customResponseBodies") or []
    return {
        "CustomResponseBodies": {
            body["key"]: {"Content": body["content"], "ContentType": body["contentType"]} for body in bodies
        }
    }


def _create_acl(call: Call) -> Created:
    made = call.send("CreateWebACL", _ACL_KEYS | words("name scope"), Tags=call.tag_list, **_bodies(call))["Summary"]
    return made["Id"], gives(made, arn="ARN", lockToken="LockToken")


def _place(call: Call) -> Plain:
    return {"Name": call.inputs["name"], "Scope": call.inputs["scope"], "Id": call.id}


def _lock(call: Call) -> Plain:
    return {"LockToken": call.do("GetWebACL", **_place(call))["LockToken"]}


def _update_acl(call: Call) -> Plain:
    call.send("UpdateWebACL", _ACL_KEYS, **_place(call), **_lock(call), **_bodies(call))
    return {}


def _delete_acl(call: Call) -> None:
    call.do("DeleteWebACL", **_place(call), **_lock(call))


def _associate(call: Call) -> Created:
    web_acl, resource = call.inputs["webAclArn"], call.inputs["resourceArn"]
    call.do("AssociateWebACL", WebACLArn=web_acl, ResourceArn=resource)
    return f"{web_acl},{resource}", {}


def _log(call: Call) -> Plain:
    shape: Any = call.clients.model("wafv2", "PutLoggingConfiguration").input_shape
    keys = words("resourceArn logDestinationConfigs redactedFields loggingFilter")
    settings = {key: call.inputs[key] for key in keys if call.inputs.get(key) is not None}
    call.do("PutLoggingConfiguration", LoggingConfiguration=parameters(shape.members["LoggingConfiguration"], settings))
    return {}


def _create_log(call: Call) -> Created:
    _log(call)
    return call.inputs["resourceArn"], {}


ADAPTERS = (
    Adapter(
        type="aws:wafv2/webAcl:WebAcl",
        service="wafv2",
        inputs=_ACL_KEYS | words("name scope customResponseBodies"),
        create=_create_acl,
        update=_update_acl,
        updates=_ACL_KEYS | words("customResponseBodies"),
        delete=_delete_acl,
        name="name",
    ),
    Adapter(
        type="aws:wafv2/webAclAssociation:WebAclAssociation",
        service="wafv2",
        inputs=words("resourceArn webAclArn"),
        create=_associate,
        delete=remover("DisassociateWebACL", ResourceArn="resourceArn"),
    ),
    Adapter(
        type="aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        service="wafv2",
        inputs=words("resourceArn logDestinationConfigs redactedFields loggingFilter"),
        create=_create_log,
        update=_log,
        updates=words("redactedFields loggingFilter"),
        delete=remover("DeleteLoggingConfiguration", ResourceArn="id"),
    ),
)
