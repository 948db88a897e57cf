"""All scenarios: some in parallel, the longest first, and the whole output of those that are broken."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

from rich.console import Console

from rehearsal.everything import LONGEST_FIRST, Player, in_order, mostly_waits, play_all
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
    *both, last = text.splitlines()
    assert sorted(line.partition(":")[0] for line in both) == ["kept   one", "kept   two"]
    assert re.fullmatch(r"2 of 2 scenarios are kept, in \d\.\d minutes", last)


def most_at_once(*names: str) -> int:
    """The largest number of scenarios that a player plays at one time, if each waits for others as long as it can."""
    lock, at_once, most = threading.Lock(), 0, 0
    enough = threading.Event()

    class Scenario:
        def wait(self) -> int:
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
                if most == len(names):
                    enough.set()
            enough.wait(0.5)
            with lock:
                at_once -= 1
            return 0

        def send_signal(self, number: int, /) -> None:
            raise AssertionError(number)

    assert play_all(Player(lambda _name, _output: Scenario()), names, Console(file=io.StringIO())) == 0
    return most


def test_two_that_work_are_played_at_once_and_beside_them_one_that_mostly_waits() -> None:
    working, waiting = ("switchover", "failback", "partition"), ("database-loss", "split-brain")
    assert [*map(mostly_waits, working + waiting)] == [False] * 3 + [True] * 2
    assert most_at_once(*waiting) == 1
    assert most_at_once(*working, *waiting) == 3


def test_the_lane_of_those_that_wait_helps_the_others_when_it_is_done() -> None:
    assert most_at_once("switchover", "failback", "partition", "nemesis") == 3


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
