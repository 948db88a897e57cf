"""The time that other programs take from a rehearsal, from counters as Linux shows them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.root import PROGRAM_ROOT
from rehearsal.world import processor
from rehearsal.world.processor import Processor, Share
from tests.patience import wait_until

TICK = os.sysconf("SC_CLK_TCK")


class Kernel:
    """The counters of a machine, in seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.busy(0.0)

    def busy(self, seconds: float, *, idle: float = 0.0, steal: float = 0.0) -> None:
        user, rest, stolen = (round(value * TICK) for value in (seconds, idle, steal))
        (self.folder / "stat").write_text(f"cpu  {user} 0 0 {rest} 0 0 0 {stolen} 0 0\ncpu0 0 0 0 0\n")

    def process(
        self, number: int, *, ran: float, waited: float = 0.0, ended: float = 0.0, children: tuple[int, ...] = ()
    ) -> None:
        """A process with one thread; its ended children ran for `ended`."""
        thread = self.folder / str(number) / "task" / str(number)
        thread.mkdir(parents=True, exist_ok=True)
        times = f"{round(ran * TICK)} 0 {round(ended * TICK)} 0"
        (thread.parents[1] / "stat").write_text(f"{number} (a (odd) name) S 1 1 1 0 -1 4194560 0 0 0 0 {times} 20 0\n")
        for path in (thread, thread.parents[1]):
            (path / "schedstat").write_text(f"{round(ran * 1e9)} {round(waited * 1e9)} 7\n")
        (thread / "children").write_text("".join(f"{child} " for child in children))

    def end(self, number: int) -> None:
        shutil.rmtree(self.folder / str(number))


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    made = Kernel(tmp_path)
    made.process(1, ran=0.0)
    return made


def test_nothing_is_lost_without_other_programs(kernel: Kernel) -> None:
    processor = Processor(1, kernel.folder)
    kernel.busy(1.0, idle=1.0)
    kernel.process(1, ran=1.0, waited=0.8)
    assert processor.share(1.0) == 1.0


def test_the_time_is_lost_for_which_it_waited_for_another_program(kernel: Kernel) -> None:
    processor = Processor(1, kernel.folder)
    kernel.busy(1.0)
    kernel.process(1, ran=0.5, waited=0.5)
    assert processor.share(1.0) == pytest.approx(0.75)  # it waited half of the time, and half of that for itself


def test_another_virtual_machine_is_another_program(kernel: Kernel) -> None:
    processor = Processor(1, kernel.folder)
    kernel.busy(0.5, steal=0.5)
    kernel.process(1, ran=0.5, waited=0.5)
    assert processor.share(1.0) == pytest.approx(0.75)


def test_a_program_that_does_not_want_the_processors_loses_nothing(kernel: Kernel) -> None:
    processor = Processor(1, kernel.folder)
    kernel.busy(2.0)
    assert processor.share(1.0) == 1.0


def test_only_the_time_since_the_last_call_counts(kernel: Kernel) -> None:
    processor = Processor(1, kernel.folder)
    kernel.busy(1.0)
    kernel.process(1, ran=0.5, waited=0.5)
    processor.share(1.0)
    kernel.busy(1.5)
    kernel.process(1, ran=1.0, waited=0.9)
    assert processor.share(1.0) == 1.0


def test_children_count_also_those_that_ended(kernel: Kernel) -> None:
    kernel.process(1, ran=0.0, children=(2,))
    kernel.process(2, ran=1.0, children=(3,))
    kernel.process(3, ran=0.0)
    processor = Processor(1, kernel.folder)
    kernel.busy(1.0)
    kernel.process(1, ran=0.0, ended=1.5)
    kernel.end(2)
    kernel.end(3)
    kernel.process(1, ran=0.25, waited=1.0, ended=1.5)
    assert processor.share(1.0) == pytest.approx(1 - 1.0 * 0.25 / 1.75)


def test_many_that_wait_lose_no_more_than_all(kernel: Kernel) -> None:
    kernel.process(1, ran=0.0, children=(2, 3, 4))
    for number in (2, 3, 4):
        kernel.process(number, ran=0.0)
    processor = Processor(1, kernel.folder)
    kernel.busy(2.0)
    for number in (2, 3, 4):
        kernel.process(number, ran=0.0, waited=1.0)
    assert processor.share(1.0) == 0.0


def test_a_system_without_these_counters_loses_nothing(tmp_path: Path) -> None:
    assert Processor(1, tmp_path).share(1.0) == 1.0


@pytest.mark.skipif(sys.platform != "linux", reason="the counters of Linux")
def test_the_counters_of_this_machine_are_read() -> None:
    busy = [sys.executable, "-c", "import sys, time\nwhile time.process_time() < 0.3: pass\nprint()\nsys.stdin.read()"]
    processor = Processor(os.getpid())
    before = processor._reading()
    with subprocess.Popen(busy, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        after = processor._reading()
        assert str(child.pid) in after.waited
        assert 0.0 <= processor.share(1.0) <= 1.0
        child.communicate()
    assert after.own - before.own >= 0.25 * TICK
    assert after.busy - before.busy >= 0.25 * TICK
    assert processor._reading().own - before.own >= 0.25 * TICK


def test_the_share_is_measured_by_another_process_until_the_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "INTERVAL_SECONDS", 0.01)
    with Share() as share:
        share.now = -1.0
        wait_until(lambda: 0.0 <= share.now <= 1.0)
    assert share._process.returncode == -signal.SIGTERM
    assert not share._thread.is_alive()


def test_the_measurement_ends_when_no_one_reads_it() -> None:
    command = [sys.executable, "-m", "rehearsal.world.processor", str(os.getpid()), "0.01"]
    with subprocess.Popen(command, cwd=PROGRAM_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert 0.0 <= float(process.stdout.readline()) <= 1.0
        process.stdout.close()
        assert process.wait(30) == 0
