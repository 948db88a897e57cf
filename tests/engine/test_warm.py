"""Warm processes: what `python` would do with the same words, without the imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.root import PROGRAM_ROOT
from engine.warm import Warm, WarmProcess
from tests.patience import wait_until


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm("json", "recovery.naming") as server:
        yield server


def started(warm: Warm, folder: Path, *words: str, **env: str) -> WarmProcess:
    with (folder / "out").open("w") as out, (folder / "err").open("w") as errors:
        return warm.start(*words, env=env, stdout=out.fileno(), stderr=errors.fileno())


def said(warm: Warm, folder: Path, code: str, *words: str, **env: str) -> str:
    assert started(warm, folder, "-c", code, *words, **env).wait(30) == 0
    return (folder / "out").read_text().strip()


def test_a_process_has_the_given_words_variables_and_streams(warm: Warm, tmp_path: Path) -> None:
    code = "import os, sys; print(sys.argv, dict(os.environ), os.getcwd()); print(sys.stdin.read() or 'no input')"
    assert said(warm, tmp_path, code, "word", KEY="value") == (
        f"['-c', 'word'] {{'KEY': 'value'}} {PROGRAM_ROOT}\nno input"
    )
    assert (tmp_path / "err").read_text() == ""


def test_a_module_runs_as_the_main_one(warm: Warm, tmp_path: Path) -> None:
    assert started(warm, tmp_path, "-m", "operations", "--help").wait(30) == 0
    assert "The in-cluster jobs of Lifeline" in (tmp_path / "out").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the packages that a server needs, for a project of the test's own."""
    for package in ("engine", "stacks", "recovery"):
        (tmp_path / package).symlink_to(PROGRAM_ROOT / package)
    return tmp_path


def test_everything_is_imported_once_and_the_project_again_when_a_file_has_changed(project: Path) -> None:
    code = "import sys; print('json.tool' in sys.modules); import own; print(own.other.NUMBER)"
    imports, own, other = project / "imports", project / "own.py", project / "other.py"
    own.write_text(f"import json.tool, other\nopen({str(imports)!r}, 'a').write('x')")
    other.write_text("NUMBER = 1")
    with Warm("own", root=project) as warm:
        for _ in range(2):
            assert said(warm, project, code, PYTHONDONTWRITEBYTECODE="1") == "True\n1"
            assert imports.read_text() == "x"
        other.write_text("NUMBER = 22")
        assert said(warm, project, code, PYTHONDONTWRITEBYTECODE="1") == "True\n22"
        assert imports.read_text() == "xx"
        other.unlink()
        assert started(warm, project, "-c", code).wait(30) == 1
        assert "No module named 'other'" in (project / "err").read_text()


def test_what_a_function_prepares_is_there_in_each_process(project: Path) -> None:
    (project / "own.py").write_text("import other\nready = []\ndef prepare(): ready.append(other.ready)")
    (project / "other.py").write_text("ready = 'the others are imported'")
    with Warm("own:prepare", "other", root=project) as warm:
        for _ in range(2):
            assert said(warm, project, "import own; print(own.ready)") == "['the others are imported']"


@pytest.mark.parametrize("word", ["own", "own.__main__"])
def test_a_module_that_was_imported_runs_from_its_beginning(project: Path, word: str) -> None:
    (project / "own").mkdir()
    (project / "own/__init__.py").touch()
    (project / "own/__main__.py").write_text("print(__name__)")
    with Warm("own.__main__", root=project) as warm:
        assert started(warm, project, "-m", word).wait(30) == 0
    assert (project / "out").read_text() == "__main__\n"
    assert (project / "err").read_text() == ""


@pytest.mark.parametrize(
    ("code", "expected"),
    [("", 0), ("raise SystemExit", 0), ("raise SystemExit(3)", 3), ("raise SystemExit('why')", 1), ("1 / 0", 1)],
)
def test_the_exit_code_is_pythons(warm: Warm, tmp_path: Path, code: str, expected: int) -> None:
    process = started(warm, tmp_path, "-c", code)
    assert process.wait(30) == process.poll() == expected


def test_an_error_is_printed(warm: Warm, tmp_path: Path) -> None:
    started(warm, tmp_path, "-c", "1 / 0").wait(30)
    assert (tmp_path / "err").read_text().strip().endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(warm: Warm, tmp_path: Path, number: signal.Signals) -> None:
    process = started(warm, tmp_path, "-c", "import time; time.sleep(60)")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(number)
    assert process.wait(30) == -number
    process.send_signal(number)


def test_a_process_can_be_ended_while_another_thread_waits_for_it(warm: Warm, tmp_path: Path) -> None:
    process = started(warm, tmp_path, "-c", "import time; time.sleep(60)")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(process.wait)
        wait_until(process._lock.locked)
        assert process.poll() is None
        process.terminate()
        assert waiting.result(30) == process.wait(30) == -signal.SIGTERM


def test_ctrl_c_reaches_a_process_as_it_reaches_python(warm: Warm, tmp_path: Path) -> None:
    # Short sleeps: Python notices a signal that comes just before a sleep only after it
    code = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.01)"
    process = started(warm, tmp_path, "-c", code)
    wait_until((tmp_path / "out").read_text)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert "KeyboardInterrupt" in (tmp_path / "err").read_text()


def test_a_process_may_start_others_and_wait_for_them(warm: Warm, tmp_path: Path) -> None:
    code = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'exit(4)']).returncode)"
    assert said(warm, tmp_path, code, PATH=os.environ["PATH"]) == "4"


def test_other_words_are_refused(warm: Warm, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not script\.py"):
        started(warm, tmp_path, "script.py")


def test_the_server_ends_with_the_block(tmp_path: Path) -> None:
    with Warm() as warm:
        started(warm, tmp_path, "-c", "").wait(30)
        server = warm._server
    assert server is not None
    assert server.returncode == 0


BORROW = """
import sys
from engine.warm import Warm
for _ in range(2):  # as a process that plays two scenarios
    with Warm.borrowed(int(sys.argv[1])) as warm:
        code = "import sys; print('colorsys' in sys.modules)"
        process = warm.start("-c", code, env={}, stdout=1, stderr=2)
        assert process.wait(30) == 0
"""


def test_a_server_is_lent_to_a_process_that_inherits_it(tmp_path: Path) -> None:
    with Warm("colorsys") as warm:
        lent = warm.lend()
        borrower = [sys.executable, "-c", BORROW, str(lent)]
        for _ in range(2):  # a borrower that ends takes the server from no one
            ended = subprocess.run(borrower, pass_fds=[lent], capture_output=True, text=True, check=True, timeout=30)
            assert ended.stdout == "True\nTrue\n"
        with Warm(passes=[lent]) as other:
            assert said(other, tmp_path, BORROW, str(lent)) == "True\nTrue"
        server = warm._server
    assert server is not None
    assert server.returncode == 0


def test_a_server_that_cannot_begin_is_an_error(tmp_path: Path) -> None:
    with Warm("there.is.no.such.module") as warm, pytest.raises(RuntimeError, match="could not start -c 1"):
        started(warm, tmp_path, "-c", "1")
