"""Streams of Amazon Data Firehose. moto writes each batch of events to the bucket at once."""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain

_NAMES = {"roleArn": "RoleARN", "bucketArn": "BucketARN"}


def _create(call: Call) -> Created:
    shape: Any = call.clients.model("firehose", "CreateDeliveryStream").input_shape
    declared: Plain = dict(call.inputs["extendedS3Configuration"])
    buffering = {
        "IntervalInSeconds": declared.pop("bufferingInterval"),
        "SizeInMBs": declared.pop("bufferingSize"),
    }
    key = declared.pop("kmsKeyArn")
    destination = parameters(shape.members["ExtendedS3DestinationConfiguration"], declared, _NAMES)
    destination |= {
        "BufferingHints": buffering,
        "EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": key}},
    }
    made = call.do(
        "CreateDeliveryStream",
        DeliveryStreamName=call.inputs["name"],
        DeliveryStreamType="DirectPut",
        DeliveryStreamEncryptionConfigurationInput={"KeyType": call.inputs["serverSideEncryption"]["keyType"]},
        ExtendedS3DestinationConfiguration=destination,
        Tags=call.tag_list,
    )
    return made["DeliveryStreamARN"], {"arn": made["DeliveryStreamARN"], "name": call.inputs["name"]}


ADAPTERS = (
    Adapter(
        type="aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        service="firehose",
        inputs=words("name destination extendedS3Configuration serverSideEncryption"),
        create=_create,
        delete=remover("DeleteDeliveryStream", DeliveryStreamName="name"),
        name="name",
    ),
)
