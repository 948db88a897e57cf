"""The platform as people meet it: requests by its public names."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
from collections.abc import Mapping
from typing import Any, Protocol


class RefusedError(Exception):
    """An answer other than the expected one."""


class NoAnswerError(LookupError):
    """A name leads nowhere."""


FAILURES = (OSError, http.client.HTTPException, json.JSONDecodeError, NoAnswerError, RefusedError)
"""Each means that the request is not known to have been served."""


class Web(Protocol):
    """A client of the platform. Every method raises one of FAILURES for any other answer than the expected one."""

    def send(self, host: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The answer to a request, as JSON. It follows where a 307 leads."""
        ...

    def insist(self, host: str, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a write that has an id, and again while it is not answered, as docs/clients.md says."""
        ...

    def open_socket(self, host: str, path: str) -> None:
        """Open a WebSocket, and close it."""
        ...


_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Source: RFC 6455, section 1.3."""


def new_key() -> str:
    """A key that a client draws for one opening of a WebSocket."""
    return base64.b64encode(secrets.token_bytes(16)).decode()


def accept_of(key: str) -> str:
    """The answer to a key, which only a server of WebSockets gives."""
    return base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()).decode()


def opening(key: str) -> Mapping[str, str]:
    """The headers with which a client opens a WebSocket. Source: RFC 6455, section 4.1."""
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
    }
