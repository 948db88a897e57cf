"""The resource monitor: the service with which a Pulumi program registers its resources.

The same object serves a program in this process, by direct calls, and a program in another process, over gRPC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from engine import registration, wire
from engine.registration import Registration

_FEATURES = {
    "secrets": resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    "resourceReferences": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    "aliasSpecs": resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    "deletedWith": resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
}


class DeploymentError(Exception):
    """The program asked for an unsupported operation, or a provider refused a resource."""


@dataclass(frozen=True)
class Registered:
    """The engine's answer to a registration."""

    id: str
    outputs: dict[str, Any]
    secrets: frozenset[str] = frozenset()
    urn: str = ""
    output_dependencies: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


class Registrar(Protocol):
    """Answers registrations: the recorder, or a deployment."""

    def register(self, registration: Registration) -> Registered:
        """Answer one registration."""
        ...

    def outputs(self, urn: str, values: dict[str, Any]) -> None:
        """Take the outputs of a finished component."""
        ...


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Pulumi's resource monitor, as far as the program uses it. It refuses every call that reads live data."""

    def __init__(self, registrar: Registrar, *, stack: str, project: str) -> None:
        self._registrar = registrar
        self._stack = stack
        self._project = project

    def SupportsFeature(
        self, request: resource_pb2.SupportsFeatureRequest, context: grpc.ServicerContext | None = None
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def GetDeploymentInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext | None = None
    ) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(supportedFeatures=list(_FEATURES.values()))

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, context: grpc.ServicerContext | None = None
    ) -> resource_pb2.RegisterResourceResponse:
        requested = registration.read(request, stack=self._stack, project=self._project)
        try:
            answer = self._registrar.register(requested)
        except DeploymentError as error:
            if context is None:
                raise
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        dependencies = {
            key: resource_pb2.RegisterResourceResponse.PropertyDependencies(urns=list(urns))
            for key, urns in answer.output_dependencies.items()
        }
        return resource_pb2.RegisterResourceResponse(
            urn=answer.urn or requested.urn,
            id=answer.id,
            object=wire.encode(answer.outputs, answer.secrets),
            propertyDependencies=dependencies,
        )

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: grpc.ServicerContext | None = None
    ) -> empty_pb2.Empty:
        self._registrar.outputs(request.urn, wire.decode(request.outputs))
        return empty_pb2.Empty()

    def Invoke(
        self, request: resource_pb2.ResourceInvokeRequest, context: grpc.ServicerContext | None = None
    ) -> resource_pb2.ResourceInvokeResponse:
        raise DeploymentError(f"{request.tok}: the program reads nothing live, an invoke is refused")

    def Call(self, request: resource_pb2.ResourceCallRequest, context: grpc.ServicerContext | None = None) -> NoReturn:
        raise DeploymentError(f"{request.tok}: the program reads nothing live, a call is refused")

    def ReadResource(
        self, request: resource_pb2.ReadResourceRequest, context: grpc.ServicerContext | None = None
    ) -> NoReturn:
        raise DeploymentError(f"{request.type} {request.name}: the program reads nothing live, a lookup is refused")

    def SignalAndWaitForShutdown(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext | None = None
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()


class EngineLog(engine_pb2_grpc.EngineServicer):
    """Pulumi's engine service. A program uses its log and its root resource."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._root = ""

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext | None = None) -> empty_pb2.Empty:
        if request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        elif request.severity == engine_pb2.WARNING:
            self.warnings.append(request.message)
        return empty_pb2.Empty()

    def GetRootResource(
        self, request: engine_pb2.GetRootResourceRequest, context: grpc.ServicerContext | None = None
    ) -> engine_pb2.GetRootResourceResponse:
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(
        self, request: engine_pb2.SetRootResourceRequest, context: grpc.ServicerContext | None = None
    ) -> engine_pb2.SetRootResourceResponse:
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()
