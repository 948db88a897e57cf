"""The stand-in for AWS itself: a moto server on loopback that begins empty."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer


@contextmanager
def empty_account() -> Generator[str]:
    """The endpoint of an account with nothing in it.

    moto keeps one account for the whole process: what an earlier one left is taken away first, and two at a time would
    be the same one.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for every call otherwise
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        reset = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")
        with urllib.request.urlopen(reset) as answer:
            answer.read()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
