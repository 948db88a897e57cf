"""Serving a stand-in over Pulumi's provider protocol, for both engines.

The real engine attaches by `PULUMI_DEBUG_PROVIDERS=name:port`; the in-process engine connects to the same port.
"""

from __future__ import annotations

from concurrent import futures
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from engine import wire
from engine.registration import type_of
from engine.replacement import changed_keys, forced_paths
from rehearsal.providers.backend import Backend

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
WORKERS = 16


class StandInProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Pulumi's provider service for one backend.

    A backend's error becomes the engine's error, with the resource's name.
    """

    def __init__(self, backend: Backend, *, version: str) -> None:
        self._unconfigured = backend
        self._configured: dict[str, Backend] = {}
        self._version = version

    def _backend(self, context: grpc.ServicerContext) -> Backend:
        """The backend with the settings of the calling instance. Each instance has a connection of its own."""
        return self._configured.get(context.peer(), self._unconfigured)

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Every changed setting is a difference, and the engine then configures the instance again.

        None forces a replacement: the program gives another cluster another provider.
        Source: pulumi/pulumi-kubernetes, `provider/pkg/provider/provider.go`, `DiffConfig`.
        """
        changed = changed_keys(wire.decode(request.olds), wire.decode(request.news), ())
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self._configured[context.peer()] = self._unconfigured.configured(wire.decode(request.args))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> NoReturn:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.tok}: a stand-in answers no invoke")

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        inputs = wire.decode(request.news)
        failures: list[tuple[str, str]] = []
        try:
            backend = self._backend(context)
            if not wire.is_unknown(inputs):
                failures = backend.check(type_of(request.urn), inputs)
            else:
                self._backend(context).replaces(
                    type_of(request.urn)
                )  # an unknown type is an error in a preview as well
        except Exception as error:  # noqa: BLE001
            _refuse(context, request.urn, error)
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in failures],
        )

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        old, new = wire.decode(request.old_inputs), wire.decode(request.news)
        changed = changed_keys(old, new, request.ignoreChanges)
        replaces = forced_paths(old, new, self._backend(context).replaces(type_of(request.urn)))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        try:
            id_, outputs = self._backend(context).create(
                type_of(request.urn), request.urn, wire.decode(request.properties)
            )
        except Exception as error:  # noqa: BLE001
            _refuse(context, request.urn, error)
        return provider_pb2.CreateResponse(id=id_, properties=wire.encode(outputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        if request.preview:
            return provider_pb2.UpdateResponse(
                properties=wire.encode({**wire.decode(request.olds), **wire.decode(request.news)})
            )
        old, new = wire.decode(request.old_inputs), wire.decode(request.news)
        try:
            outputs = self._backend(context).update(
                type_of(request.urn), request.urn, request.id, old, new, wire.decode(request.olds)
            )
        except Exception as error:  # noqa: BLE001
            _refuse(context, request.urn, error)
        return provider_pb2.UpdateResponse(properties=wire.encode(outputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        try:
            self._backend(context).delete(
                type_of(request.urn), request.urn, request.id, wire.decode(request.properties)
            )
        except Exception as error:  # noqa: BLE001
            _refuse(context, request.urn, error)
        return empty_pb2.Empty()

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        if not request.properties.fields:
            return self._find(request, context)
        try:
            outputs = self._backend(context).read(
                type_of(request.urn), request.urn, request.id, wire.decode(request.properties)
            )
        except Exception as error:  # noqa: BLE001
            _refuse(context, request.urn, error)
        if outputs is None:
            return provider_pb2.ReadResponse()
        inputs = refreshed(wire.decode(request.inputs), wire.decode(request.properties), outputs)
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=wire.encode(outputs),
            inputs=wire.encode(inputs, wire.secret_keys(request.inputs)),
        )

    def _find(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Read for an import: the engine has the id only."""
        try:
            found = self._backend(context).find(type_of(request.urn), request.urn, request.id)
        except Exception as error:  # noqa: BLE001
            _refuse(context, request.urn, error)
        if found is None:
            return provider_pb2.ReadResponse()
        inputs, outputs = found
        return provider_pb2.ReadResponse(id=request.id, properties=wire.encode(outputs), inputs=wire.encode(inputs))


def refreshed(inputs: dict[str, Any], before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The inputs that match a resource as it was read, including changes made outside Pulumi."""
    kept = {key: value for key, value in inputs.items() if key in now or key not in before}
    return {key: now[key] if key in now and now[key] != before.get(key) else value for key, value in kept.items()}


def _refuse(context: grpc.ServicerContext, urn: str, error: Exception) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, f"{urn.rsplit('::', 1)[-1]} ({type_of(urn)}): {error}")


class ProviderServer:
    """One stand-in on a free port of the loopback interface."""

    def __init__(self, provider: provider_pb2_grpc.ResourceProviderServicer) -> None:
        size = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(futures.ThreadPoolExecutor(WORKERS), options=size)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        """Stop immediately."""
        self._server.stop(grace=None).wait()
