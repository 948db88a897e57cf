"""One adapter a resource type: which inputs it understands, and the calls that make, change and remove it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore import xform_name

from rehearsal.providers.aws.clients import Clients
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain

Tables = dict[str, dict[str, Any]]
"""What AWS knows and moto does not, by kind and then by key. One for the whole world: stacks share it."""

TABLES_LOCK = threading.RLock()
"""Held while a rule reads and writes `Tables`; never across a call."""


class Ledger(Protocol):
    """The strongly consistent table, as the world plays it."""

    def put_if_absent(self, region: str, item: Plain) -> bool:
        """Write an item of flat values through a region unless its key is there; whether it was written."""
        ...


@dataclass(kw_only=True)
class Call:
    """One create, update, delete or read of one resource."""

    clients: Clients
    tables: Tables
    ledger: Ledger | None
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
        """Call AWS. The operation is AWS's name: `CreateVpc`."""
        client = self.clients.get(service or self.service, region or self.region)
        return getattr(client, xform_name(operation))(**params)

    def send(
        self, operation: str, /, keys: Iterable[str], *, renames: Mapping[str, str] | None = None, **params: Any
    ) -> Plain:
        """Call AWS with the inputs named in `keys`, translated, and `params` as they are."""
        return self.do(operation, **self.translate(operation, keys, renames), **params)

    def translate(self, operation: str, keys: Iterable[str], renames: Mapping[str, str] | None = None) -> Plain:
        """The inputs named in `keys` as parameters of an operation."""
        shape: Any = self.clients.model(self.service, operation).input_shape
        given = {key: self.inputs[key] for key in keys if self.inputs.get(key) is not None}
        return parameters(shape, given, renames)

    def pretend(self, operation: str, /, **params: Any) -> None:
        """A call that moto lacks: everything but the sending."""
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
        """EC2's way to tag while creating."""
        return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": self.tag_list}]} if self.tag_list else {}


Created = tuple[str, Plain]
"""The id, and the outputs that are not inputs."""


def nothing(call: Call) -> None:
    """Deleting what AWS keeps, or what goes with its parent."""


def unchanged(call: Call) -> Plain:
    """An update that has nothing to send."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """How a resource type is applied to AWS."""

    type: str
    service: str
    inputs: frozenset[str]
    """Every input understood, besides `region` and `tags`; another one is refused."""
    create: Callable[[Call], Created]
    delete: Callable[[Call], None] = nothing
    update: Callable[[Call], Plain] = unchanged
    updates: frozenset[str] = frozenset()
    """The inputs that `update` changes in place; tags are always kept, and never sent."""
    name: str | None = None
    """The input that takes a generated name if it is absent."""
    read: Callable[[Call], Plain | None] | None = None
    """The changing outputs as they are now; without it, a read believes the state."""
    check: Callable[[Plain], list[tuple[str, str]]] | None = None


def words(text: str) -> frozenset[str]:
    """A set written as one line."""
    return frozenset(text.split())


def remover(operation: str, **params: str) -> Callable[[Call], None]:
    """A delete by one call; each parameter is `id` or the name of an output."""

    def delete(call: Call) -> None:
        call.do(operation, **{key: call.id if name == "id" else call.outputs[name] for key, name in params.items()})

    return delete


def gives(source: Mapping[str, Any], **names: str) -> Plain:
    """Outputs from a response: `vpcId="VpcId"`; what the response lacks is left out."""
    return {output: source[name] for output, name in names.items() if name in source}
