"""Recording a program: it runs in this process, without an engine or a provider."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi.runtime import Settings
from pulumi.runtime.stack import run_in_stack

from engine.computed import computed_id, computed_outputs
from engine.monitor import DeploymentError, EngineLog, Monitor, Registered
from engine.registration import STACK_TYPE, Registration
from recovery.naming import PROJECT

_ONE_AT_A_TIME = threading.Lock()
"""The SDK keeps its settings in global variables, so only one program can run at a time."""


class Recorder:
    """Stores every registration and answers it with invented outputs."""

    def __init__(self, *, region: str, account: str) -> None:
        self._region = region
        self._account = account
        self._lock = threading.Lock()
        self.registrations: list[Registration] = []
        self.stack_outputs: dict[str, Any] = {}

    def register(self, registration: Registration) -> Registered:
        """Store a registration.

        Raises:
            DeploymentError: if its URN was registered before.
        """
        with self._lock:
            if any(known.urn == registration.urn for known in self.registrations):
                raise DeploymentError(f"duplicate resource URN {registration.urn}")
            self.registrations.append(registration)
        if not (registration.custom or registration.remote):
            return Registered("", {})
        id_ = registration.import_id or computed_id(registration.type, registration.urn, registration.inputs)
        outputs = computed_outputs(
            registration.type, registration.urn, id_, registration.inputs, self._region, self._account
        )
        secrets = (
            registration.secrets
            | set(registration.additional_secrets)
            | _ALWAYS_SECRET.get(registration.type, frozenset())
        )
        return Registered(id_, outputs, secrets & outputs.keys())

    def outputs(self, urn: str, values: dict[str, Any]) -> None:
        """Store the stack's outputs."""
        if f"::{STACK_TYPE}::" in urn:
            self.stack_outputs = values


_ALWAYS_SECRET = {
    "random:index/randomPassword:RandomPassword": frozenset({"result", "bcryptHash"}),
    "eks:index:Cluster": frozenset({"kubeconfig", "kubeconfigJson"}),
}


def record(
    program: Callable[[], object], *, stack: str = "primary", config: Mapping[str, Any] | None = None
) -> list[Registration]:
    """Run a program and return its registrations, sorted by URN.

    Args:
        program: any callable that creates resources.
        stack: the stack's name.
        config: values by full key; structured values as plain data, as in a stack file.

    Raises:
        DeploymentError: if the program registers a URN twice or invokes anything.
        pulumi.RunError: if the program refuses its configuration.
    """
    return record_all(program, stack=stack, config=config).registrations


def record_all(
    program: Callable[[], object], *, stack: str = "primary", config: Mapping[str, Any] | None = None
) -> Recorder:
    """Like `record`, but return the recorder, which also has the stack's outputs."""
    values = dict(config or {})
    recorder = Recorder(
        region=str(values.get("aws:region", "us-east-2")), account=str(values.get("lifeline:account", "123456789012"))
    )
    log = EngineLog()
    monitor = Monitor(recorder, stack=stack, project=PROJECT)
    with _ONE_AT_A_TIME:
        _run(program, Settings(project=PROJECT, stack=stack, monitor=monitor, engine=log, dry_run=False), values)
    if log.errors:
        raise DeploymentError("\n".join(log.errors))
    recorder.registrations.sort(key=lambda entry: entry.urn)
    return recorder


def _run(program: Callable[[], object], settings: Settings, config: Mapping[str, Any]) -> None:
    encoded = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}

    async def main() -> None:
        def call() -> None:
            program()

        await run_in_stack(call)

    before = logging.getLogger("asyncio").level
    logging.getLogger("asyncio").setLevel(
        logging.CRITICAL
    )  # a refused program leaves unfinished tasks behind, each of which asyncio would report
    collecting = gc.isenabled()
    gc.disable()  # every object of the graph stays in use until the program ends: a collection frees nothing
    try:
        pulumi.runtime.set_all_config(encoded)
        pulumi.runtime.configure(settings)
        asyncio.run(main())
    finally:
        pulumi.runtime.set_all_config({})
        if collecting:
            gc.enable()
        logging.getLogger("asyncio").setLevel(before)
