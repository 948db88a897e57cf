"""A PostgreSQL server for one check, in the job's own pod: never on the leader's instance."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from operations.environment import DatabaseAddress
from operations.postgres_programs import ProgramError, first_error

START_SECONDS = 60.0
_DATABASE = "restored"
_USER = "lifeline"
_PORT = 5432
"""Part of the socket's name. The server listens to no network."""
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "10",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "128MB",
    # Nothing of it is kept, so nothing needs to survive a crash.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "log_min_error_statement": "panic",
    "log_min_messages": "fatal",
}


@contextmanager
def scratch_server(folder: Path) -> Generator[DatabaseAddress]:
    """An empty database on a new server, which is removed with its data at the end.

    Args:
        folder: an existing folder on the scratch volume. Its path is short, because a socket's path must be.

    Raises:
        ProgramError: if the server does not start.
    """
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)  # a job that was killed has left it
    try:
        _run("initdb", f"--pgdata={data}", f"--username={_USER}", "--auth=trust", "--encoding=UTF8", "--locale=C")
        with _running(folder, data):
            yield _address(folder, _DATABASE)
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def _running(folder: Path, data: Path) -> Generator[None]:
    command = ["postgres", "-D", str(data), "-p", str(_PORT)]
    for key, value in {**_SETTINGS, "unix_socket_directories": str(folder)}.items():
        command += ["-c", f"{key}={value}"]
    log = folder / "postgres.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/")
    try:
        _create_database(folder, server, log)
        yield
    finally:
        server.terminate()
        try:
            server.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _create_database(folder: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(_address(folder, "postgres").conninfo(), autocommit=True) as connection,
        ):
            connection.execute(f"CREATE DATABASE {_DATABASE}".encode())
            return
        time.sleep(0.05)
    raise ProgramError(f"the scratch server does not start: {first_error(log.read_bytes())}")


def _address(folder: Path, name: str) -> DatabaseAddress:
    password = folder / "no-password"
    password.touch()
    return DatabaseAddress(str(folder), _PORT, name, _USER, password)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, check=False, cwd="/")
    if done.returncode != 0:
        raise ProgramError(f"{command[0]} failed with exit code {done.returncode}: {first_error(done.stderr)}")
