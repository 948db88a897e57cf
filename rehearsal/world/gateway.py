"""AWS as a pod sees it: moto's answers for what its role allows, none from lost regions, one ledger in all regions."""

from __future__ import annotations

import contextlib
import http
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, cast
from urllib.parse import urlsplit

from recovery.naming import LEDGER_KEY, LEDGER_TABLE
from rehearsal.world.copies import Encoded, TableCopy
from rehearsal.world.direct import Answer, ask
from rehearsal.world.faults import Faults, RegionUnavailableError, ThrottledError
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.permissions import Received, UnknownCallError
from rehearsal.world.serving import ConnectionsServer, Serving

_SCOPE = re.compile(r"Credential=(?P<caller>[^/]+)/[0-9]{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_REFUSALS = {
    "rds": (
        http.HTTPStatus.FORBIDDEN,
        "text/xml",
        "<ErrorResponse><Error><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>",
    ),
    "s3": (
        http.HTTPStatus.FORBIDDEN,
        "application/xml",
        "<Error><Code>{}</Code><Message>{}</Message></Error>",
    ),
}
_JSON = "application/x-amz-json-1.0"
_REFUSAL = (
    http.HTTPStatus.BAD_REQUEST,
    _JSON,
    '{{"__type": "{}Exception", "message": "{}"}}',
)
"""How a service refuses: RDS and S3 in XML, the others in JSON."""
_WRITES = {"PutItem": "Item", "UpdateItem": "Key"}
"""The part of a write that has the item's key."""
_MOST_KEYS = 100
"""The most items of one BatchGetItem. Source: Amazon DynamoDB API Reference."""
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


class AwsGateway(Serving):
    """An endpoint for AWS clients, from `start` to `close`. A call's signature names its service and region.

    Args:
        upstream: moto's address.
        faults: the lost regions and control planes. Calls to them end in a broken connection.
        ledger: the global table. A write to one region's table is replicated before it is acknowledged.
        refusal: takes the access key of the caller and the call; returns the words of a refusal, or None.
        way: takes the access key of the caller and a service; returns the reason for which no call arrives, or None.
    """

    def __init__(
        self,
        upstream: str,
        *,
        faults: Faults,
        ledger: GlobalTable,
        refusal: Callable[[str, Received], str | None],
        way: Callable[[str, str], str | None] = lambda *_: None,
    ) -> None:
        super().__init__(_Server(upstream, faults, ledger, refusal, way), "aws-gateway")

    @property
    def url(self) -> str:
        """The address of the endpoint."""
        return f"http://127.0.0.1:{self.port}"


class _Server(ConnectionsServer):
    daemon_threads = True

    def __init__(
        self,
        upstream: str,
        faults: Faults,
        ledger: GlobalTable,
        refusal: Callable[[str, Received], str | None],
        way: Callable[[str, str], str | None],
    ) -> None:
        self.way = way
        self.upstream = urlsplit(upstream).netloc
        self.faults = faults
        self.ledger = ledger
        self.refusal = refusal
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_close(self) -> None:
        super().server_close()
        self.reset_all()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 65
    """Real seconds. A pod keeps its connection, as one to AWS: a new one for each call costs as much as the call."""

    def do_GET(self) -> None:
        self._pass_on()

    do_POST = do_GET  # noqa: N815 - the base class's own names
    do_PUT = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815
    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Log nothing: the callers have logs of their own."""

    def _pass_on(self) -> None:
        server = cast("_Server", self.server)
        if self.headers.get("Expect") == "100-continue":  # S3's client sends the body a second later otherwise
            self.send_response_only(http.HTTPStatus.CONTINUE)
            self.end_headers()
            del self.headers["Expect"]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scope = _SCOPE.search(self.headers.get("Authorization", ""))
        region, service, caller = scope.group("region", "service", "caller") if scope else ("", "", "")
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        received = Received(
            service=service, region=region, method=self.command, path=self.path, operation=operation, body=body
        )
        server.faults.delay(service, region)
        try:
            # A condition holds in all regions at once, so no other write comes between it and its effect.
            with server.ledger.exclusive() if operation in _WRITES else contextlib.nullcontext():
                answer = self._result(server, caller, received)
        except RegionUnavailableError:
            self.close_connection = True
            return  # nothing answers, not even with a refusal
        except ThrottledError as error:
            answer = _refusal(received.service, str(error), "Throttling")
        self._answer(*answer)

    def _result(self, server: _Server, caller: str, received: Received) -> Answer:
        region, operation = received.region, received.operation
        if closed := server.way(caller, received.service):
            raise RegionUnavailableError(received.service, region, closed)
        if received.service == "dynamodb":
            server.ledger.enter(region, operation)
        else:
            server.faults.check(received.service, region, operation)
        refusal = _refused(server, caller, received)
        if refusal is not None:
            return refusal
        if (items := _items(received)) is not None:
            found = {"Responses": {LEDGER_TABLE: items}, "UnprocessedKeys": {}}
            return http.HTTPStatus.OK, [("Content-Type", _JSON)], json.dumps(found).encode()
        headers = self.headers.items()
        status, answered, answer = ask(server.upstream, self.command, self.path, headers, received.body)
        if operation in _WRITES and status == http.HTTPStatus.OK:
            server.ledger.mirror(region, json.loads(received.body)[_WRITES[operation]][LEDGER_KEY]["S"])
        return status, answered, answer

    def _answer(self, status: int, headers: list[tuple[str, str]], answer: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(answer)))
        self.send_header("Content-Length", length)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the pod that asked was killed
            self.end_headers()
            self.wfile.write(answer)


def _items(received: Received) -> list[Encoded] | None:
    """The whole items that a call reads from the ledger at once. None for another call, which moto answers."""
    if received.operation != "BatchGetItem":
        return None
    asked = json.loads(received.body)["RequestItems"]
    if asked.keys() != {LEDGER_TABLE} or not asked[LEDGER_TABLE].keys() <= {"Keys", "ConsistentRead"}:
        return None
    keys = [key[LEDGER_KEY]["S"] for key in asked[LEDGER_TABLE]["Keys"]]
    if len(keys) > _MOST_KEYS or len(set(keys)) < len(keys):
        return None  # moto refuses it, as DynamoDB does
    return TableCopy(received.region).get_many(keys)


def _refused(server: _Server, caller: str, received: Received) -> Answer | None:
    try:
        words = server.refusal(caller, received)
    except UnknownCallError as error:
        words = str(error)
    if words is None:
        return None
    return _refusal(received.service, words)


def _refusal(service: str, words: str, code: str = "AccessDenied") -> Answer:
    status, kind, form = _REFUSALS.get(service, _REFUSAL)
    return status, [("Content-Type", kind)], form.format(code, words).encode()
