"""Processes that begin with their libraries already imported: `python -m engine.warm MODULE[:FUNCTION]...`.

Pulumi's SDKs take seconds to import, and a rehearsal starts the program and its pods dozens of times. A server imports
everything once, and calls the functions that prepare more. Each order forks it, and the child runs a module as
`python -m` would. If a file of the project has changed since, the child forgets the project's own modules first, so it
reads them as they are then.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.root import PROGRAM_ROOT

_LONGEST_ORDER = 1 << 20
"""Bytes. The longest order has a stack's whole configuration, which is some kilobytes."""
_COLLECT_AFTER = 20_000
"""New objects after which Python looks for cycles among them. With its own 700, that took a rehearsal 3 of 70 s."""
_STREAMS = (0, 1, 2)
_DIED = 255
"""The exit code of a process of which nothing is known, because the server was killed."""


@dataclass(eq=False)
class WarmProcess:
    """A process that the server started. Its methods are those of `subprocess.Popen`."""

    pid: int
    _said: socket.socket
    returncode: int | None = None
    """The exit code; negative if a signal ended the process."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def poll(self) -> int | None:
        """The exit code, if the process has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process ends, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: if it does not end within so many seconds.
        """
        if not self._lock.acquire(timeout=-1 if timeout is None else timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)  # another thread waits, and still does
        try:
            if self.returncode is None:
                self._said.settimeout(timeout)
                self.returncode = int(self._said.recv(16) or _DIED)
                self._said.close()
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0) from None
        finally:
            self._lock.release()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process by force."""
        self.send_signal(signal.SIGKILL)


class Warm:
    """A server with imported modules, from the first order until the block ends.

    Args:
        modules: the modules that are imported, with all that they import. After a colon, a module's function that is
            called when all are imported.
        root: the folder that has the project's packages.
        passes: file descriptors that its processes inherit.
    """

    def __init__(self, *modules: str, root: Path = PROGRAM_ROOT, passes: Sequence[int] = ()) -> None:
        self._modules, self._root, self._passes = modules, root, passes
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None

    @classmethod
    def borrowed(cls, lent: int) -> Self:
        """The server of another process, which has lent it. It goes on when the block ends."""
        borrowed = cls()
        borrowed._orders = socket.socket(fileno=os.dup(lent))
        return borrowed

    def lend(self) -> int:
        """A file descriptor with which processes that inherit it give orders as well."""
        with self._lock:
            return self._began().fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._orders is not None:
                self._orders.close()  # the server ends when all who may give orders have closed theirs
            if self._server is not None:
                self._server.wait()

    def begin(self) -> None:
        """Let the server import while something else is done. Otherwise it begins with the first order."""
        with self._lock:
            self._began()

    def start(self, *words: str, env: Mapping[str, str], stdout: int, stderr: int) -> WarmProcess:
        """Run Python in a process of its own, in the folder of the project.

        Args:
            words: the words after `python`: `-m MODULE WORD...` or `-c CODE WORD...`.
            env: its whole environment.
            stdout: the file descriptor for what it prints.
            stderr: the same for its errors.

        Raises:
            RuntimeError: if the server could not begin.
            ValueError: for other words.
        """
        if words[:1] not in (("-m",), ("-c",)):
            raise ValueError(f"a warm process runs `python -m` or `python -c`, not {' '.join(words)}")
        order = {"words": words, "env": dict(env)}
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its, Path(os.devnull).open() as nothing, self._lock:
            streams = [nothing.fileno(), stdout, stderr, its.fileno()]
            socket.send_fds(self._began(), [json.dumps(order).encode()], streams)
        if not (pid := mine.recv(16)):
            mine.close()
            raise RuntimeError(f"the server of warm processes could not start {' '.join(words)}")
        return WarmProcess(int(pid), mine)

    def _began(self) -> socket.socket:
        if self._orders is None:
            self._orders, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with its:
                self._orders.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _LONGEST_ORDER)
                command = [sys.executable, "-u", "-m", "engine.warm", str(its.fileno()), *self._modules]
                self._server = subprocess.Popen(
                    command, cwd=self._root, stdin=subprocess.DEVNULL, pass_fds=[its.fileno(), *self._passes]
                )
        return self._orders


def main(words: Sequence[str]) -> int:
    """Import, and fork at each order. In a child, return its exit code."""
    orders = socket.socket(fileno=int(words[0]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the giver of the orders decides about Ctrl-C
    modules = {word: importlib.import_module(word.partition(":")[0]) for word in words[1:]}
    for word, module in modules.items():
        function = word.partition(":")[2]
        getattr(module, "__all__", None)  # Pulumi's SDKs load a module when it is used
        if function:
            getattr(module, function)()
    own = {name: (place, _state(place)) for name, place in _own_modules(Path.cwd())}
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page that it looks at
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, streams, _, _ = socket.recv_fds(orders, _LONGEST_ORDER, len(_STREAMS) + 1)
        if not message:
            return 0
        if os.fork() == 0:
            orders.close()
            if any(_state(place) != state for place, state in own.values()):
                for name in own:
                    del sys.modules[name]
            return _watch(json.loads(message), streams)
        for stream in streams:
            os.close(stream)


def _watch(order: Mapping[str, Any], streams: Sequence[int]) -> int:
    """Start the process, and tell its number and its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told = socket.socket(fileno=streams[-1])
    child = os.fork()
    if child == 0:
        told.close()
        return _run(order, streams[:-1])
    told.send(str(child).encode())
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(BrokenPipeError):  # the one who waited is gone
        told.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _run(order: Mapping[str, Any], streams: Sequence[int]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in zip(_STREAMS, streams, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(order["env"])
    how, what, *words = order["words"]
    sys.argv = [what if how == "-m" else how, *words]
    try:
        if how == "-m":
            for imported in (what, f"{what}.__main__"):  # it runs from its beginning, and runpy warns of another
                sys.modules.pop(imported, None)
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
    except SystemExit as end:
        if isinstance(end.code, int):
            return end.code
        return 0 if end.code is None else 1
    return 0


def _own_modules(root: Path) -> Iterator[tuple[str, Path]]:
    """The project's own modules that are imported, and their files."""
    for name, module in [*sys.modules.items()]:
        place = getattr(module, "__file__", None)
        if name != "__main__" and place and _is_own(Path(place), root):
            yield name, Path(place)


def _is_own(place: Path, root: Path) -> bool:
    return place.is_relative_to(root) and not place.is_relative_to(Path(sys.prefix))


def _state(place: Path) -> tuple[int, int] | None:
    """Changes when a file does; None without the file."""
    with contextlib.suppress(FileNotFoundError):
        found = place.stat()
        return found.st_mtime_ns, found.st_size
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
