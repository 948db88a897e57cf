"""The verbs that change a site: what they show, what they ask, and what they print."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from engine.deployment import Step
from engine.up import UpResult
from lifeline import changing, main, terminal
from procedures import live_stack
from procedures.access import ProcedureError
from tests.harness import ROOT
from tests.procedures.fakes import FileStack


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, in a folder of its own; what is deployed is kept in files."""
    for name in ("Pulumi.yaml", "Pulumi.primary.yaml", "Pulumi.secondary.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "__main__.py").symlink_to(ROOT / "__main__.py")
    monkeypatch.chdir(tmp_path)

    def up(stack: live_stack.LiveStack, on_step: Callable[[Step], None]) -> UpResult:
        return FileStack(stack.file.path).up(on_step)

    monkeypatch.setattr(live_stack.LiveStack, "up", up)
    monkeypatch.setattr("procedures.lock.Lock._put", lambda *_, **__: True)
    monkeypatch.setattr("procedures.lock.Lock._name", lambda _: "me")
    monkeypatch.setattr("procedures.lock.Lock.clear", lambda _: None)
    return tmp_path


def types(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lifeline", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    code: Any = stop.value.code
    return int(code or 0)


def test_an_emergency_shows_its_edit_and_steps_and_asks(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(terminal, "confirm", lambda question, again: asked.append((question, again)))
    words = ("emergency", "--stack", "primary", "--set", "crisisReplicas=10", "--set", "crisisFallback=keyword_only")
    assert types(monkeypatch, *words) == 0
    out = capsys.readouterr().out
    assert "  lifeline:emergency:\n    crisisReplicas: 10\n    crisisFallback: keyword_only\n" in out
    assert "4 update" in out
    assert asked == [
        (
            "Change it now?",
            "lifeline emergency --stack primary --set crisisReplicas=10 --set crisisFallback=keyword_only --yes",
        )
    ]
    assert types(monkeypatch, "emergency", "--stack", "primary", "--end", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"site": "primary", "op": "update", "type": "a", "name": "b"}]
    assert (project / "Pulumi.primary.yaml").read_bytes() == (ROOT / "Pulumi.primary.yaml").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ("failover", "--stack", "secondary"),
        ("switchover", "--to", "secondary"),
        ("emergency", "--stack", "primary", "--set", "crisisReplicas=10"),
    ],
)
def test_an_answer_for_a_program_asks_no_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert types(monkeypatch, *words, "--json") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--json: no one is asked, so it needs --yes" in err
    assert (project / "Pulumi.primary.yaml").read_bytes() == (ROOT / "Pulumi.primary.yaml").read_bytes()


def test_a_restore_shows_its_edit_and_needs_a_terminal_or_a_yes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (project / "Pulumi.primary.yaml").read_text()
    words = ("restore", "--stack", "primary", "--point-in-time", "latest", "--dead")
    assert types(monkeypatch, *words) == 3
    out, err = capsys.readouterr()
    assert "epoch: 2\n      pointInTime: latest" in out
    assert "aws:rds" not in out
    assert "there is no terminal to ask at" in err
    assert (project / "Pulumi.primary.yaml").read_text() == before
    assert types(monkeypatch, *words, "--yes") == 0
    assert "primary leads with the restored database; next: lifeline verify" in capsys.readouterr().out
    assert types(monkeypatch, *words) == 3
    assert "has this restore already: the run continues" in capsys.readouterr().out


def test_an_error_of_aws_is_told_in_words(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise NoCredentialsError

    monkeypatch.setattr("procedures.lock.Lock._put", fail)
    assert types(monkeypatch, "emergency", "--stack", "primary", "--set", "crisisReplicas=10", "--yes") == 1
    err = capsys.readouterr().err
    assert (
        err == "Unable to locate credentials\n  hint: lifeline status shows which region answers; then run it again\n"
    )
    assert (project / "Pulumi.primary.yaml").read_bytes() == (ROOT / "Pulumi.primary.yaml").read_bytes()


def test_a_mistake_of_this_program_is_not_hidden(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise KeyError(project)

    monkeypatch.setattr("procedures.lock.Lock._put", fail)
    monkeypatch.setattr(sys, "argv", ["lifeline", "emergency", "-s", "primary", "--set", "crisisReplicas=10", "--yes"])
    with pytest.raises(KeyError):
        main()


@pytest.mark.parametrize("given", [{}, {"snapshot": "a", "dump": "b"}, {"dumpFrom": "own"}])
def test_a_restore_needs_one_backup(given: dict[str, str]) -> None:
    with pytest.raises(ProcedureError, match="exactly one backup"):
        changing.backup_of(**given)
