"""Applying registrations: check, diff, then create, update or replace.

Resources no longer registered are deleted last.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from engine.monitor import DeploymentError, Registered
from engine.order import dependencies_first
from engine.registration import PROVIDER_PREFIX, STACK_TYPE, Registration
from engine.state import Resource, State


@dataclass(frozen=True, order=True)
class Step:
    """One operation on one resource."""

    op: str
    type: str
    name: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """A provider's comparison of old and new inputs."""

    changed: tuple[str, ...]
    replaces: tuple[str, ...]


class ProviderClient(Protocol):
    """The provider calls that the engine makes."""

    def configure(self, settings: dict[str, Any]) -> None:
        """Send the provider its settings."""
        ...

    def check(self, urn: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """Validate inputs and return those that the provider accepts. Raises DeploymentError if it refuses them."""
        ...

    def diff(self, urn: str, resource: Resource, new: dict[str, Any], ignore: tuple[str, ...]) -> Difference:
        """The inputs that changed, and those of them that force a replacement."""
        ...

    def create(self, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Create a resource; its id and outputs."""
        ...

    def update(self, urn: str, resource: Resource, inputs: dict[str, Any]) -> dict[str, Any]:
        """Update a resource in place; its new outputs."""
        ...

    def delete(self, urn: str, resource: Resource) -> None:
        """Delete a resource."""
        ...

    def construct(self, wanted: Registration, monitor: str) -> Registered:
        """Let the component's own provider build it. The provider registers the component's children."""
        ...


class Deployment:
    """One `up`: creates, updates or replaces each registered resource.

    Args:
        state: the stack's state, saved after every step.
        providers: the providers by package name.
        on_step: called after each step, for the progress display.
        monitor: the address at which a component provider reaches the monitor.
    """

    def __init__(
        self,
        state: State,
        providers: Mapping[str, ProviderClient],
        *,
        on_step: Callable[[Step], None] = lambda step: None,
        monitor: Callable[[], str] = lambda: "",
    ) -> None:
        self._state = state
        self._providers = providers
        self._on_step = on_step
        self._monitor = monitor
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._replaced: list[tuple[str, Resource]] = []
        self.steps: list[Step] = []
        self.stack_outputs: dict[str, Any] = {}

    def register(self, wanted: Registration) -> Registered:
        """Create, update or replace one resource.

        Raises:
            DeploymentError: if the provider refuses. The state contains every step that succeeded before.
        """
        if wanted.remote:
            return self._construct(wanted)
        with self._lock:
            if wanted.urn in self._seen:
                raise DeploymentError(f"duplicate resource URN {wanted.urn}")
            self._seen.add(wanted.urn)
            old = self._state.resources.get(wanted.urn)
        if not wanted.custom:
            return self._component(wanted, old)
        if wanted.is_provider:
            return self._provider(wanted, old)
        return self._resource(wanted, old)

    def outputs(self, urn: str, values: dict[str, Any]) -> None:
        """Keep the stack's outputs. Outputs of other components are dropped, because a rehearsal does not read them."""
        if f"::{STACK_TYPE}::" in urn:
            self.stack_outputs = values

    def finish(self) -> None:
        """Delete replaced resources and resources that are no longer registered, dependants first.

        Raises:
            DeploymentError: if one of them is protected; then nothing is deleted.
        """
        gone = {urn: found for urn, found in self._state.resources.items() if urn not in self._seen}
        for urn, resource in gone.items():
            if resource.protect:
                raise DeploymentError(f"{urn} is protected and cannot be deleted; unprotect it first")
        self._state.save()
        for urn, resource in self._replaced:
            self._provider_of(resource.type).delete(urn, resource)
        for urn in reversed(dependencies_first(gone)):
            resource = gone[urn]
            if resource.custom and not resource.retain and not resource.type.startswith("pulumi:"):
                self._state.begin(urn, "delete")
                self._provider_of(resource.type).delete(urn, resource)
            with self._lock:
                self._state.end(urn, None)
            self._took(Step("delete", resource.type, resource.name))

    def _construct(self, wanted: Registration) -> Registered:
        """Let the component's provider build it.

        The provider registers the component and its children with the monitor.
        """
        return self._provider_of(wanted.type).construct(wanted, self._monitor())

    def _component(self, wanted: Registration, old: Resource | None) -> Registered:
        with self._lock:
            self._state.touch(wanted.urn, old or _kept(wanted, "", {}))
        if old is None and wanted.type != STACK_TYPE:
            self._took(Step("create", wanted.type, wanted.name))
        return Registered("", {})

    def _provider(self, wanted: Registration, old: Resource | None) -> Registered:
        id_ = old.id if old else str(uuid.uuid4())
        self._provider_of(wanted.type.removeprefix(PROVIDER_PREFIX)).configure(wanted.inputs)
        changed = old is not None and old.inputs != wanted.inputs
        with self._lock:
            self._state.end(wanted.urn, _kept(wanted, id_, wanted.inputs))
        if old is None or changed:
            self._took(Step("update" if changed else "create", wanted.type, wanted.name))
        return Registered(id_, wanted.inputs, wanted.secrets)

    def _resource(self, wanted: Registration, old: Resource | None) -> Registered:
        provider = self._provider_of(wanted.type)
        news = dict(wanted.inputs)
        if old is not None:
            kept = {key: old.inputs[key] for key in wanted.ignore_changes if key in old.inputs}
            news = {key: value for key, value in news.items() if key not in wanted.ignore_changes} | kept
        news = provider.check(wanted.urn, old.inputs if old else {}, news)
        if old is None:
            return self._create(wanted, provider, news, "create", ())
        found = provider.diff(wanted.urn, old, news, wanted.ignore_changes)
        replaces = set(found.replaces) | (set(found.changed) & set(wanted.replace_on_changes))
        if replaces:
            if old.protect:
                raise DeploymentError(f"{wanted.urn} is protected and {sorted(replaces)} force its replacement")
            return self._replace(wanted, provider, news, old, found)
        if found.changed:
            return self._update(wanted, provider, news, old, found)
        with self._lock:
            kept = _kept(wanted, old.id, old.outputs, news)
            self._state.touch(wanted.urn, kept)
        return Registered(old.id, old.outputs, frozenset(kept.secrets))

    def _create(
        self, wanted: Registration, provider: ProviderClient, news: dict[str, Any], op: str, keys: tuple[str, ...]
    ) -> Registered:
        with self._lock:
            self._state.begin(wanted.urn, "create")
        id_, outputs = provider.create(wanted.urn, news)
        return self._made(wanted, id_, outputs, news, Step(op, wanted.type, wanted.name, keys))

    def _update(
        self, wanted: Registration, provider: ProviderClient, news: dict[str, Any], old: Resource, found: Difference
    ) -> Registered:
        with self._lock:
            self._state.begin(wanted.urn, "update")
        outputs = provider.update(wanted.urn, old, news)
        return self._made(wanted, old.id, outputs, news, Step("update", wanted.type, wanted.name, found.changed))

    def _replace(
        self, wanted: Registration, provider: ProviderClient, news: dict[str, Any], old: Resource, found: Difference
    ) -> Registered:
        if wanted.delete_before_replace:
            provider.delete(wanted.urn, old)
        else:
            self._replaced.append((wanted.urn, old))
        return self._create(wanted, provider, news, "replace", found.changed)

    def _made(
        self, wanted: Registration, id_: str, outputs: dict[str, Any], news: dict[str, Any], step: Step
    ) -> Registered:
        kept = _kept(wanted, id_, outputs, news)
        with self._lock:
            self._state.end(wanted.urn, kept)
        self._took(step)
        return Registered(id_, outputs, frozenset(kept.secrets))

    def _provider_of(self, type_: str) -> ProviderClient:
        package = type_.split(":", maxsplit=1)[0]
        if package not in self._providers:
            raise DeploymentError(f"{type_}: no stand-in serves the package '{package}'")
        return self._providers[package]

    def _took(self, step: Step) -> None:
        with self._lock:
            self.steps.append(step)
        self._on_step(step)


_SECRET_OUTPUTS = {"random:index/randomPassword:RandomPassword": {"result", "bcryptHash"}}


def _kept(wanted: Registration, id_: str, outputs: dict[str, Any], news: dict[str, Any] | None = None) -> Resource:
    secrets = (
        wanted.secrets | set(wanted.additional_secrets) | _SECRET_OUTPUTS.get(wanted.type, set())
    ) & outputs.keys()
    return Resource(
        type=wanted.type,
        name=wanted.name,
        parent=wanted.parent,
        custom=wanted.custom,
        id=id_,
        inputs=news if news is not None else wanted.inputs,
        outputs=outputs,
        secrets=sorted(secrets),
        dependencies=list(wanted.dependencies),
        provider=wanted.provider,
        protect=wanted.protect,
        retain=wanted.retain_on_delete,
    )
