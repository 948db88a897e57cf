"""The network of the pods of one cluster, and connections to databases that it carries or does not."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import socketserver
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.declared import Declared
from rehearsal.world.front import HTTPS_PORT
from rehearsal.world.policies import End, refusal
from rehearsal.world.services import address_of_service, to_service
from rehearsal.world.serving import Serving
from rehearsal.world.tls import no_tls
from rehearsal.world.ways import address_of_database, to_database

_CHUNK = 1 << 16
Labels = Mapping[str, str]


@dataclass(frozen=True)
class PodNetwork:
    """The ways of the pods of a cluster, by their labels.

    Args:
        declared: the resources of the account.
        name: the cluster's name.
        cluster: its objects.
        namespace: the pods' namespace.
    """

    declared: Declared
    name: str
    cluster: KubernetesApi
    namespace: str

    def to_database(self, labels: Labels, host: str, port: int) -> str | None:
        """The reason for which a packet does not arrive at a database; None if it does."""
        receiver = End(address_of_database(self.declared, host))
        return to_database(self.declared, host, port, self.name) or self._refusal(labels, receiver, port)

    def to_session(self, labels: Labels, host: str, port: int, environment: Mapping[str, str]) -> str | None:
        """The reason for which a job with an environment gets no session of a database; None if it does."""
        return self.to_database(labels, host, port) or no_tls(self.declared, host, environment)

    def to_service(self, labels: Labels, service: str) -> str | None:
        """The reason for which a call does not arrive at a service of AWS in the cluster's region; None if it does."""
        receiver = End(address_of_service(self.declared, self.name, service))
        return to_service(self.declared, self.name, service) or self._refusal(labels, receiver, HTTPS_PORT)

    def _refusal(self, labels: Labels, receiver: End, port: int) -> str | None:
        return refusal(self.cluster, End(namespace=self.namespace, labels=labels), receiver, port)


class Line(Serving):
    """A port of this machine that leads to a server as long as a way is open. A closed way is silent.

    A connection stays when the way closes later, as security groups do not cut tracked connections (Amazon EC2 User
    Guide, "Security group connection tracking").

    Args:
        way: returns the reason for which a new connection does not arrive; None if it does.
        target: the address of the server.
    """

    def __init__(self, way: Callable[[], str | None], target: tuple[str, int]) -> None:
        super().__init__(_Server(way, target), "line")


class Lines:
    """The lines of the pods of one cluster, each from its first use until `close`.

    Args:
        network: the ways of the pods; without it, every pod reaches every database.
    """

    def __init__(self, network: PodNetwork | None) -> None:
        self._network = network
        self._open, self._known = contextlib.ExitStack(), dict[str, Line]()

    def port(self, labels: Labels, environment: Mapping[str, str], server: int) -> int:
        """The port of this machine at which a pod finds its database, if it reaches it.

        Args:
            labels: of the pod.
            environment: of the pod, with the declared host and port of the database.
            server: the database's port on this machine.
        """
        if (network := self._network) is None:
            return server
        host, port = environment["DB_HOST"], int(environment["DB_PORT"])
        tls = {name: value for name, value in environment.items() if name.startswith("PGSSL")}
        key = json.dumps([labels, host, port, tls], sort_keys=True)
        if key not in self._known:
            line = Line(lambda: network.to_session(labels, host, port, tls), ("127.0.0.1", server))
            self._known[key] = self._open.enter_context(line)
        return self._known[key].port

    def close(self) -> None:
        """Close every line."""
        self._open.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, way: Callable[[], str | None], target: tuple[str, int]) -> None:
        self.way, self.target = way, target
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server, asker = cast("_Server", self.server), cast("socket.socket", self.request)
        with contextlib.suppress(OSError):
            if server.way() is not None:
                while asker.recv(_CHUNK):  # until the asker gives up
                    pass
                return
            with socket.create_connection(server.target) as answerer:
                _carry(asker, answerer)


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one end closes."""
    with selectors.DefaultSelector() as ready:
        for end, opposite in ((one, other), (other, one)):
            ready.register(end, selectors.EVENT_READ, opposite)
        while True:
            for key, _ in ready.select():
                if not (data := cast("socket.socket", key.fileobj).recv(_CHUNK)):
                    return
                key.data.sendall(data)
