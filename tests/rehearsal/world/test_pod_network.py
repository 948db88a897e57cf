"""Lines to a server: they carry bytes while their way is open, and are silent when it is closed."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from rehearsal.world.pod_network import Line, Lines

SILENT_SECONDS = 0.2


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data.upper())


@pytest.fixture
def server() -> Iterator[int]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Echo) as found:
        threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
        yield int(found.server_address[1])
        found.shutdown()


def asked(connection: socket.socket) -> bytes:
    connection.sendall(b"hello")
    connection.settimeout(10)
    return connection.recv(100)


def is_silent(connection: socket.socket) -> bool:
    connection.sendall(b"hello")
    connection.settimeout(SILENT_SECONDS)
    try:
        connection.recv(100)
    except TimeoutError:
        return True
    return False


def test_an_open_way_carries_both_ways_and_a_closed_one_is_silent(server: int) -> None:
    closed: list[str] = []
    with Line(lambda: closed[-1] if closed else None, ("127.0.0.1", server)) as line:
        address = ("127.0.0.1", line.port)
        with socket.create_connection(address) as early:
            assert asked(early) == b"HELLO"
            closed.append("a security group refuses it")
            with socket.create_connection(address) as late:
                assert is_silent(late)
                assert asked(early) == b"HELLO", "a tracked connection stays"
            closed.clear()
            with socket.create_connection(address) as again:
                assert asked(again) == b"HELLO"


def test_a_server_that_does_not_run_refuses() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Line(lambda: None, ("127.0.0.1", port)) as line, socket.create_connection(("127.0.0.1", line.port)) as asker:
        assert asker.recv(100) == b""


def test_without_a_network_pods_ask_the_server_itself() -> None:
    assert Lines(None).port({}, {}, 1234) == 1234
