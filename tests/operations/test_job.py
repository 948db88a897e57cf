"""The end of a job's time: the interruption arrives, is not lost, and leaves no program behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from operations import job
from operations.job import InterruptedJobError, exit_code, limited, uninterrupted
from operations.postgres_programs import Dump
from tests.operations.test_backup_process import processes_below


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_job_fails_when_its_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        time.sleep(5)
        return 0

    assert exit_code("test", work, seconds=0.2) == 1
    assert "more than 0.2 s" in capsys.readouterr().out


def test_no_handler_of_errors_takes_the_interruption_for_a_failed_request() -> None:
    with pytest.raises(InterruptedJobError, match="the pod ends"), limited(60), suppress(Exception):
        stop()


def test_an_interruption_that_was_swallowed_arrives_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "AGAIN_SECONDS", 0.2)

    def swallow() -> None:
        with suppress(InterruptedJobError):
            stop()
        time.sleep(5)

    with pytest.raises(InterruptedJobError, match="the pod ends"), limited(60):
        swallow()


def test_a_short_block_is_completed_before_the_interruption() -> None:
    steps: list[str] = []

    def work() -> None:
        with uninterrupted():
            stop()
            steps.append("rest of the block")
        steps.append("after the block")

    with pytest.raises(InterruptedJobError, match="the pod ends"), limited(60):
        work()
    assert steps == ["rest of the block"]


def test_an_interruption_ends_with_its_block() -> None:
    with suppress(InterruptedJobError), limited(60):
        stop()
    with limited(60), uninterrupted():
        pass
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_interruption_while_the_programs_start_leaves_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program, text in {"pg_dump": "kill -TERM $PPID; exec sleep 600", "pg_restore": "exec cat"}.items():
        (tmp_path / program).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    start = subprocess.Popen.__init__

    def start_slowly(process: Any, *args: Any, **options: Any) -> None:
        start(process, *args, **options)
        time.sleep(0.2)  # the signal arrives here, where the program runs and its owner does not know it yet

    monkeypatch.setattr(subprocess.Popen, "__init__", start_slowly)
    with pytest.raises(InterruptedJobError), limited(60), Dump(os.environ, "00000003-1"):
        pytest.fail("the block began")
    assert [command for command, _ in processes_below(os.getpid()) if "sleep" in command or "pg_dump" in command] == []
