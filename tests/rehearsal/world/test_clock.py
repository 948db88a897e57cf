"""Simulated time: its speed, and that it stands still while the machine is behind."""

from __future__ import annotations

import threading

import pytest

from rehearsal.world.clock import LATE_SECONDS, LOOK_SECONDS, ScaledClock


class Machine:
    """A machine whose real time moves when it is told to."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> ScaledClock:
    """A clock whose looks are made by the test instead of its thread."""
    made = ScaledClock(5.0, machine)
    made._longest = LATE_SECONDS
    return made


def looked_at_in_time(clock: ScaledClock, machine: Machine, seconds: float) -> None:
    for _ in range(round(seconds / LOOK_SECONDS)):
        machine.time += LOOK_SECONDS
        clock.look()


def test_time_passes_at_its_speed(clock: ScaledClock, machine: Machine) -> None:
    looked_at_in_time(clock, machine, 2.0)
    assert clock.now() == pytest.approx(10.0)
    assert clock.behind == 0.0


def test_it_passes_between_two_looks(clock: ScaledClock, machine: Machine) -> None:
    machine.time += LATE_SECONDS / 2
    assert clock.now() == pytest.approx(LATE_SECONDS / 2 * 5.0)


def test_it_skips_time_in_which_nothing_happens(clock: ScaledClock, machine: Machine) -> None:
    looked_at_in_time(clock, machine, 2.0)
    clock.skip(3600.0)
    assert clock.now() == pytest.approx(3610.0)
    looked_at_in_time(clock, machine, 2.0)
    assert clock.now() == pytest.approx(3620.0)
    assert clock.behind == 0.0


def test_it_stands_still_while_the_machine_is_behind(clock: ScaledClock, machine: Machine) -> None:
    looked_at_in_time(clock, machine, 2.0)
    machine.time += 30.0
    assert clock.now() == pytest.approx((2.0 + LATE_SECONDS) * 5.0)
    clock.look()
    assert clock.now() == pytest.approx((2.0 + LATE_SECONDS) * 5.0)
    assert clock.behind == pytest.approx(30.0 - LATE_SECONDS)
    looked_at_in_time(clock, machine, 1.0)
    assert clock.now() == pytest.approx((3.0 + LATE_SECONDS) * 5.0)


def test_it_passes_slower_by_what_other_programs_took(machine: Machine) -> None:
    share = 1.0
    clock = ScaledClock(5.0, machine, lambda: share)
    clock._longest = LATE_SECONDS
    looked_at_in_time(clock, machine, 0.5)
    assert clock.now() == pytest.approx(2.5)
    share = 0.5
    looked_at_in_time(clock, machine, 2.0)
    assert clock.now() == pytest.approx(7.5, rel=0.05)
    assert clock.behind == pytest.approx(1.0, rel=0.05)
    now = clock.now()
    machine.time += LATE_SECONDS / 2
    assert clock.now() - now == pytest.approx(LATE_SECONDS / 4 * 5.0)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_it_never_goes_back(machine: Machine, share: float) -> None:
    clock = ScaledClock(5.0, machine, lambda: share)
    clock._longest = LATE_SECONDS
    seen = [clock.now()]
    for step in (0.01, 0.3, 0.05, 5.0, 0.0):
        machine.time += step
        seen.append(clock.now())
        clock.look()
        seen.append(clock.now())
    assert seen == sorted(seen)


def test_a_clock_without_a_watcher_counts_everything(machine: Machine) -> None:
    clock = ScaledClock(2.0, machine)
    machine.time += 30.0
    assert clock.now() == pytest.approx(60.0)


def test_a_wait_lasts_until_its_simulated_seconds_are_over() -> None:
    with ScaledClock(100.0) as clock:
        began = clock.now()
        assert not clock.wait(threading.Event(), 5.0)
        assert clock.now() - began >= 5.0
        clock.sleep(2.0)
        assert clock.now() - began >= 7.0


def test_a_wait_ends_with_its_event() -> None:
    event = threading.Event()
    event.set()
    with ScaledClock(1.0) as clock:
        assert clock.wait(event, 3600.0)
        assert clock.wait(event, 0.0)


def test_the_watcher_ends_with_the_clock() -> None:
    with ScaledClock(1.0) as clock:
        assert clock._thread.is_alive()
    assert not clock._thread.is_alive()


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_time_must_pass(speed: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        ScaledClock(speed)
