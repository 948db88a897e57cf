"""The process that runs the program."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pulumi.runtime.proto import engine_pb2

from engine.language import EXIT_LOGGED
from engine.monitor import EngineLog, Monitor
from engine.recorder import Recorder
from engine.root import PROGRAM_ROOT
from engine.up import served


class Heard(EngineLog):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[int, str]] = []

    def Log(self, request, context=None):  # noqa: N802 - gRPC's name
        self.messages.append((request.severity, request.message))
        return super().Log(request, context)


class Watching(Monitor):
    def __init__(self) -> None:
        super().__init__(Recorder(region="us-west-2", account="123456789012"), stack="primary", project="lifeline")
        self.frames: list[int] = []

    def RegisterResource(self, request, context=None):  # noqa: N802 - gRPC's name
        self.frames.append(len(request.stackTrace.frames))
        return super().RegisterResource(request, context)


def run(folder: Path, program: str, *words: str) -> tuple[int, list[tuple[int, str]], list[int]]:
    """The exit code of a program, its messages, and the lines that each registration tells of the program."""
    (folder / "__main__.py").write_text(program)
    log, monitor = Heard(), Watching()
    with served(monitor, log) as address:
        places = ("--monitor", address, "--engine", address, "--project", "lifeline", "--stack", "primary")
        command = [sys.executable, "-m", "engine.language", *places, *words]
        env = {**os.environ, "PYTHONPATH": str(PROGRAM_ROOT)}
        code = subprocess.run(command, cwd=folder, env=env, check=False, timeout=60).returncode
    return code, log.messages, monitor.frames


QUIET = pytest.mark.parametrize("words", [(), ("--quiet",)], ids=["all", "quiet"])


@QUIET
def test_debug_messages_can_be_kept_from_the_engine(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, messages, _ = run(tmp_path, "import pulumi\npulumi.log.debug('details')\npulumi.log.info('news')\n", *words)
    assert (engine_pb2.INFO, "news") in messages
    said = [message for severity, message in messages if severity == engine_pb2.DEBUG]
    assert (code, "details" in said, bool(said)) == (0, not words, not words)


@QUIET
def test_the_lines_of_the_program_can_be_kept_from_the_engine(tmp_path: Path, words: tuple[str, ...]) -> None:
    program = """
        import pulumi

        class Part(pulumi.ComponentResource):
            def __init__(self):
                super().__init__("lifeline:index:Part", "part")

        Part()
        """
    code, _, frames = run(tmp_path, textwrap.dedent(program), *words)
    assert (code, bool(max(frames))) == (0, not words)


@QUIET
def test_an_output_that_fails_ends_the_program_although_another_one_is_not_known(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    program = """
        import asyncio, pulumi

        pulumi.Output.from_input(asyncio.sleep(3600))
        pulumi.Output.from_input(asyncio.sleep(0.1)).apply(lambda _: 1 / 0)
        """
    code, messages, _ = run(tmp_path, textwrap.dedent(program), *words)
    errors = [message for severity, message in messages if severity == engine_pb2.ERROR]
    assert code == EXIT_LOGGED
    assert "ZeroDivisionError" in errors[-1]


@QUIET
def test_outputs_that_are_made_while_others_are_waited_for_are_waited_for_too(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    program = """
        import asyncio, pulumi

        def late(_):
            pulumi.Output.from_input(asyncio.sleep(0.1)).apply(lambda _: pulumi.log.info("the end"))

        pulumi.Output.from_input(asyncio.sleep(0.1)).apply(late)
        """
    code, messages, _ = run(tmp_path, textwrap.dedent(program), *words)
    assert (code, (engine_pb2.INFO, "the end") in messages) == (0, True)
