"""Inputs that are wrong: each is refused in words, with a hint, and nothing is begun."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lifeline import main
from stacks.stackfile import StackFile
from tests.harness import ROOT

SEED = 26
HOSTILE = (
    "",
    " ",
    "-",
    "--",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc/passwd",
    "*",
    "?",
    "~",
    "$(id)",
    "`id`",
    "'; DROP TABLE users; --",
    "primary\n",
    "primary\t",
    "PRIMARY",
    "primary.yaml",
    "prim ary",
    "é",
    "🚨",
    "\u202eprimary",
    "primary\u200b",
    "a" * 255,
    "x" * 5000,
    "%s%n",
    "{}",
    "[]",
    "null",
    "true",
    "0",
    "1e999",
    "\\",
    '"',
    "primary-1",
    "Pulumi.primary.yaml",
    "\x1b[31m",
)
TIMELINES = (
    "",
    ",",
    ",,",
    " ",
    "primary",
    "primary-0",
    "primary-01",
    "primary--1",
    "primary-1,",
    ",primary-1",
    "primary-2",
    "primary-1,primary-1",
    "primary-1,secondary-2,",
    "primary-1;secondary-1",
    "tertiary-1",
    "primary-1,tertiary-1",
    "primary-1000",
    "primary-1,secondary-9",
    "-1",
    "1",
    "[primary-1]",
    "primary-1 secondary-1",
    "é-1",
    "x" * 5000,
    ",".join(["primary-1", "secondary-1"] * 101),
    "primary-1,secondary-1,primary-1",
    "$(id)-1",
)
CONTENTS = (
    b"",
    b"\x00",
    b"\xff\xfe\x00",
    b"{",
    b"[",
    b"{}",
    b"[]",
    b"[1]",
    b"[null]",
    b"null",
    b"true",
    b"1",
    b'"x"',
    b"[[]]",
    b"- a\n- b\n",
    b"a: b",
    b"[" * 100_000,
    b'{"a":' * 5000,
    b'[{"op": "x"}]',
    b'[{"op": 1, "type": 2, "name": 3}]',
    b'[{"type": "a", "name": "b", "urn": "c"}]',
    b'{"version": 3}',
    b'{"version": 3, "deployment": null}',
    b'{"version": 3, "deployment": {"resources": [1]}}',
    b"1" * 5000,
    b'{"deployment": {"resources": []}}',
)
FILES = (
    b"",
    b"\x00\x01",
    b"\xff\xfe",
    b"a",
    b"- a",
    b"config:",
    b"config: 1",
    b"config: []",
    b"config: {}",
    b"config:\n\t- a",
    b"config:\n  a: 1\n  a: 2\n",
    b"config: &a\n  b: *a\n",
    b"config: !!python/object:os.system {}\n",
    b"{",
    b"config: {a: ",
    b"lifeline:timeline: [primary-1]\n",
    b"x: 1\nconfig: {}\n",
    b"config:\n  lifeline:timeline: '[primary-1]'\n",
)
WRONG: tuple[Any, ...] = (None, [], {}, "", "x" * 300, -1, True, [[]], {"a": {"b": 1}}, 1.5, "🚨")
USAGE = (
    ("rendr",),
    ("--what",),
    ("render",),
    ("render", "--stack"),
    ("render", "-s", "primary", "-f", "xml"),
    ("diff",),
    ("diff", "-s"),
    ("policy",),
    ("policy", "-s", "primary", "-s", "secondary", "-s", "primary"),
    ("rehearse", "asteroid"),
    ("policy", "-s", "primary", "-i", "x.json"),
    ("policy", "-d", "x.json", "-s", "primary"),
    ("rehearse", "all", "--json", "x"),
    ("policy", "-s", "primary", "-f", "html"),
    ("rehearse", "region-loss", "--seed", "x"),
    ("budget",),
    ("copies",),
    ("failover",),
    ("failover", "--stack"),
    ("failover", "-s", "primary", "--force"),
    ("status", "primary"),
    ("verify", "--stack", "primary"),
    ("status", "--watch", "5"),
    ("failover", "primary"),
    ("restore", "-s", "primary", "latest"),
    ("emergency", "-s", "primary", "readOnly"),
    ("report",),
    ("reconcile", "-s", "primary"),
    ("resume",),
    ("failback",),
    ("preflight",),
    ("render", "primary"),
    ("policy", "-b", "x.json"),
)


def names() -> Iterator[tuple[str, ...]]:
    """Names of stacks that no folder has."""
    random = Random(SEED)
    drawn = ["".join(chr(random.randint(1, 0x2FFF)) for _ in range(random.randint(1, 60))) for _ in range(20)]
    for name in (*HOSTILE, *drawn):
        yield "render", f"--stack={name}"
        yield "diff", f"--stack={name}", "--timeline=primary-1"
    for name in HOSTILE:
        yield "failover", f"--stack={name}", "--yes"
        yield "policy", f"--stack={name}"
        yield "switchover", f"--to={name}", "--yes"
        yield "reseed", f"--stack={name}", "--yes"
        yield "failback", f"--to={name}", "--yes"
        for verb in ("preflight", "resume"):
            yield verb, f"--stack={name}"
        yield "restore", f"--stack={name}", "--snapshot=x", "--yes"
        yield "emergency", f"--stack={name}", "--end", "--yes"
        yield "reconcile", f"--stack={name}", "--database=primary-1", "--since=2026-12-01T03:00:00Z", "--yes"


def values() -> Iterator[tuple[str, ...]]:
    """Values that are no backup, no mode, no database and no time."""
    for text in HOSTILE:
        yield "report", f"--since={text}"
        yield "reconcile", "--stack=primary", f"--database={text or 'x'}", "--since=2026-12-01T03:00:00Z", "--yes"
        yield "emergency", "--stack=primary", f"--set={text}", "--yes"
        yield "emergency", "--stack=primary", f"--set=readOnly={text or 'x'}x", "--yes"
    for words in (
        (),
        ("--snapshot=x", "--dump=latest"),
        ("--dump-from=own",),
        ("--dump=latest", "--dump-from=mars"),
        ("--point-in-time=yesterday",),
        ("--snapshot=",),
        ("--automated-backup=arn",),
    ):
        yield "restore", "--stack=primary", *words, "--dead", "--yes"
    yield "budget", "--stack=" + "x" * 5000
    yield "copies", "--stack=" + "x" * 5000


def timelines() -> Iterator[tuple[str, ...]]:
    """Timelines that are no history."""
    for timeline in TIMELINES:
        yield "render", "--stack=primary", f"--timeline={timeline}"
        yield "diff", "--stack=secondary", f"--timeline={timeline}"


class Command:
    """The command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def refuses(self, *words: str, cwd: Path = ROOT) -> str:
        """Run it, and return the reason for which that is no refusal in words; empty if it is one."""
        self._monkeypatch.chdir(cwd)
        self._monkeypatch.setattr(sys, "argv", ["lifeline", *words])
        code: Any = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            return f"{words!r:.200}: {error!r:.200}"
        out, err = self._capsys.readouterr()
        has_hint = "hint:" in err or "--help" in err
        if code not in (2, 3) or not has_hint or "Traceback" in out + err or "\x1b" in err:
            return f"{words!r:.200}: exits {code}: {err[:200]}"
        return ""


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def test_names_of_no_stack_are_refused_in_words(command: Command) -> None:
    tried = [*names()]
    assert len(tried) > 250
    assert [wrong for words in tried if (wrong := command.refuses(*words))] == []


def test_timelines_that_are_no_history_are_refused_in_words(command: Command) -> None:
    assert [wrong for words in timelines() if (wrong := command.refuses(*words))] == []


def test_values_that_are_none_are_refused_before_anything_is_asked(command: Command, project: Path) -> None:
    for name in ("primary", "secondary"):
        (project / f"Pulumi.{name}.yaml").write_bytes((ROOT / f"Pulumi.{name}.yaml").read_bytes())
    before = {path.name: path.read_bytes() for path in project.glob("Pulumi.*")}
    assert [wrong for words in values() if (wrong := command.refuses(*words, cwd=project))] == []
    assert {path.name: path.read_bytes() for path in project.glob("Pulumi.*")} == before


def test_wrong_usage_is_refused_in_words(command: Command) -> None:
    assert [wrong for words in USAGE if (wrong := command.refuses(*words))] == []


def test_files_that_are_no_site_are_refused_in_words(command: Command, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for number, content in enumerate(CONTENTS):
        (tmp_path / f"{number}.json").write_bytes(content)
    (tmp_path / "no-such-file").unlink(missing_ok=True)
    files = [*sorted(tmp_path.glob("*.json")), tmp_path / "folder", tmp_path / "no-such-file", tmp_path / ("x" * 5000)]
    tried = [(option, str(file)) for file in files for option in ("--input", "--diff")]
    empty = ("--diff", str(tmp_path / f"{CONTENTS.index(b'[]')}.json"))  # no step is a diff
    tried.remove(empty)
    assert len(tried) > 50
    assert [wrong for words in tried if (wrong := command.refuses("policy", *words))] == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of the project with one stack file."""
    (tmp_path / "Pulumi.yaml").write_bytes((ROOT / "Pulumi.yaml").read_bytes())
    (tmp_path / "__main__.py").symlink_to(ROOT / "__main__.py")
    return tmp_path


@pytest.mark.parametrize("verb", [("render", "-s", "primary"), ("status",), ("failover", "-s", "primary", "--yes")])
def test_files_that_are_no_stack_file_are_refused_in_words(command: Command, project: Path, verb: tuple[str]) -> None:
    wrong: list[str] = []
    for content in FILES:
        (project / "Pulumi.primary.yaml").write_bytes(content)
        wrong += [said for said in [command.refuses(*verb, cwd=project)] if said]
    assert wrong == []


def test_values_of_a_wrong_type_are_refused_in_words(command: Command, project: Path) -> None:
    file = StackFile(ROOT / "Pulumi.primary.yaml")
    file.path = project / "Pulumi.primary.yaml"
    before, wrong, tried = file.config, list[str](), 0
    for key in (key for key in before if key.startswith("lifeline:")):
        for value in WRONG:
            if value == before[key] or (key, value) in ALLOWED:
                continue
            file.set(key, value)
            file.save()
            tried += 1
            if said := command.refuses("status", cwd=project):
                wrong.append(f"{key}: {json.dumps(value)[:60]}: {said}")
        file.set(key, before[key])
    assert tried > 130
    assert wrong == []


ALLOWED: tuple[tuple[str, Any], ...] = tuple(
    (f"lifeline:{section}", {}) for section in ("backups", "cluster", "database", "ledger")
)
"""Every value of these sections has a default."""


def test_a_folder_that_is_no_project_is_refused_in_words(command: Command, tmp_path: Path) -> None:
    assert command.refuses("render", "-s", "primary", cwd=tmp_path) == ""
    (tmp_path / "Pulumi.yaml").write_bytes(b"\xff\xfename: lifeline")
    assert command.refuses("status", cwd=tmp_path) == ""
