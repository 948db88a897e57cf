"""An HTTP server on loopback that can disappear and return at the same port, as a lost region does.

People and health checks send thousands of requests from its own process. A connection, two parsers and the turns of the
threads between them cost more than most answers, so such a request has a thread of the server, but no connection.
"""

from __future__ import annotations

import http
import json
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol, Self, cast
from urllib.parse import parse_qsl, urlsplit

from rehearsal.world.serving import STOP_SECONDS, ConnectionsServer, reset

_MOST_AT_ONCE = 1000
"""The requests without a connection that a server answers at once. There are fewer people and health checks."""
_serving = dict[tuple[str, int], "LoopbackServer"]()


class Headers(Protocol):
    """The headers of a request, by their names in small letters."""

    def get(self, name: str, default: str, /) -> str:
        """The value of a header."""
        ...


@dataclass(frozen=True)
class Request:
    """One HTTP request with a JSON body; without one, the body is empty."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    bearer: str = ""
    """The token of the Authorization header."""
    agent: str = ""
    """The User-Agent header."""
    host: str = ""
    """The Host header: the name that the client asked for."""
    socket_key: str = ""
    """The Sec-WebSocket-Key header of a client that opens a WebSocket."""

    @classmethod
    def read(cls, method: str, target: str, headers: Headers, raw: bytes) -> Self:
        """The request that a client sent.

        Args:
            method: the method.
            target: the path and the query.
            headers: the headers.
            raw: the body.

        Raises:
            ValueError: if the body is not a JSON object.
        """
        parts, body = urlsplit(target), json.loads(raw) if raw else {}
        if not isinstance(body, dict):
            raise ValueError("an object was expected")  # noqa: TRY004 - answered as any other malformed body
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        query, fields = dict(parse_qsl(parts.query)), cast("dict[str, Any]", body)
        agent, host, key = (headers.get(name, "") for name in ("user-agent", "host", "sec-websocket-key"))
        return cls(method, parts.path, query, fields, bearer, agent, host, key)


@dataclass(frozen=True)
class Reply:
    """An HTTP status, a JSON body, and headers."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def payload(self) -> bytes:
        """The body as it is sent."""
        opens = self.status == http.HTTPStatus.SWITCHING_PROTOCOLS
        return b"" if opens else json.dumps(self.body).encode()


Pending = Future[Reply]


class LoopbackServer:
    """Serves `answer`, one thread per request, from `start` to `close`.

    An exception in `answer` becomes a 500 that names it, so that an error in the rehearsal itself shows in its figures.
    """

    def __init__(self, name: str, answer: Callable[[Request], Reply]) -> None:
        self._answer = answer
        self._server = _Server(self.reply)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(STOP_SECONDS,), name=name, daemon=True)
        self._pool = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._pending = set[Pending]()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, which never change."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Start answering."""
        self._thread.start()
        _serving[self.address] = self

    def cut(self) -> None:
        """Disappear: open connections break without an answer, and new ones are reset."""
        self._server.vanish()
        with self._lock:
            for pending in self._pending:
                pending.set_exception(ConnectionResetError("the server disappeared"))
            self._pending.clear()

    def restore(self) -> None:
        """Answer again."""
        self._server.gone.clear()

    def close(self) -> None:
        """Disappear for good. When this returns, every thread has ended."""
        _serving.pop(self.address, None)
        self.cut()
        self._pool.shutdown()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def reply(self, method: str, target: str, headers: Headers, raw: bytes) -> Reply:
        """The answer to a request, given its words."""
        try:
            request = Request.read(method, target, headers, raw)
        except ValueError as error:
            return Reply(400, {"error": f"the body is not a JSON object: {error}"})
        try:
            return self._answer(request)
        except Exception as error:  # noqa: BLE001 - told in the answer, see the class
            return Reply(500, {"error": repr(error)})

    def ask(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Pending:
        """Begin to answer a request of this process. It fails when the server disappears, as a connection does.

        Raises:
            ConnectionResetError: if the server has disappeared.
        """
        pending, by_name = Pending(), {name.lower(): value for name, value in headers.items()}
        with self._lock:
            if self._server.gone.is_set():
                raise ConnectionResetError("the server has disappeared")
            self._pending.add(pending)
            self._pool.submit(self._work, pending, method, target, by_name, raw)
        return pending

    def _work(self, pending: Pending, *words: Any) -> None:
        reply = self.reply(*words)
        with self._lock:
            if pending in self._pending:  # otherwise the server disappeared before the answer
                self._pending.remove(pending)
                pending.set_result(reply)


def server_at(address: tuple[str, int]) -> LoopbackServer | None:
    """The server of this process that serves at an address; None if it is another process's, or does not serve."""
    return _serving.get(address)


class _Server(ConnectionsServer):
    daemon_threads = False  # so that server_close waits for them

    def __init__(self, reply: Callable[[str, str, Headers, bytes], Reply]) -> None:
        self.reply = reply
        self.gone = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    def vanish(self) -> None:
        self.gone.set()
        self.reset_all()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        super().verify_request(request, client_address)
        if self.gone.is_set():
            reset(request)
            return False
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Log nothing: the client records each answer."""

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = cast("_Server", self.server).reply(self.command, self.path, self.headers, raw)
        payload = reply.payload
        self.send_response(reply.status)
        if reply.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)
