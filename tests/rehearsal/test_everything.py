"""All scenarios at once: two in parallel, the longest first, and the whole output of those that are broken."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

from rich.console import Console

from rehearsal.everything import LONGEST_FIRST, Player, in_order, play_all
from rehearsal.scenarios import SCENARIOS

PLAY = """
import pathlib, sys, time
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
(folder / f"{name}.begun").touch()
until = time.monotonic() + 20
while name in ("one", "two") and len(list(folder.glob("*.begun"))) < 2 and time.monotonic() < until:
    time.sleep(0.01)
print(f"the history of {name} [bold]", sys.argv[3:])
sys.exit(1 if name == "broken" else 0)
"""
SLEEP = "import time; print('begun', flush=True); time.sleep(60)"


def started(output: int, code: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=output, stderr=output)


def played(folder: Path, *names: str) -> tuple[int, str]:
    text = io.StringIO()
    player = Player(lambda name, output: started(output, PLAY, str(folder), name, "--seed", "7"))
    return play_all(player, names, Console(file=text, width=200)), text.getvalue()


def test_what_is_kept_takes_one_line(tmp_path: Path) -> None:
    code, text = played(tmp_path, "one", "two")
    assert code == 0
    first, second, last = text.splitlines()
    assert first.startswith("kept   one: ")
    assert second.startswith("kept   two: ")
    assert re.fullmatch(r"2 of 2 scenarios are kept, in \d\.\d minutes", last)


def test_what_is_broken_is_told_in_full_and_the_others_are_played_nevertheless(tmp_path: Path) -> None:
    code, text = played(tmp_path, "broken", "later", "last")
    assert code == 1
    assert "the history of broken [bold] ['--seed', '7']\n" in text
    assert "the history of last" not in text
    assert "BROKEN broken: " in text
    assert "\n2 of 3 scenarios are kept, in " in text


def test_a_stop_ends_what_runs_and_begins_nothing_else() -> None:
    player, ended = Player(lambda _, output: started(output, SLEEP)), []
    threads = [threading.Thread(target=lambda: ended.append(player.play("long").code)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(player._running) < 2:
        time.sleep(0.01)
    player.stop()
    for thread in threads:
        thread.join(30)
    assert ended == [-15, -15]
    assert player.play("later").output == "it was not begun\n"


def test_the_longest_scenarios_come_first_and_none_is_left_out() -> None:
    assert set(LONGEST_FIRST) <= SCENARIOS.keys()
    assert in_order([*SCENARIOS])[: len(LONGEST_FIRST)] == [*LONGEST_FIRST]
    assert sorted(in_order([*SCENARIOS])) == sorted(SCENARIOS)
    assert in_order(["switchover", "failback"]) == ["failback", "switchover"]
