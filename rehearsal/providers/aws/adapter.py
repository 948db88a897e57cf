"""Adapters, one per resource type: the inputs that a type has, and the calls that create, update and delete it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name

from rehearsal.providers.aws.clients import Clients
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain

Tables = dict[str, dict[str, Any]]
"""State that AWS keeps and moto does not, by kind and key. All stacks of one world share it."""

TABLES_LOCK = threading.RLock()
"""Held while a rule reads and writes `Tables`, and never during a call."""


@dataclass(kw_only=True)
class Call:
    """One create, update, delete or read of one resource."""

    clients: Clients
    tables: Tables
    account: str
    service: str
    region: str
    type: str
    urn: str
    inputs: Plain
    id: str = ""
    old: Plain = field(default_factory=dict[str, Any])
    outputs: Plain = field(default_factory=dict[str, Any])
    changed: frozenset[str] = frozenset()

    def do(self, operation: str, /, *, service: str | None = None, region: str | None = None, **params: Any) -> Plain:
        """Call AWS. The operation has AWS's name, such as `CreateVpc`."""
        client = self.clients.get(service or self.service, region or self.region)
        return getattr(client, xform_name(operation))(**params)

    def send(
        self, operation: str, /, keys: Iterable[str], *, renames: Mapping[str, str] | None = None, **params: Any
    ) -> Plain:
        """Call AWS with the inputs named in `keys`, translated, and with `params` unchanged."""
        return self.do(operation, **self.translate(operation, keys, renames), **params)

    def translate(self, operation: str, keys: Iterable[str], renames: Mapping[str, str] | None = None) -> Plain:
        """The inputs named in `keys` as parameters of an operation."""
        shape: Any = self.clients.model(self.service, operation).input_shape
        values = {key: self.inputs[key] for key in keys if self.inputs.get(key) is not None}
        return parameters(shape, values, renames)

    def pretend(self, operation: str, /, **params: Any) -> None:
        """A call that moto lacks: everything except sending it."""
        self.clients.pretend(self.service, operation, self.region, params)

    def table(self, kind: str) -> dict[str, Any]:
        """One of the backend's own tables."""
        return self.tables.setdefault(kind, {})

    def arn(self, resource: str, *, service: str | None = None, region: str | None = None) -> str:
        """An ARN in this account."""
        return (
            f"arn:aws:{service or self.service}:{self.region if region is None else region}:{self.account}:{resource}"
        )

    @property
    def tag_list(self) -> list[Plain]:
        """The tags as `[{"Key": ..., "Value": ...}]`."""
        return [{"Key": key, "Value": value} for key, value in (self.inputs.get("tags") or {}).items()]

    def tag_specifications(self, resource_type: str) -> Plain:
        """The tags in the form in which EC2 takes them at creation."""
        return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": self.tag_list}]} if self.tag_list else {}


Created = tuple[str, Plain]
"""The id, and the outputs that are not inputs."""


def nothing(call: Call) -> None:
    """A delete that does nothing, because AWS keeps the object or deletes it with its parent."""


def unchanged(call: Call) -> Plain:
    """An update that sends nothing."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """The way a resource type is applied to AWS."""

    type: str
    service: str
    inputs: frozenset[str]
    """Every known input besides `region` and `tags`. Unknown inputs are refused."""
    create: Callable[[Call], Created]
    delete: Callable[[Call], None] = nothing
    update: Callable[[Call], Plain] = unchanged
    updates: frozenset[str] = frozenset()
    """The inputs that `update` changes in place. Changed tags are stored and never sent."""
    name: str | None = None
    """The input that gets a generated name if it is absent."""
    read: Callable[[Call], Plain | None] | None = None
    """Reads the current values of outputs that can change. Without it, a read returns the state."""
    find: Callable[[Call], tuple[Plain, Plain] | None] | None = None
    """Reads the inputs and the other outputs of an existing resource, of which only the id is known."""
    check: Callable[[Plain], list[tuple[str, str]]] | None = None


def words(text: str) -> frozenset[str]:
    """A set of words, written as one string."""
    return frozenset(text.split())


def remover(operation: str, **params: str) -> Callable[[Call], None]:
    """A delete by one call. Each parameter is `id` or the name of an output."""

    def delete(call: Call) -> None:
        call.do(operation, **{key: call.id if name == "id" else call.outputs[name] for key, name in params.items()})

    return delete


def gives(source: Mapping[str, Any], **names: str) -> Plain:
    """Outputs from a response, as in `vpcId="VpcId"`. Members that the response lacks are left out."""
    return {output: source[name] for output, name in names.items() if name in source}
