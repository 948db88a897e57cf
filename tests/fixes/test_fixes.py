"""Each command that the preflight shows, typed into a shell with the real AWS command line, removes its obstacle."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from procedures.preflight.finding import Level
from stacks.stackfile import StackFile
from tests.harness import ROOT
from tests.procedures.obstacles import OBSTACLES, Obstacle
from tests.procedures.survivor import Drafted, Survivor, region, survivor

AWS = ROOT / ".aws-cli/venv/bin/aws"
pytestmark = pytest.mark.fixes


@pytest.fixture
def clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Survivor]:
    """Nothing stands in the way, and `aws` is the real one."""
    with region() as account:
        at = survivor(account, tmp_path, monkeypatch)
        program = at.home / ".local/bin/aws"
        program.unlink()
        program.symlink_to(AWS)
        yield at


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: obstacle.name)
def test_a_command_removes_its_obstacle(clear: Survivor, obstacle: Obstacle) -> None:
    obstacle.provoke(clear)
    finding = clear.look().findings[obstacle.point]
    assert (finding.level, finding.is_typed) == (Level.FAIL, True)
    types(clear, finding.fix)
    clear.stack = Drafted(StackFile(clear.stack.file.path))
    assert clear.look().findings[obstacle.point].level is Level.CLEAR


def types(at: Survivor, command: str) -> None:
    """Type a command into a shell, and take over its environment variables."""
    after = at.home / "environment"
    done = subprocess.run(
        ["bash", "-c", f"{command}\ncode=$?; env -0 >{after}; exit $code"],
        cwd=at.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    variables = dict(entry.split("=", 1) for entry in after.read_text().split("\0") if "=" in entry)
    for name in os.environ.keys() - variables.keys():
        at.patch.delenv(name)
    for name, value in variables.items():
        at.patch.setenv(name, value)
