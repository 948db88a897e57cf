"""Translation of Pulumi's camelCase inputs to the parameters of an AWS operation, guided by botocore's description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


class UnknownPropertyError(Exception):
    """An input without a parameter in the operation. It is an error and never dropped."""


def parameters(
    shape: StructureShape, inputs: Mapping[str, Any], renames: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The parameters of one operation.

    Args:
        shape: botocore's description of the operation's input.
        inputs: Pulumi's inputs.
        renames: AWS's name by Pulumi's name, where they differ by more than case and plural; valid at every depth.

    Raises:
        UnknownPropertyError: if an input, at any depth, matches no member.
    """
    return _structure(shape, inputs, renames or {}, "")


def _structure(
    shape: StructureShape, inputs: Mapping[str, Any], renames: Mapping[str, str], path: str
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in inputs.items():
        if value is None:
            continue
        member = _member(shape, key, renames)
        if member is None:
            raise UnknownPropertyError(f"{path}{key} has no counterpart in {shape.name}")
        result[member] = _value(shape.members[member], value, renames, f"{path}{key}.")
    return result


def _member(shape: StructureShape, key: str, renames: Mapping[str, str]) -> str | None:
    if renames.get(key) in shape.members:
        return renames[key]
    by_lower = {member.lower(): member for member in shape.members}
    lower = key.lower()
    candidates = (lower, f"{lower}s", lower.removesuffix("s"), f"{lower.removesuffix('s')}list")
    return next((by_lower[name] for name in candidates if name in by_lower), None)


def _value(shape: Shape, value: Any, renames: Mapping[str, str], path: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, value, renames, path)
    if isinstance(shape, ListShape):
        if isinstance(value, Mapping) and _is_tags(shape):
            return [{"Key": key, "Value": text} for key, text in value.items()]
        items = value if isinstance(value, list) else [value]  # Pulumi flattens a block that occurs at most once
        return [_value(shape.member, item, renames, path) for item in items]
    if isinstance(shape, MapShape):
        return {key: _value(shape.value, item, renames, path) for key, item in value.items()}
    return _scalar(shape.type_name, value)


def _is_tags(shape: ListShape) -> bool:
    return isinstance(shape.member, StructureShape) and {"Key", "Value"} <= set(shape.member.members)


def _scalar(kind: str, value: Any) -> Any:
    """A scalar in AWS's type. Pulumi has some numbers and flags as text, and some text as numbers."""
    if kind == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind in ("integer", "long") and not isinstance(value, bool):
        return int(value)
    if kind == "boolean" and isinstance(value, str):
        return value == "true"
    return value
