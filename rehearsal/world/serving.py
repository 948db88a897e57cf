"""A socket server in a thread of its own."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Self

STOP_SECONDS = 0.1
"""Real seconds until the server notices that it is to stop."""


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
