"""PostgreSQL's own programs: `pg_dump` and `pg_restore`, as streams."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from operations.environment import DatabaseAddress
from operations.job import JobFailedError, uninterrupted
from operations.log import say

PROGRESS_SECONDS = 30.0
LOCK_WAIT_MILLISECONDS = 60_000
"""A migration that holds a lock for longer makes the dump fail, and the job tries again."""
COMPRESSION = "gzip:6"
"""pg_dump's own default, named because the size of dumps is compared from day to day."""
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


class ProgramError(JobFailedError):
    """A program failed. The text has no value of a row, because everything in quotes is removed from it."""


def major_version(text: str) -> int:
    """The major version in a text such as `pg_dump (PostgreSQL) 17.6`.

    Raises:
        ProgramError: if there is no number in it.
    """
    number = re.search(r"\d+", text)
    if number is None:
        raise ProgramError(f"'{text.strip()}' has no version")
    return int(number[0])


def version(program: str) -> str:
    """The version that a program reports, such as `17.6`.

    Raises:
        ProgramError: if it does not run.
    """
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramError(f"{program} does not run: {error}") from error
    number = re.search(r"\d+(\.\d+)?", done.stdout)
    return number[0] if number else done.stdout.strip()


@contextmanager
def client_environment(address: DatabaseAddress) -> Generator[dict[str, str]]:
    """The environment of a program that connects to a database. The password is in a file that only its owner reads.

    Raises:
        OSError: if the password cannot be read.
    """
    password = address.password_file.read_text().strip()
    escaped = re.sub(r"([\\:])", r"\\\1", password)
    with tempfile.TemporaryDirectory(prefix="pgpass-") as folder:
        file = Path(folder) / "pgpass"
        file.touch(mode=0o600)
        file.write_text(f"*:*:*:*:{escaped}\n")
        yield {
            **os.environ,
            "PGHOST": address.host,
            "PGPORT": str(address.port),
            "PGDATABASE": address.name,
            "PGUSER": address.user,
            "PGPASSFILE": str(file),
            "PGCONNECT_TIMEOUT": "10",
        }


class Dump:
    """A running `pg_dump`, as a stream of its custom format. `pg_restore --list` reads the same bytes.

    It runs inside its `with` block. `read` raises ProgramError instead of an end if either program fails, so an
    incomplete dump is never uploaded.
    """

    def __init__(self, environment: Mapping[str, str], snapshot: str) -> None:
        self._environment = environment
        self._snapshot = snapshot
        with contextlib.ExitStack() as stack:
            self._errors = stack.enter_context(tempfile.TemporaryFile())
            self._listed = stack.enter_context(tempfile.TemporaryFile())
            self._exit = stack.pop_all()
        self._dump: subprocess.Popen[bytes] | None = None
        self._lister: subprocess.Popen[bytes] | None = None
        self._hash = hashlib.sha256()
        self._next_line = time.monotonic() + PROGRESS_SECONDS
        self.bytes = 0
        self.entries = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the dump: as many as asked for, or all that are left.

        Raises:
            ProgramError: at the end, if the dump is not complete or not readable.
        """
        assert self._dump is not None, "it runs"
        assert self._dump.stdout is not None, "opened as a pipe"
        data = self._dump.stdout.read(size)
        if data:
            self._account_for(data)
        if size < 0 or len(data) < size:
            self._finish()
        return data

    @property
    def sha256(self) -> str:
        """The checksum of everything that was read, in hexadecimal."""
        return self._hash.hexdigest()

    def kill(self) -> None:
        """End both programs. Does nothing if they have ended."""
        for process in (self._dump, self._lister):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def close(self) -> None:
        """End both programs and close every file."""
        self.kill()
        if self._dump is not None and self._dump.stdout is not None:
            self._dump.stdout.close()
        if self._lister is not None:
            _end_of_input(self._lister)
        self._exit.close()

    def __enter__(self) -> Self:
        try:
            with uninterrupted():
                self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        command = ["pg_dump", "--format=custom", f"--snapshot={self._snapshot}", "--no-password"]
        # The bootstrap of a database creates this extension of RDS. A server elsewhere does not have it.
        command.append("--exclude-extension=pgaudit")
        command += [f"--lock-wait-timeout={LOCK_WAIT_MILLISECONDS}", f"--compress={COMPRESSION}"]
        self._dump = subprocess.Popen(
            command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors
        )
        self._lister = subprocess.Popen(
            ["pg_restore", "--list"], stdin=subprocess.PIPE, stdout=self._listed, stderr=self._errors, bufsize=0
        )

    def _account_for(self, data: bytes) -> None:
        self._hash.update(data)
        self.bytes += len(data)
        _feed(self._lister, data)
        if time.monotonic() > self._next_line:
            self._next_line += PROGRESS_SECONDS
            say("dumping", bytes=self.bytes)

    def _finish(self) -> None:
        if self._dump is not None and self._dump.wait() != 0:
            raise ProgramError(f"pg_dump failed with exit code {self._dump.returncode}: {self._complaint()}")
        if self._lister is None:
            return
        _end_of_input(self._lister)
        if self._lister.wait() != 0:
            raise ProgramError(f"pg_restore does not read the dump: {self._complaint()}")
        self._lister = None
        self._listed.seek(0)
        self.entries = sum(1 for line in self._listed if line.strip() and not line.startswith(b";"))

    def _complaint(self) -> str:
        self._errors.seek(0)
        return first_error(self._errors.read())


def restore(environment: Mapping[str, str], dump: Iterable[bytes], options: Sequence[str] = ()) -> None:
    """Restore a dump of the custom format into the environment's database, as it arrives.

    Roles are not part of a dump, so owners and permissions are not restored.

    Raises:
        ProgramError: if `pg_restore` fails. It stops at the first error.
        Exception: what the iteration raises.
    """
    command = ["pg_restore", "--exit-on-error", "--no-owner", "--no-acl", "--no-password", *options]
    command.append(f"--dbname={environment['PGDATABASE']}")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, bufsize=0
        )
        try:
            for chunk in dump:
                _feed(process, chunk)
            _end_of_input(process)
            process.wait()
        finally:
            process.kill()
            process.wait()
            _end_of_input(process)
        if process.returncode != 0:
            errors.seek(0)
            complaint = first_error(errors.read())
            raise ProgramError(f"pg_restore failed with exit code {process.returncode}: {complaint}")


def first_error(output: bytes) -> str:
    """The first line of a program's complaints, without anything in quotes."""
    lines = output.decode(errors="replace").strip().splitlines() or ["no message"]
    line = next((line for line in lines if "error:" in line or "FATAL" in line), lines[0])
    return _QUOTED.sub("…", line)


def _feed(process: subprocess.Popen[bytes] | None, data: bytes) -> None:
    """Write to a program that may have read enough and ended."""
    if process is None or process.stdin is None or process.stdin.closed:
        return
    view = memoryview(data)
    try:
        while view:
            view = view[process.stdin.write(view) :]
    except BrokenPipeError:
        _end_of_input(process)


def _end_of_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
