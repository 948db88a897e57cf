"""CloudWatch log groups."""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.backend import Plain


def _set_retention(call: Call) -> Plain:
    days, name = call.inputs.get("retentionInDays"), call.inputs["name"]
    if days:
        call.do("PutRetentionPolicy", logGroupName=name, retentionInDays=int(days))
    elif "retentionInDays" in call.changed:
        call.do("DeleteRetentionPolicy", logGroupName=name)
    if "kmsKeyId" in call.changed and call.id:
        call.do("AssociateKmsKey", logGroupName=name, kmsKeyId=call.inputs["kmsKeyId"])
    return {}


def _create_group(call: Call) -> Created:
    name: str = call.inputs["name"]
    call.send("CreateLogGroup", ("kmsKeyId", "logGroupClass", "tags"), logGroupName=name)
    _set_retention(call)
    return name, {"arn": call.arn(f"log-group:{name}")}


def _delete_group(call: Call) -> None:
    if not call.outputs.get("skipDestroy"):
        call.do("DeleteLogGroup", logGroupName=call.id)


def _put_filter(call: Call) -> Plain:
    group = {"logGroupName": call.inputs["logGroup"], "filterName": call.inputs["name"]}
    call.send("PutSubscriptionFilter", words("filterPattern destinationArn roleArn distribution"), **group)
    return {}


def _create_filter(call: Call) -> Created:
    _put_filter(call)
    return f"{call.inputs['logGroup']}|{call.inputs['name']}", {}


ADAPTERS = (
    Adapter(
        type="aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
        service="logs",
        inputs=words("name logGroup filterPattern destinationArn roleArn distribution"),
        create=_create_filter,
        update=_put_filter,
        updates=words("filterPattern roleArn distribution"),
        delete=remover("DeleteSubscriptionFilter", logGroupName="logGroup", filterName="name"),
    ),
    Adapter(
        type="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        inputs=words("name namePrefix kmsKeyId logGroupClass retentionInDays skipDestroy"),
        create=_create_group,
        update=_set_retention,
        updates=words("retentionInDays kmsKeyId skipDestroy"),
        delete=_delete_group,
        name="name",
    ),
)
