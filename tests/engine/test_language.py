"""The process that runs the program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pulumi.runtime.proto import engine_pb2

from engine.monitor import EngineLog, Monitor
from engine.program import PROGRAM_ROOT
from engine.recorder import Recorder
from engine.up import served


class Heard(EngineLog):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[int, str]] = []

    def Log(self, request, context=None):  # noqa: N802 - gRPC's name
        self.messages.append((request.severity, request.message))
        return super().Log(request, context)


@pytest.mark.parametrize(("words", "debug"), [((), True), (("--quiet",), False)])
def test_debug_messages_can_be_kept_from_the_engine(tmp_path: Path, words: tuple[str, ...], debug: bool) -> None:
    (tmp_path / "__main__.py").write_text("import pulumi\npulumi.log.debug('details')\npulumi.log.info('news')\n")
    log = Heard()
    recorder = Recorder(region="us-west-2", account="123456789012")
    with served(Monitor(recorder, stack="primary", project="lifeline"), log) as address:
        places = ("--monitor", address, "--engine", address, "--project", "lifeline", "--stack", "primary")
        command = [sys.executable, "-m", "engine.language", *places, *words]
        env = {**os.environ, "PYTHONPATH": str(PROGRAM_ROOT)}
        subprocess.run(command, cwd=tmp_path, env=env, check=True, timeout=60)
    assert (engine_pb2.INFO, "news") in log.messages
    said = [message for severity, message in log.messages if severity == engine_pb2.DEBUG]
    assert ("details" in said, bool(said)) == (debug, debug)
