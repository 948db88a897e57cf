"""The opening handshake of a WebSocket. Source: RFC 6455, section 4."""

from __future__ import annotations

import http

from procedures.web import accept_of
from rehearsal.world.loopback import Reply


def opened(key: str) -> Reply:
    """The answer of a server; 400 to a request without a key."""
    if not key:
        return Reply(http.HTTPStatus.BAD_REQUEST, {"error": "this is no opening of a WebSocket"})
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": accept_of(key)}
    return Reply(http.HTTPStatus.SWITCHING_PROTOCOLS, {}, headers)
