"""`make engine`: when it builds, when it does not, and its messages on a machine without Go."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness import ROOT

HINT = "install Go 1.26.6 or newer, or the official pulumi and pulumi-language-python"
PLAIN_TOOLS = ("sh", "bash", "env", "make", "mkdir", "printf", "chmod", "grep", "sed", "dirname")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The PATH of a machine that has a shell and make, and neither Go nor Pulumi."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in PLAIN_TOOLS:
        tool = shutil.which(name)
        assert tool is not None
        (folder / name).symlink_to(tool)
    return folder


def command(folder: Path, name: str, text: str) -> None:
    (folder / name).unlink(missing_ok=True)  # never write through a link to the real command
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def make_engine(tools: Path, target: Path) -> subprocess.CompletedProcess[str]:
    words = ["make", "--no-print-directory", "engine", f"ENGINE={target}"]
    return subprocess.run(words, cwd=ROOT, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)


def test_without_go_it_says_what_to_install_and_fails(tools: Path, tmp_path: Path) -> None:
    done = make_engine(tools, tmp_path / "bin")
    assert done.returncode != 0
    assert f"go: not found; hint: {HINT}" in done.stderr
    assert not (tmp_path / "bin" / "pulumi").exists()


def test_with_an_older_go_it_says_what_to_install_and_fails(tools: Path, tmp_path: Path) -> None:
    too_old = "go: go.mod requires go >= 1.26.6 (running go 1.24; GOTOOLCHAIN=local)"
    command(tools, "go", f'test "$GOTOOLCHAIN" = local && echo "{too_old}" >&2; exit 1')
    done = make_engine(tools, tmp_path / "bin")
    assert done.returncode != 0
    assert too_old in done.stderr
    assert f"hint: {HINT}" in done.stderr


def test_the_official_commands_on_path_are_used_and_nothing_is_built(tools: Path, tmp_path: Path) -> None:
    for name in ("pulumi", "pulumi-language-python"):
        command(tools, name, "exit 1")
    done = make_engine(tools, tmp_path / "bin")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "pulumi and pulumi-language-python are on PATH: nothing to build\n"
    assert not (tmp_path / "bin").exists()


def test_the_gate_says_at_its_end_what_it_cannot_run_without_go_npm_and_a_browser(tools: Path) -> None:
    command(tools, "make", 'echo "made: $*"')
    done = subprocess.run([".ci/run"], cwd=ROOT, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "made: check policy test test-slow fixes alerts monitoring rehearse-all",
        "made: simulate HISTORIES=1500 PLANTED=stays",
        "made: mutate-program SAMPLE=10",
        "NOT RUN: the page of the last resort in a real browser",
        "hint: install Chromium, then run 'make browser'",
        "NOT RUN: the comparison with independent implementations of IAM and of network policies",
        "hint: install Node.js 20 or newer, then run 'make oracles'",
        "NOT RUN: the tests of the real Pulumi engine, and a rehearsal with it",
        "hint: install Go 1.26.6 or newer, then run 'make test-engine'",
        "NOT RUN: the linter of workflows",
        "hint: install Go 1.26.6 or newer, then run 'make workflow'",
    ]


def test_the_engine_is_built_at_the_version_that_the_module_file_pins() -> None:
    makefile, module = (ROOT / "Makefile").read_text(), (ROOT / "engine" / "pulumi" / "go.mod").read_text()
    (stamped,) = re.findall(r"^PULUMI_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert f"\tgithub.com/pulumi/pulumi/pkg/v3 {stamped}" in module
    (minimum,) = re.findall(r"^go (\S+)$", module, re.MULTILINE)
    assert f"install Go {minimum} or newer" in makefile
