"""Applying registrations: check, diff, then create, update or replace.

Resources no longer registered are deleted last.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.monitor import DeploymentError, Registered
from engine.order import dependencies_first
from engine.providers import Difference, ProviderClient, Providers, urn_of
from engine.registration import STACK_TYPE, Registration
from engine.replacement import changed_keys, keep_ignored
from engine.state import Resource, State


@dataclass(frozen=True, order=True)
class Step:
    """One operation on one resource.

    `op` is `create`, `import`, `update`, `replace`, `delete`, or `forget`: the resource leaves the state and stays.
    """

    op: str
    type: str
    name: str
    keys: tuple[str, ...] = ()


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
        self._providers = Providers(providers)
        self._on_step = on_step
        self._monitor = monitor
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._replaced: list[tuple[str, Resource]] = []
        self.steps: list[Step] = []
        self.stack_outputs: dict[str, Any] = {}

    def register(self, registration: Registration) -> Registered:
        """Create, update or replace one resource.

        Raises:
            DeploymentError: if the provider refuses. The state contains every step that succeeded before.
        """
        if registration.remote:
            return self._construct(registration)
        with self._lock:
            if registration.urn in self._seen:
                raise DeploymentError(f"duplicate resource URN {registration.urn}")
            self._seen.add(registration.urn)
            old = self._state.resources.get(registration.urn)
        if not registration.custom:
            return self._component(registration, old)
        if registration.is_provider:
            return self._declared_provider(registration, old)
        return self._resource(registration, old)

    def outputs(self, urn: str, values: dict[str, Any]) -> None:
        """Keep the stack's outputs. Outputs of other components are dropped, because a rehearsal does not read them."""
        if f"::{STACK_TYPE}::" in urn:
            self.stack_outputs = values

    def finish(self) -> None:
        """Delete replaced resources and resources that are no longer registered, dependants first.

        Raises:
            DeploymentError: if one of them is protected; then nothing is deleted.
        """
        gone = {urn: resource for urn, resource in self._state.resources.items() if urn not in self._seen}
        for urn, resource in gone.items():
            if resource.protect:
                raise DeploymentError(f"{urn} is protected and cannot be deleted; unprotect it first")
        self._state.save()
        for urn, resource in self._replaced:
            if not resource.retain:
                self._provider(resource).delete(urn, resource)
        for urn in reversed(dependencies_first(gone)):
            resource = gone[urn]
            if resource.custom and not resource.retain and not resource.type.startswith("pulumi:"):
                self._state.begin(urn, "delete")
                self._provider(resource).delete(urn, resource)
            with self._lock:
                self._state.end(urn, None)
            self._took(Step("forget" if resource.retain else "delete", resource.type, resource.name))

    def _construct(self, registration: Registration) -> Registered:
        """Let the component's provider build it.

        The provider registers the component and its children with the monitor.
        """
        return self._providers.of(registration.type).construct(registration, self._monitor())

    def _component(self, registration: Registration, old: Resource | None) -> Registered:
        with self._lock:
            self._state.touch(registration.urn, _kept(registration, "", {}))
        if old is None and registration.type != STACK_TYPE:
            self._took(Step("create", registration.type, registration.name))
        return Registered("", {})

    def _declared_provider(self, registration: Registration, old: Resource | None) -> Registered:
        id_ = old.id if old else str(uuid.uuid4())
        self._providers.declare(registration.urn, registration.type, registration.inputs)
        changed = tuple(changed_keys(old.inputs, registration.inputs)) if old else ()
        with self._lock:
            self._state.end(registration.urn, _kept(registration, id_, registration.inputs))
        if old is None or changed:
            self._took(Step("update" if changed else "create", registration.type, registration.name, changed))
        return Registered(id_, registration.inputs, registration.secrets)

    def _resource(self, registration: Registration, old: Resource | None) -> Registered:
        provider = self._provider(registration)
        news = dict(registration.inputs)
        if old is not None and urn_of(old.provider) != urn_of(registration.provider):
            raise DeploymentError(f"{registration.urn}: another provider is not supported; give it another name")
        if registration.import_id and (old is None or (old.import_id or old.id) != registration.import_id):
            old = self._import(registration, provider, old)
        if old is not None:
            news = keep_ignored(old.inputs, news, registration.ignore_changes)
        if old is not None and news == old.inputs:  # the provider took them before, and would find no difference
            return self._same(registration, old, news)
        news = provider.check(registration.urn, old.inputs if old else {}, news)
        if old is None:
            return self._create(registration, provider, news, "create", ())
        difference = provider.diff(registration.urn, old, news, registration.ignore_changes)
        replaces = set(difference.replaces) | (set(difference.changed) & set(registration.replace_on_changes))
        if replaces:
            if old.protect or registration.import_id:
                reason = "protected" if old.protect else "imported"
                raise DeploymentError(f"{registration.urn} is {reason} and {sorted(replaces)} force its replacement")
            return self._replace(registration, provider, news, old, difference)
        if difference.changed:
            return self._update(registration, provider, news, old, difference)
        return self._same(registration, old, news)

    def _same(self, registration: Registration, old: Resource, news: dict[str, Any]) -> Registered:
        kept = _kept(registration, old.id, old.outputs, news)
        with self._lock:
            self._state.touch(registration.urn, kept)
        return Registered(old.id, old.outputs, frozenset(kept.secrets))

    def _import(self, registration: Registration, provider: ProviderClient, old: Resource | None) -> Resource:
        """Adopt an existing resource as it is. A difference from the program is a step that follows.

        Source: pulumi/pulumi, pkg/resource/deploy/step.go, `ImportStep`, and step_generator.go, `isImport`.
        """
        urn, id_ = registration.urn, registration.import_id
        if old is not None:
            raise DeploymentError(f"{urn}: {old.id} is in the state, and another id to import is not supported")
        with self._lock:
            self._state.begin(urn, "import")
        found = provider.read(urn, id_)
        if found is None:
            raise DeploymentError(f"{urn}: resource '{id_}' does not exist")
        own_id, inputs, outputs = found
        kept = _kept(registration, own_id, outputs, inputs)
        with self._lock:
            self._state.end(urn, kept)
        self._took(Step("import", registration.type, registration.name))
        return kept

    def _create(
        self, registration: Registration, provider: ProviderClient, news: dict[str, Any], op: str, keys: tuple[str, ...]
    ) -> Registered:
        with self._lock:
            self._state.begin(registration.urn, "create")
        id_, outputs = provider.create(registration.urn, news)
        return self._made(registration, id_, outputs, news, Step(op, registration.type, registration.name, keys))

    def _update(
        self,
        registration: Registration,
        provider: ProviderClient,
        news: dict[str, Any],
        old: Resource,
        difference: Difference,
    ) -> Registered:
        with self._lock:
            self._state.begin(registration.urn, "update")
        outputs = provider.update(registration.urn, old, news)
        return self._made(
            registration,
            old.id,
            outputs,
            news,
            Step("update", registration.type, registration.name, difference.changed),
        )

    def _replace(
        self,
        registration: Registration,
        provider: ProviderClient,
        news: dict[str, Any],
        old: Resource,
        difference: Difference,
    ) -> Registered:
        if registration.delete_before_replace:
            provider.delete(registration.urn, old)
        else:
            self._replaced.append((registration.urn, old))
        return self._create(registration, provider, news, "replace", difference.changed)

    def _made(
        self, registration: Registration, id_: str, outputs: dict[str, Any], news: dict[str, Any], step: Step
    ) -> Registered:
        kept = _kept(registration, id_, outputs, news)
        with self._lock:
            self._state.end(registration.urn, kept)
        self._took(step)
        return Registered(id_, outputs, frozenset(kept.secrets))

    def _provider(self, resource: Registration | Resource) -> ProviderClient:
        """The provider of a resource. One that the program no longer declares gets its earlier settings, to delete."""
        urn = urn_of(resource.provider)
        if urn and urn not in self._providers.declared:
            earlier = self._state.resources[urn]
            self._providers.declare(urn, earlier.type, earlier.inputs)
        return self._providers.of(resource.type, urn)

    def close(self) -> None:
        """Close the connections to explicit providers."""
        self._providers.close()

    def _took(self, step: Step) -> None:
        with self._lock:
            self.steps.append(step)
        self._on_step(step)


_SECRET_OUTPUTS = {"random:index/randomPassword:RandomPassword": {"result", "bcryptHash"}}


def _kept(
    registration: Registration, id_: str, outputs: dict[str, Any], news: dict[str, Any] | None = None
) -> Resource:
    secrets = (
        registration.secrets | set(registration.additional_secrets) | _SECRET_OUTPUTS.get(registration.type, set())
    ) & outputs.keys()
    return Resource(
        type=registration.type,
        name=registration.name,
        parent=registration.parent,
        custom=registration.custom,
        id=id_,
        inputs=news if news is not None else registration.inputs,
        outputs=outputs,
        secrets=sorted(secrets),
        dependencies=list(registration.dependencies),
        provider=registration.provider,
        protect=registration.protect,
        retain=registration.retain_on_delete,
        import_id=registration.import_id,
    )
