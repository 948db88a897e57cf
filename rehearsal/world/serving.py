"""A socket server in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

STOP_SECONDS = 0.1
"""Real seconds until the server notices that it is to stop."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with zero seconds: closing a connection resets it."""


class ConnectionsServer(ThreadingHTTPServer):
    """An HTTP server that can break the connections that are open."""

    request_queue_size = 128

    def __init__(self, *words: Any) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(*words)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Note a new connection."""
        with self._open_lock:
            self._open.add(request)
        return True

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def reset_all(self) -> None:
        """Reset every open connection."""
        with self._open_lock:
            for connection in self._open:
                reset(connection)


def reset(connection: socket.socket) -> None:
    """Let a connection break for both sides."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.shutdown(socket.SHUT_RDWR)


class Serving:
    """A server that answers while the block lasts.

    Args:
        server: the server, which has its port already.
        name: of the thread.
    """

    def __init__(self, server: socketserver.TCPServer, name: str) -> None:
        self._listening = server
        self._thread = threading.Thread(target=server.serve_forever, args=(STOP_SECONDS,), name=name, daemon=True)

    @property
    def port(self) -> int:
        """The port."""
        return int(self._listening.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown()
        self._thread.join()
        self._listening.server_close()
