"""The AWS stand-in: it applies resource types to a moto server by boto3, through one adapter per type.

Two limits: changed tags are stored in the outputs and not sent, and a type without `read` is assumed to be unchanged.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from engine.replacement import UnknownTypeError, replacing_inputs
from rehearsal.providers.aws.adapter import Adapter, Call, Tables
from rehearsal.providers.aws.clients import Clients
from rehearsal.providers.aws.registry import ADAPTERS
from rehearsal.providers.backend import (
    Effects,
    Faults,
    NoEffects,
    NoFaults,
    Plain,
    UnsupportedError,
    auto_name,
)

_ALWAYS = frozenset({"region", "tags"})


class AwsBackend:
    """One stack's AWS provider. Backends of one world share `tables`. Methods may be called from many threads."""

    def __init__(
        self,
        endpoint_url: str,
        region: str,
        account: str,
        faults: Faults | None = None,
        effects: Effects | None = None,
        *,
        tables: Tables | None = None,
    ) -> None:
        self.clients = Clients(endpoint_url, faults or NoFaults())
        self.tables: Tables = {} if tables is None else tables
        self._region = region
        self._account = account
        self._effects: Effects = effects or NoEffects()

    def configured(self, settings: Plain) -> AwsBackend:
        """This provider: the region is an argument of the constructor."""
        return self

    def check(self, type_: str, inputs: Plain) -> list[tuple[str, str]]:
        """The inputs that the stand-in does not know, and violations of the type's own rules."""
        adapter = _adapter(type_)
        known = adapter.inputs | _ALWAYS
        present = {key: value for key, value in inputs.items() if value is not None}
        failures = [(key, f"the stand-in for {type_} does not know this input") for key in present if key not in known]
        return failures + (adapter.check(present) if adapter.check else [])

    def replaces(self, type_: str) -> frozenset[str]:
        """The inputs whose change replaces the resource. `region` always does."""
        return replacing_inputs(type_)

    def create(self, type_: str, urn: str, inputs: Plain) -> tuple[str, Plain]:
        """Create the resource; its id and outputs."""
        adapter = _adapter(type_)
        call = self._call(adapter, urn, _named(adapter, urn, inputs))
        id_, computed = adapter.create(call)
        outputs = self._outputs(call, computed) | {"id": id_}
        self._effects.created(type_, call.region, id_, call.inputs, outputs)
        return id_, outputs

    def update(self, type_: str, urn: str, id_: str, old_inputs: Plain, inputs: Plain, outputs: Plain) -> Plain:
        """Update the resource in place.

        Raises:
            UnsupportedError: for a change that the adapter does not implement.
        """
        adapter = _adapter(type_)
        name = {} if adapter.name is None else {adapter.name: outputs.get(adapter.name)}
        old, new = {**name, **old_inputs}, {**name, **inputs}
        call = self._call(adapter, urn, new, id_=id_, old=old, outputs=outputs)
        beyond = sorted(call.changed - adapter.updates - _ALWAYS)
        if beyond:
            raise UnsupportedError(f"{type_}: the stand-in cannot change {', '.join(beyond)} in place")
        self.clients.ask(adapter.service, call.region)
        kept = {key: value for key, value in outputs.items() if key not in old or key in new}
        result = kept | self._outputs(call, adapter.update(call))
        self._effects.updated(type_, call.region, id_, old, new, result)
        return result

    def delete(self, type_: str, urn: str, id_: str, outputs: Plain) -> None:
        """Delete the resource. A missing resource is no error."""
        adapter = _adapter(type_)
        call = self._call(adapter, urn, outputs, id_=id_, outputs=outputs)
        try:
            adapter.delete(call)
        except ClientError as error:
            if not _is_gone(error):
                raise
        self._effects.deleted(type_, call.region, id_, outputs)

    def read(self, type_: str, urn: str, id_: str, outputs: Plain) -> Plain | None:
        """The current resource, or None if it does not exist. Refused if the region is lost."""
        adapter = _adapter(type_)
        call = self._call(adapter, urn, outputs, id_=id_, outputs=outputs)
        if adapter.read is None:
            self.clients.ask(adapter.service, call.region)
            return outputs
        try:
            current = adapter.read(call)
        except ClientError as error:
            if not _is_gone(error):
                raise
            return None
        if current is None:
            return None
        return {key: value for key, value in (outputs | current).items() if value is not None}

    def find(self, type_: str, urn: str, id_: str) -> tuple[Plain, Plain] | None:
        """The inputs and outputs of a resource that no state has. Refused if a region that it is in is lost.

        Raises:
            UnsupportedError: for a type that the stand-in cannot import.
        """
        adapter = _adapter(type_)
        if adapter.find is None:
            raise UnsupportedError(f"{type_}: the stand-in cannot import {id_}")
        try:
            found = adapter.find(self._call(adapter, urn, {}, id_=id_))
        except ClientError as error:
            if not _is_gone(error):
                raise
            return None
        if found is None:
            return None
        inputs, computed = found
        return inputs, self._outputs(self._call(adapter, urn, inputs, id_=id_), computed) | {"id": id_}

    def _call(
        self,
        adapter: Adapter,
        urn: str,
        inputs: Plain,
        *,
        id_: str = "",
        old: Plain | None = None,
        outputs: Plain | None = None,
    ) -> Call:
        old, outputs = old or {}, outputs or {}
        changed = frozenset(key for key in old.keys() | inputs.keys() if old.get(key) != inputs.get(key))
        return Call(
            clients=self.clients,
            tables=self.tables,
            account=self._account,
            service=adapter.service,
            region=str(inputs.get("region") or outputs.get("region") or self._region),
            type=adapter.type,
            urn=urn,
            inputs=inputs,
            id=id_,
            old=old,
            outputs=outputs,
            changed=changed,
        )

    def _outputs(self, call: Call, computed: Plain) -> Plain:
        present = {key: value for key, value in call.inputs.items() if value is not None}
        return {**present, "region": call.region, "tagsAll": present.get("tags", {}), **computed}


def _adapter(type_: str) -> Adapter:
    try:
        return ADAPTERS[type_]
    except KeyError:
        raise UnknownTypeError(type_) from None


def _named(adapter: Adapter, urn: str, inputs: Plain) -> Plain:
    if adapter.name is None or inputs.get(adapter.name) is not None:
        return inputs
    prefix = inputs.get(f"{adapter.name}Prefix")
    return {**inputs, adapter.name: auto_name(urn, prefix)}


def _is_gone(error: ClientError) -> bool:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return "NotFound" in code or "NoSuch" in code or code == "404"
