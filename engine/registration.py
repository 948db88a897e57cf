"""Registrations: the resources that a program asks the engine for, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime.proto import resource_pb2

from engine import wire

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource as the program registered it. `inputs` has secrets in plain text; `secrets` names their keys."""

    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    remote: bool
    inputs: dict[str, Any]
    protect: bool = False
    dependencies: tuple[str, ...] = ()
    links: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The URNs of the resources whose outputs an input uses, by input."""
    provider: str = ""
    providers: dict[str, str] = field(default_factory=dict[str, str])
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool = False
    retain_on_delete: bool = False
    secrets: frozenset[str] = frozenset()
    additional_secrets: tuple[str, ...] = ()
    import_id: str = ""
    """The id of an existing resource that the stack adopts instead of creating one."""

    @property
    def package(self) -> str:
        """The package whose provider serves the resource."""
        return self.type.split(":")[0] if not self.is_provider else "pulumi"

    @property
    def is_provider(self) -> bool:
        """Whether this is an explicit provider rather than a resource of one."""
        return self.type.startswith(PROVIDER_PREFIX)

    def printable_inputs(self) -> dict[str, Any]:
        """The inputs with every secret left out."""
        return {key: "[secret]" if key in self.secrets else value for key, value in sorted(self.inputs.items())}


def urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """A resource's URN. Pulumi's rule: the parent's type comes first, unless the parent is the stack."""
    if parent:
        parent_type = parent.split("::")[2]
        if parent_type != STACK_TYPE:
            type_ = f"{parent_type}${type_}"
    return f"urn:pulumi:{stack}::{project}::{type_}::{name}"


def type_of(urn: str) -> str:
    """The resource's own type, which is the last of the types in its URN."""
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def read(request: resource_pb2.RegisterResourceRequest, *, stack: str, project: str) -> Registration:
    """Convert a registration request to plain data."""
    links = {key: tuple(sorted(entry.urns)) for key, entry in request.propertyDependencies.items() if entry.urns}
    return Registration(
        type=request.type,
        name=request.name,
        urn=urn(stack, project, request.parent, request.type, request.name),
        parent=request.parent,
        custom=request.custom,
        remote=request.remote,
        inputs=wire.decode(request.object),
        protect=request.protect,
        dependencies=tuple(sorted({*request.dependencies, *(urn_ for urns in links.values() for urn_ in urns)})),
        links=links,
        provider=request.provider,
        providers=dict(request.providers),
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        delete_before_replace=request.deleteBeforeReplace,
        retain_on_delete=request.retainOnDelete,
        secrets=wire.secret_keys(request.object),
        additional_secrets=tuple(request.additionalSecretOutputs),
        import_id=request.importId,
    )
