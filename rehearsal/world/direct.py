"""AWS's answers to this process without a connection: moto's application is called where the request is made.

A connection to loopback, its thread and its parser cost twice what moto itself needs for an item of DynamoDB.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from moto.core.botocore_stubber import MockRawResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from urllib3 import HTTPHeaderDict
from werkzeug.exceptions import InternalServerError
from werkzeug.test import run_wsgi_app

Answer = tuple[int, list[tuple[str, str]], bytes]
"""A status, headers and a body."""

ONE_AT_A_TIME = threading.Lock()
"""Held by whoever asks moto. Its models are not made for threads: `create_role` reads all roles while another request
adds one, and the answer is a 500 then. The first request to a service also parses Python code, where Python 3.11 may
raise SystemError if two threads do so at once: python/cpython issue 106905."""

_log = logging.getLogger(__name__)
_applications = dict[str, DomainDispatcherApplication]()
_send: Callable[[Any, Any], AWSResponse] = URLLib3Session.send


@contextmanager
def direct(address: str) -> Generator[None]:
    """Answer the calls of this process to an account without a connection while the block lasts.

    Args:
        address: the account's host and port. Other processes still connect to it.
    """
    URLLib3Session.send = _send_directly
    _applications[address] = DomainDispatcherApplication(create_backend_app)
    try:
        yield
    finally:
        del _applications[address]


def ask(address: str, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
    """The answer of an account to one request.

    Args:
        address: the account's host and port.
        method: the method.
        target: the path and the query.
        headers: the headers.
        body: the body.

    Raises:
        KeyError: if the account is not in this process.
    """
    environ = _environ(address, method, target, headers, body)
    application: Any = _applications[address]
    try:
        chunks, status, answered = run_wsgi_app(application, environ, buffered=True)
    except Exception:  # noqa: BLE001 - as werkzeug's server, which answers so to an error in moto
        _log.exception("%s %s", method, target)
        chunks, status, answered = run_wsgi_app(InternalServerError(), environ, buffered=True)
    return int(status.partition(" ")[0]), list(answered), b"".join(chunks)


def _send_directly(self: URLLib3Session, request: AWSRequest | AWSPreparedRequest) -> AWSResponse:
    """As botocore sends a request, which it does with a connection if the account is not in this process."""
    url = urlsplit(str(request.url))
    headers = [(name, _text(value)) for name, value in request.headers.items()]
    body = request.body or b""
    sent = body.encode() if isinstance(body, str) else body
    if (
        url.netloc not in _applications
        or not isinstance(sent, (bytes, bytearray))
        or any("_" in name for name, _ in headers)
    ):
        return _send(self, request)
    target = url._replace(scheme="", netloc="").geturl()
    status, answered, answer = ask(url.netloc, str(request.method), target, headers, bytes(sent))
    return AWSResponse(request.url, status, HTTPHeaderDict(answered), MockRawResponse(answer))  # pyright: ignore[reportArgumentType] - as botocore does


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _environ(address: str, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """The environment as werkzeug's server makes it."""
    path, _, query = target.partition("?")
    host, _, port = address.rpartition(":")
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path).encode().decode("latin1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": address,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
