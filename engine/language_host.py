"""A language host: the process through which Pulumi's engine starts Python programs and policy packs.

The engine looks for a command named `pulumi-language-python`, reads a port from its output, and calls the service
`pulumirpc.LanguageRuntime` at that port. The official host is not served as a Go module, so `make engine` installs this
module under that name. The engine ends the host by a signal, or by closing its standard input.
Source: pulumi/pulumi, proto/pulumi/language.proto, and pkg/resource/plugin/langruntime_plugin.go.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent import futures
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from engine.language import EXIT_LOGGED

PATIENCE_SECONDS = 5.0
"""How long a child may take to end after SIGTERM before it is killed. The engine waits as long for the host."""
_MAX_MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's own limit."""
_ANALYZER = "analyzer"


class Child(subprocess.Popen[bytes]):
    """A program or a plugin that the host has started."""


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The calls that the engine makes to run a program or a policy pack."""

    def __init__(self, engine: str = "") -> None:
        self._engine = engine
        self._children: set[Child] = set()

    def Handshake(self, request: language_pb2.LanguageHandshakeRequest, context: Any) -> Any:
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi"))

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        """None: the engine finds a provider when a resource asks for it, and the stand-ins are attached already."""
        return language_pb2.GetRequiredPackagesResponse()

    def Cancel(self, request: empty_pb2.Empty, context: Any) -> empty_pb2.Empty:
        self.end_children()
        return empty_pb2.Empty()

    def Run(self, request: language_pb2.RunRequest, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        """Run a program. Its output is the host's own, which the engine shows line by line."""
        command = [
            *(_python(request.info), "-u", "-m", "engine.language"),
            *("--monitor", request.monitor_address, "--engine", self._engine),
            *("--project", request.project, "--stack", request.stack, "--organization", request.organization),
            *("--parallel", str(request.parallel), *(["--dry-run"] if request.dryRun else [])),
        ]
        configuration = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        folder = Path(request.info.program_directory, request.info.entry_point or ".")
        with self._child(command, context, cwd=folder, env={**os.environ, **configuration}) as child:
            code = child.wait()
        if code in (0, EXIT_LOGGED):
            return language_pb2.RunResponse(bail=code == EXIT_LOGGED)
        return language_pb2.RunResponse(error=f"program exited with code {code}")

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a plugin written in Python, and stream its output and its exit code. A policy pack is one."""
        program = Path(request.info.program_directory, request.info.entry_point or ".")
        start = ["-m", "pulumi.policy", *request.args, str(program)] if request.kind == _ANALYZER else None
        command = [_python(request.info), "-u", *(start or [str(program), *request.args])]
        environment = dict(entry.split("=", 1) for entry in request.env) or dict(os.environ)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self._child(command, context, cwd=request.pwd, env=environment, **pipes) as child:
            yield from _outputs(child)
            yield language_pb2.RunPluginResponse(exitcode=child.wait())

    def end_children(self) -> None:
        """End every program and plugin that still runs."""
        for child in tuple(self._children):
            child.terminate()
        for child in tuple(self._children):
            try:
                child.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()

    @contextlib.contextmanager
    def _child(
        self, command: Sequence[str], context: grpc.ServicerContext, *, env: Mapping[str, str], **options: Any
    ) -> Generator[Child]:
        """A child process that ends when the engine drops its call."""
        with Child(command, stdin=subprocess.DEVNULL, env=env, **options) as child:
            self._children.add(child)
            if not context.add_callback(child.terminate):
                child.terminate()  # the engine has dropped the call already
            try:
                yield child
            finally:
                child.terminate()
                self._children.discard(child)


def _python(info: language_pb2.ProgramInfo) -> str:
    """The interpreter of the project's virtual environment, or this one if the project names none."""
    if "virtualenv" not in info.options:
        return sys.executable
    return str(Path(info.root_directory, str(info.options["virtualenv"]), "bin", "python"))


def _outputs(child: Child) -> Iterator[language_pb2.RunPluginResponse]:
    """Both output streams of a child as they come, until both end."""
    chunks: queue.SimpleQueue[language_pb2.RunPluginResponse | None] = queue.SimpleQueue()

    def forward(stream: IO[bytes] | None, response: Callable[[bytes], language_pb2.RunPluginResponse]) -> None:
        assert stream is not None, "the child was started with pipes"
        while chunk := os.read(stream.fileno(), 65536):
            chunks.put(response(chunk))
        chunks.put(None)

    streams = (
        (child.stdout, lambda chunk: language_pb2.RunPluginResponse(stdout=chunk)),
        (child.stderr, lambda chunk: language_pb2.RunPluginResponse(stderr=chunk)),
    )
    for stream, response in streams:
        threading.Thread(target=forward, args=(stream, response), daemon=True).start()
    for _ in streams:
        yield from iter(chunks.get, None)


def main() -> int:
    """Serve until the engine closes standard input or sends a signal."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    host = LanguageHost(words[-1] if words else "")
    options = [("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=options)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    threading.Thread(target=_await_end_of_input, args=(over,), daemon=True).start()
    print(port, flush=True)
    over.wait()
    host.end_children()
    server.stop(grace=None)
    return 0


def _await_end_of_input(over: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    over.set()


if __name__ == "__main__":
    sys.exit(main())
