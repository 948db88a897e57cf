"""Conversion of property values between Pulumi's wire form and plain Python.

The wire form is `google.protobuf.Struct` with signed maps. The signatures are those of Pulumi's protocol,
sdk/go/common/resource/properties.go; the SDK exports most of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.rpc import UNKNOWN

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"


def decode(properties: struct_pb2.Struct) -> dict[str, Any]:
    """A property map as plain values: secrets and outputs are unwrapped, and whole numbers become int."""
    return {key: _plain(value) for key, value in json_format.MessageToDict(properties).items()}


def secret_keys(properties: struct_pb2.Struct) -> frozenset[str]:
    """The top-level properties that contain a secret at any depth."""
    return frozenset(key for key, value in json_format.MessageToDict(properties).items() if holds_secret(value))


def encode(properties: Mapping[str, Any], secrets: Collection[str] = ()) -> struct_pb2.Struct:
    """Plain values in the wire form. The top-level properties named in `secrets` become secrets."""
    message = struct_pb2.Struct()
    message.update(
        {key: {SIGNATURE: SECRET, "value": value} if key in secrets else value for key, value in properties.items()}
    )
    return message


def is_unknown(value: Any) -> bool:
    """Whether a plain value contains an unknown one, which only the creation of a resource makes known."""
    if isinstance(value, Mapping):
        return any(is_unknown(inner) for inner in value.values())
    if isinstance(value, list):
        return any(is_unknown(inner) for inner in value)
    return value == UNKNOWN


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    signature = value.get(SIGNATURE)
    if signature in (SECRET, OUTPUT):
        return _plain(value["value"]) if "value" in value else UNKNOWN
    if signature == RESOURCE:
        return _plain(value.get("id") or value["urn"])
    return {key: _plain(inner) for key, inner in value.items()}


def holds_secret(value: Any) -> bool:
    """Whether a value of the wire form, or any value inside it, is a secret."""
    if isinstance(value, list):
        return any(holds_secret(inner) for inner in value)
    if not isinstance(value, dict):
        return False
    if value.get(SIGNATURE) == SECRET or (value.get(SIGNATURE) == OUTPUT and value.get("secret")):
        return True
    return any(holds_secret(inner) for inner in value.values())
