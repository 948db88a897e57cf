"""An interrupted rehearsal leaves nothing behind, and two rehearsals do not disturb each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness import ROOT

PATIENCE_SECONDS = 120
_COMMAND = "import sys; sys.argv[0] = 'lifeline'; from lifeline import main; main()"


@contextmanager
def rehearsal(folder: Path) -> Generator[subprocess.Popen[str]]:
    """A region loss in its own session, as a shell starts a command, with its own folder for temporary files."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, "rehearse", "region-loss", "--engine", "in-process"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for member in members(process.pid, folder):
            os.kill(member, signal.SIGKILL)
        process.communicate()


def members(session: int, folder: Path) -> list[int]:
    """The processes of a session, and those outside it that work in its folder, as PostgreSQL does."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # the process has ended
            continue
        if fields[0] != "Z" and (int(fields[3]) == session or str(folder) in command):
            found.append(int(entry.name))
    return found


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The output of a process, up to a line that contains a text."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended before it said '{text}':\n{said}")


def ends(process: subprocess.Popen[str], folder: Path) -> int:
    """The exit code, when a process and all processes that it started have ended, or the limit is over."""
    code = process.wait(timeout=PATIENCE_SECONDS)
    deadline = time.monotonic() + 10
    while members(process.pid, folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return code


@pytest.fixture
def short_folder() -> Generator[Path]:
    """A folder that PostgreSQL's user can enter, with a name short enough for a socket's path."""
    with tempfile.TemporaryDirectory(prefix="stopped-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds a session's processes in /proc")
def test_two_rehearsals_side_by_side_are_stopped_and_leave_nothing(short_folder: Path) -> None:
    """One is stopped while it provisions, the other while clients use its sites."""
    folders = [short_folder / "a", short_folder / "b"]
    for folder in folders:
        folder.mkdir()
        folder.chmod(0o755)
    one, other = folders
    with rehearsal(one) as first, rehearsal(other) as second:
        read_until(second, "primary in")
        assert len(members(second.pid, other)) > 2, "PostgreSQL and the stand-ins run beside the command"
        os.kill(second.pid, signal.SIGTERM)
        read_until(first, "people use the platform")
        assert len(members(first.pid, one)) > 3
        while first.poll() is None:  # a second, impatient Ctrl-C
            os.killpg(first.pid, signal.SIGINT)
            time.sleep(0.05)
        assert [ends(first, one), ends(second, other)] == [1, 1]
        assert [members(first.pid, one), members(second.pid, other)] == [[], []]
    assert [list(folder.iterdir()) for folder in folders] == [[], []]
