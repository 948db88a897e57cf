"""An HTTP server on loopback that can disappear and return at the same port, as a lost region does."""

from __future__ import annotations

import http
import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from rehearsal.world.serving import STOP_SECONDS, ConnectionsServer, reset


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


@dataclass(frozen=True)
class Reply:
    """An HTTP status, a JSON body, and headers."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class LoopbackServer:
    """Serves `answer`, one thread per request, from `start` to `close`.

    An exception in `answer` becomes a 500 that names it, so that an error in the rehearsal itself shows in its figures.
    """

    def __init__(self, name: str, answer: Callable[[Request], Reply]) -> None:
        self._server = _Server(answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(STOP_SECONDS,), name=name, daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, which never change."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Start answering."""
        self._thread.start()

    def cut(self) -> None:
        """Disappear: open connections break without an answer, and new ones are reset."""
        self._server.vanish()

    def restore(self) -> None:
        """Answer again."""
        self._server.gone.clear()

    def close(self) -> None:
        """Disappear for good. When this returns, every thread has ended."""
        self._server.vanish()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ConnectionsServer):
    daemon_threads = False  # so that server_close waits for them

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
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
        server = cast("_Server", self.server)
        try:
            request = self._request()
        except ValueError as error:
            reply = Reply(400, {"error": f"the body is not a JSON object: {error}"})
        else:
            try:
                reply = server.answer(request)
            except Exception as error:  # noqa: BLE001 - told in the answer, see LoopbackServer
                reply = Reply(500, {"error": repr(error)})
        self._send(reply)

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else {}
        if not isinstance(body, dict):
            raise ValueError("an object was expected")  # noqa: TRY004 - answered as any other malformed body
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        query, fields = dict(parse_qsl(parts.query)), cast("dict[str, Any]", body)
        agent, host, key = (self.headers.get(name, "") for name in ("User-Agent", "Host", "Sec-WebSocket-Key"))
        return Request(self.command, parts.path, query, fields, bearer, agent, host, key)

    def _send(self, reply: Reply) -> None:
        payload = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        if reply.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
            payload = b""
        else:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)
