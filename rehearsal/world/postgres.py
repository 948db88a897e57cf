"""Real PostgreSQL servers on loopback, one per database of the timeline, with real streaming replication.

Commits are durable (fsync) and do not wait for the replica, as between regions: the loss is measured and not assumed.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

from recovery.naming import DATABASE_NAME
from rehearsal.world import binaries
from rehearsal.world.archive import Archive
from rehearsal.world.binaries import Account, PostgresError
from rehearsal.world.schema import change_password, create_database, extensions, load_schema
from rehearsal.world.server import ADMIN, ADMIN_ENVIRONMENT, Server, free_port, slot, wal_position

PATIENCE_SECONDS = 20.0
"""The limit in real seconds for a server to start, stop or catch up."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "hot_standby": "on",
    "max_wal_senders": "8",
    "max_replication_slots": "8",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so that a killed server leaves nothing in /dev/shm
    "wal_retrieve_retry_interval": "500ms",
}


class PostgresServers:
    """The servers of a rehearsal, by name. Safe to share between threads. Closing it removes everything.

    Args:
        root: the folder for each server's log, `<name>.log`. Data and sockets are in a temporary one: a path is short.
    """

    def __init__(self, root: Path) -> None:
        self._programs = binaries.programs()
        self._account = Account.current()
        self._logs = root
        self._logs.mkdir(parents=True, exist_ok=True)
        self._home = Path(tempfile.mkdtemp(prefix="lifeline-pg-"))
        self._account.own(self._home)
        self._lock = threading.RLock()
        self._servers: dict[str, Server] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._archive = Archive(self._home, self._programs, self._account)
        atexit.register(self.stop_all)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def __getitem__(self, name: str) -> Server:
        # Reads take no lock, because a request must not wait while a replica is created.
        server = self._servers.get(name)
        if server is None:
            raise PostgresError(f"there is no server {name}, only {', '.join(self._servers) or 'none'}")
        return server

    def __contains__(self, name: object) -> bool:
        return name in self._servers

    def create(self, name: str, password: str, *, tables: bool = True) -> Server:
        """Create and start a new, writable server with the platform's database, and its tables or none.

        Raises:
            PostgresError: if the name is taken or the server does not start.
        """
        with self._lock:
            server = self._admit(name, password)
            self._initialise(name)
            self._servers[name] = server
            self.start(name)
            create_database(server)
            if tables:
                load_schema(server)
            return server

    def replicate(self, name: str, source_name: str, *, delay: int = 0) -> Server:
        """Create and start a replica of a running server, which applies each change `delay` real milliseconds later.

        Raises:
            PostgresError: if the name is taken, the source does not run or the replica does not start.
        """
        with self._lock:
            source = self[source_name]
            server = self._admit(name, source.password)
            command = [
                *(self._programs / "pg_basebackup", "-D", self._data(name), *source.admin_arguments, "-X", "stream"),
                *("-c", "fast", "-R", "-C", "-S", slot(name), "--no-sync"),
            ]
            binaries.run(command, self._account, ADMIN_ENVIRONMENT)
            settings = self._data(name) / "postgresql.auto.conf"
            settings.write_text(f"{settings.read_text()}recovery_min_apply_delay = {delay}\n")
            self._servers[name] = server
            self.start(name)
            return server

    def back_up(self, name: str) -> None:
        """Take a base backup of a running server. With its archived log, any later moment can be restored."""
        self._archive.back_up(self[name])

    def archive(self, name: str) -> None:
        """Archive the whole log of a running server, which RDS does every five minutes."""
        self._archive.complete(self[name])

    def restore(self, name: str, source_name: str, moment: str) -> Server:
        """Create and start a writable server with the data of another server, alive or dead, at a moment.

        Args:
            name: of the new server.
            source_name: the server whose backup is restored.
            moment: in UTC, such as `2026-11-24T03:00:00Z`; or `latest`.

        Raises:
            PostgresError: if there is no backup, or its log ends before the moment.
        """
        with self._lock:
            source = self[source_name]
            if self.is_running(source_name):
                self._archive.complete(source)
            server = self._admit(name, source.password)
            self._archive.unpack(name, self._data(name), source_name, moment)
            self._servers[name] = server
            self.start(name)
            self._wait_writable(name)
            return server

    def start(self, name: str) -> None:
        """Start a killed server again. Does nothing if it runs.

        Raises:
            PostgresError: if it does not accept connections in time.
        """
        with self._lock:
            server = self[name]
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not self.is_running(name):
                self._launch(server)
                if self._answers(server, deadline):
                    return
                if time.monotonic() > deadline:
                    raise PostgresError(f"{name} did not start: {self._last_words(name)}")
                time.sleep(0.1)  # the processes of a killed server may not have ended yet

    def promote(self, name: str) -> None:
        """Promote a replica.

        Raises:
            PostgresError: if it is not a replica, or does not answer.
        """
        server = self[name]
        if not server.truth("SELECT pg_is_in_recovery()"):
            raise PostgresError(f"{name} is not a replica: there is nothing to promote")
        if not server.truth("SELECT pg_promote(wait => true)"):
            raise PostgresError(f"{name} was not promoted in time")

    def change_password(self, name: str, password: str) -> None:
        """Change the owner's password, as RDS does for a master user. The replicas of a server have it too."""
        changed = self[name]
        change_password(changed, password)
        for known, server in [*self._servers.items()]:
            if server.password == changed.password:
                self._servers[known] = replace(server, password=password)

    def kill(self, name: str) -> None:
        """Kill a server (SIGKILL), so that nothing is flushed or sent. Does nothing if it is dead already."""
        with self._lock:
            process = self._processes.pop(self[name].name, None)
            if process is not None:
                binaries.kill(process)
                process.wait(PATIENCE_SECONDS)

    def is_running(self, name: str) -> bool:
        """Whether the server's process runs."""
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def is_writable(self, name: str) -> bool:
        """Whether the server takes writes now: it answers, is no replica and is not set read-only."""
        try:
            return self[name].truth(
                "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean",
                DATABASE_NAME,  # a fence sets this database read-only, not the server
            )
        except PostgresError:
            return False

    def wait_caught_up(self, name: str, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until a replica has replayed everything that its source had written at the time of the call.

        Args:
            name: the replica.
            timeout: real seconds.

        Raises:
            PostgresError: if it does not in time, is no replica, or its source does not answer.
        """
        replica = self[name]
        target = self._source_of(replica).text("SELECT pg_current_wal_lsn()::text")
        deadline = time.monotonic() + timeout
        while True:
            replayed = replica.text("SELECT pg_last_wal_replay_lsn()::text")
            if wal_position(replayed) >= wal_position(target):
                return
            if time.monotonic() > deadline:
                raise PostgresError(f"{name} has replayed {replayed} of {target} after {timeout} s")
            time.sleep(0.02)

    def stop_all(self) -> None:
        """Stop every server and delete its data. Logs are kept. May be called again."""
        with self._lock:
            for process in self._processes.values():
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGQUIT)
            for process in self._processes.values():
                binaries.reap(process, PATIENCE_SECONDS)
            self._processes.clear()
            for name in self._servers:
                binaries.remove_shared_memory(self._data(name))
            self._servers.clear()
            shutil.rmtree(self._home, ignore_errors=True)
            atexit.unregister(self.stop_all)

    def _admit(self, name: str, password: str) -> Server:
        if name in self._servers:
            raise PostgresError(f"there is a server {name} already")
        if not self._home.exists():
            raise PostgresError("the servers were closed")
        return Server(name, free_port(), password)

    def _data(self, name: str) -> Path:
        return self._home / name

    def _wait_writable(self, name: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self[name].truth("SELECT pg_is_in_recovery()"):
            if time.monotonic() > deadline:
                raise PostgresError(f"{name} does not end its recovery: {self._last_words(name)}")
            time.sleep(0.05)

    def _initialise(self, name: str) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self._home, prefix="password-") as secret:
            secret.write(ADMIN_ENVIRONMENT["PGPASSWORD"])
            secret.flush()
            self._account.own(Path(secret.name))
            command = [self._programs / "initdb", "-D", self._data(name), "-U", ADMIN, "--pwfile", secret.name]
            command += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--wal-segsize", "1"]
            binaries.run([*command, "--no-sync", "--no-instructions"], self._account)

    def _launch(self, server: Server) -> None:
        command: list[str | Path] = [self._programs / "postgres", "-D", self._data(server.name), "-p", str(server.port)]
        own = {"unix_socket_directories": str(self._home), **self._archive.settings(server.name)}
        own |= extensions(self._home)
        for key, value in {**_SETTINGS, **own}.items():
            command += ["-c", f"{key}={value}"]
        with (self._logs / f"{server.name}.log").open("ab") as log:
            self._processes[server.name] = binaries.start(command, self._account, log)

    def _answers(self, server: Server, deadline: float) -> bool:
        while self.is_running(server.name) and time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), server.connect_as_admin():
                return True
            time.sleep(0.02)
        return False

    def _last_words(self, name: str) -> str:
        return "\n".join((self._logs / f"{name}.log").read_text(errors="replace").splitlines()[-5:])

    def _source_of(self, replica: Server) -> Server:
        conninfo = conninfo_to_dict(replica.text("SHOW primary_conninfo"))
        port = str(conninfo.get("port", ""))
        for server in tuple(self._servers.values()):
            if str(server.port) == port:
                return server
        raise PostgresError(f"{replica.name} follows nobody")
