"""`lifeline` as an operator types it in the offline world: in a process of its own, with the real engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import pulumi_cli
from engine.pulumi_cli import PulumiEngine

PATIENCE_SECONDS = 300
"""Real seconds until a command counts as stuck."""


@dataclass(frozen=True)
class Shell:
    """A machine with the project, logged in to the account."""

    folder: Path
    """Of the project."""
    environment: Mapping[str, str]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Type a command."""
        command = [sys.executable, "-c", "import lifeline; lifeline.main()", *words]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def types(self, *words: str) -> tuple[int, str, str]:
        """Type a command, and wait for its end. Returns its exit code, its output and its errors.

        Raises:
            subprocess.TimeoutExpired: if it is stuck.
        """
        with self.start(*words) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, out, err


def shell(engine: PulumiEngine, endpoint: str, user: str) -> Shell:
    """A machine over the engine of a stack.

    Args:
        engine: its folder has the project.
        endpoint: the address of AWS.
        user: the access key.
    """
    path = os.pathsep.join([str(pulumi_cli.BUILT / "bin"), os.environ["PATH"]])
    login = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": user}
    return Shell(engine.folder, {**os.environ, **engine.environment, "PATH": path, **login})
