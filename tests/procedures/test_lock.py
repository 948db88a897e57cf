"""Of whom a note or a lock is known to be left over."""

from __future__ import annotations

import os
import socket
import subprocess

import psutil
import pytest

from procedures.lock import has_ended

HERE = socket.gethostname()


def test_a_process_that_runs_has_not_ended() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert not has_ended(HERE, process.pid)
        process.kill()
    assert has_ended(HERE, process.pid)


def test_a_process_that_no_parent_asks_for_its_code_has_ended() -> None:
    """As in a container whose first process does not ask for the codes of orphans."""
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and keeps its number
    try:
        os.kill(process.pid, 0)
        assert has_ended(HERE, process.pid)
    finally:
        process.wait()


def test_another_users_process_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> psutil.Process:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "Process", refused)
    assert not has_ended(HERE, 4711)


def test_nothing_is_known_of_another_machine() -> None:
    assert not has_ended("laptop", 2**22 + 1)


def test_the_own_number_on_a_note_is_that_of_an_earlier_run() -> None:
    assert has_ended(HERE, os.getpid())
