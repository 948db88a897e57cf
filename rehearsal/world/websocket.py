"""The opening handshake of a WebSocket. Source: RFC 6455, section 4."""

from __future__ import annotations

import base64
import hashlib
import http
import secrets
from collections.abc import Mapping

from rehearsal.world.loopback import Reply

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def new_key() -> str:
    """A key that a client draws for one opening."""
    return base64.b64encode(secrets.token_bytes(16)).decode()


def accept_of(key: str) -> str:
    """The answer to a key, which only a server of WebSockets gives."""
    return base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()).decode()


def opening(key: str) -> Mapping[str, str]:
    """The headers with which a client opens one."""
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
    }


def opened(key: str) -> Reply:
    """The answer of a server; 400 to a request without a key."""
    if not key:
        return Reply(http.HTTPStatus.BAD_REQUEST, {"error": "this is no opening of a WebSocket"})
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": accept_of(key)}
    return Reply(http.HTTPStatus.SWITCHING_PROTOCOLS, {}, headers)
