"""The help: it fits a small terminal, and shows a newcomer the way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lifeline.group import AT_NIGHT, BY_DAY, COMMANDS
from tests.harness import ROOT

WIDTH, HEIGHT = 80, 24


def shown(*words: str, **environment: str) -> tuple[int, str]:
    """The exit code, and all that the command prints on a terminal of 80 by 24."""
    done = subprocess.run(
        [sys.executable, "-c", "import lifeline; lifeline.main()", *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": str(WIDTH), "LINES": str(HEIGHT), "TERM": "xterm", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_a_help_fits_a_screen(command: str | None) -> None:
    code, text = shown(*([command] if command else []), "--help")
    assert code == 0
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []
    assert len(text.splitlines()) < HEIGHT
    assert "..." not in text.replace("COMMAND [ARGS]...", "").replace("...]", "")


def test_the_name_alone_leads_to_the_failover() -> None:
    code, text = shown()
    assert code == 2
    lines = [line.split() for line in text.splitlines()]
    assert [words[0] for words in lines if words and words[0] in AT_NIGHT] == [*AT_NIGHT]
    assert ", ".join(BY_DAY) in text
    assert "lifeline failover --stack SURVIVOR" in " ".join(text.split())
    assert "docs/runbooks/failover.md" in text
    assert (ROOT / "docs" / "runbooks" / "failover.md").is_file()


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("words", [("--help",), ("render", "--stack"), ("render", "--stack", "tertiary")])
def test_nothing_is_coloured_where_colour_is_not_wanted(words: tuple[str, ...], environment: dict[str, str]) -> None:
    assert "\x1b" not in shown(*words, **environment)[1]
