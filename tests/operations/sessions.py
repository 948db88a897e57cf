"""Sessions of people and programs at a real database: what they may do, and whether they were ended."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg

from rehearsal.world.postgres import Server

_numbers = itertools.count()


def write(connection: psycopg.Connection) -> str:
    user = f"user-{next(_numbers)}"
    connection.execute("INSERT INTO users (id) VALUES (%s)", [user])
    return user


def is_writable(server: Server) -> bool:
    with server.connect() as connection:
        try:
            write(connection)
        except psycopg.errors.ReadOnlySqlTransaction:
            return False
        return True


def users(server: Server) -> set[str]:
    with server.connect() as connection:
        return {row[0] for row in connection.execute("SELECT id FROM users").fetchall()}


def is_ended(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


@contextmanager
def in_background(work: Callable[[threading.Event], None], *, times: int) -> Generator[None]:
    """A thread that repeats an action until it is stopped or fails."""
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for _ in range(times)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
