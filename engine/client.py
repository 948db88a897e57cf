"""The engine's side of Pulumi's provider protocol."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from engine import wire
from engine.monitor import DeploymentError, Registered
from engine.providers import Difference
from engine.registration import Registration
from engine.state import Resource

_OPTIONS = [
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    # A provider tells its instances apart by their connections, so two instances must not share one.
    ("grpc.use_local_subchannel_pool", 1),
]


class GrpcProvider:
    """A provider at a port of the loopback interface. The methods are those of `ProviderClient`."""

    def __init__(self, port: int, *, project: str, stack: str, config: dict[str, str]) -> None:
        self._port = port
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._project, self._stack, self._config = project, stack, config

    def another(self) -> GrpcProvider:
        """Another instance of the same provider, with settings of its own."""
        return GrpcProvider(self._port, project=self._project, stack=self._stack, config=self._config)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def configure(self, settings: dict[str, Any]) -> None:
        """See `ProviderClient`."""
        self._call("Configure", provider_pb2.ConfigureRequest(args=_struct(settings)))

    def check(self, urn: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """See `ProviderClient`."""
        answer = self._call("Check", provider_pb2.CheckRequest(urn=urn, olds=_struct(old), news=_struct(new)))
        if answer.failures:
            reasons = "; ".join(f"{failure.property}: {failure.reason}" for failure in answer.failures)
            raise DeploymentError(f"{urn}: {reasons}")
        return wire.decode(answer.inputs)

    def diff(self, urn: str, resource: Resource, new: dict[str, Any], ignore: tuple[str, ...]) -> Difference:
        """See `ProviderClient`."""
        request = provider_pb2.DiffRequest(
            id=resource.id,
            urn=urn,
            olds=_struct(resource.outputs),
            old_inputs=_struct(resource.inputs),
            news=_struct(new),
            ignoreChanges=ignore,
        )
        answer = self._call("Diff", request)
        return Difference(tuple(answer.diffs), tuple(answer.replaces))

    def create(self, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """See `ProviderClient`."""
        answer = self._call("Create", provider_pb2.CreateRequest(urn=urn, properties=_struct(inputs)))
        return answer.id, wire.decode(answer.properties)

    def update(self, urn: str, resource: Resource, inputs: dict[str, Any]) -> dict[str, Any]:
        """See `ProviderClient`."""
        request = provider_pb2.UpdateRequest(
            id=resource.id,
            urn=urn,
            olds=_struct(resource.outputs),
            old_inputs=_struct(resource.inputs),
            news=_struct(inputs),
        )
        return wire.decode(self._call("Update", request).properties)

    def delete(self, urn: str, resource: Resource) -> None:
        """See `ProviderClient`."""
        self._call("Delete", provider_pb2.DeleteRequest(id=resource.id, urn=urn, properties=_struct(resource.outputs)))

    def read(self, urn: str, id_: str) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """See `ProviderClient`."""
        answer = self._call("Read", provider_pb2.ReadRequest(id=id_, urn=urn))
        return (answer.id, wire.decode(answer.inputs), wire.decode(answer.properties)) if answer.id else None

    def construct(self, registration: Registration, monitor: str) -> Registered:
        """See `ProviderClient`."""
        request = provider_pb2.ConstructRequest(
            project=self._project,
            stack=self._stack,
            config=self._config,
            dryRun=False,
            parallel=16,
            monitorEndpoint=monitor,
            type=registration.type,
            name=registration.name,
            parent=registration.parent,
            inputs=_struct(registration.inputs),
            providers=registration.providers,
            dependencies=registration.dependencies,
            protect=registration.protect,
        )
        answer = self._call("Construct", request)
        dependencies = {key: tuple(value.urns) for key, value in answer.stateDependencies.items()}
        return Registered(
            "", wire.decode(answer.state), wire.secret_keys(answer.state), answer.urn, output_dependencies=dependencies
        )

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request)
        except grpc.RpcError as error:
            raise DeploymentError(str(error.details())) from None  # type: ignore[attr-defined]


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return wire.encode(values)
