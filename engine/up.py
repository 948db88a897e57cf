"""`up` of the in-process engine: serve the monitor, run the program, and apply its registrations."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

from engine.client import GrpcProvider
from engine.deployment import Deployment, Step
from engine.monitor import DeploymentError, EngineLog, Monitor
from engine.state import State
from engine.warm import Warm
from recovery.naming import PROJECT

_WORKERS = 64
"""A registration occupies a worker until its resource exists, so a wide graph needs many workers."""


@dataclass(frozen=True)
class UpResult:
    """The result of one `up`."""

    steps: tuple[Step, ...]
    outputs: dict[str, Any]


def up(
    stack: str,
    config: Mapping[str, Any],
    *,
    state_file: Path,
    ports: Mapping[str, int],
    programs: Warm,
    on_step: Callable[[Step], None] = lambda step: None,
) -> UpResult:
    """Apply the program to a stack.

    Args:
        stack: the stack's name.
        config: values by full key.
        state_file: the stack's state; created if absent.
        ports: the stand-in providers' ports by package.
        programs: runs the program.
        on_step: called after each step.

    Raises:
        DeploymentError: with the error of the program, the engine or a provider.
    """
    encoded = encode_config(config)
    state = State(state_file)
    clients = {name: GrpcProvider(port, project=PROJECT, stack=stack, config=encoded) for name, port in ports.items()}
    address: list[str] = []
    deployment = Deployment(state, clients, on_step=on_step, monitor=lambda: address[0])
    log = EngineLog()
    try:
        with served(Monitor(deployment, stack=stack, project=PROJECT), log) as endpoint:
            address.append(endpoint)
            words = ("--monitor", endpoint, "--engine", endpoint, "--project", PROJECT, "--stack", stack, "--quiet")
            _run_program(programs, words, encoded, log)
        deployment.finish()
    finally:
        deployment.close()
        for client in clients.values():
            client.close()
    return UpResult(tuple(deployment.steps), deployment.stack_outputs)


def encode_config(config: Mapping[str, Any]) -> dict[str, str]:
    """Configuration in the form that engines pass on: structured values as JSON text."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


@contextmanager
def served(monitor: Monitor, log: EngineLog) -> Generator[str]:
    """Serve a monitor and an engine log on a free port of the loopback interface; the address of both."""
    options = [("grpc.max_receive_message_length", 64 * 1024 * 1024), ("grpc.so_reuseport", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(_WORKERS), options=options)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(log, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()


def _run_program(programs: Warm, words: Sequence[str], config: dict[str, str], log: EngineLog) -> None:
    env = {**os.environ, "PULUMI_CONFIG": json.dumps(config)}
    with tempfile.TemporaryFile("w+") as errors, Path(os.devnull).open("w") as nothing:
        process = programs.start(
            "-m", "engine.language", *words, env=env, stdout=nothing.fileno(), stderr=errors.fileno()
        )
        code = process.wait()
        errors.seek(0)
        said = errors.read().strip()
    if code != 0 or log.errors:
        raise DeploymentError("\n".join([*log.errors, said]).strip())
