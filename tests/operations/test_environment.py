"""The settings that a job refuses, and the values that it never logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from operations import fence, handover, switch
from operations.database import OwnDatabase
from operations.environment import DatabaseAddress, Reader, SettingError
from operations.ledger import JobLedger
from operations.session import DatabaseUnreachableError
from recovery.timeline import DatabaseId
from rehearsal.world.postgres import Server
from tests.harness import ROOT
from tests.operations.world import database
from tests.patience import wait_until

Job = Callable[[dict[str, str]], int]

SETTINGS = {
    "DATABASE": "primary-1",
    "AWS_REGION": "us-east-2",
    "LEDGER_TABLE": "lifeline-crisis-ledger",
    "DB_HOST": "127.0.0.1",
    "DB_PORT": "1",
    "DB_NAME": "mental_health_platform",
    "DB_USER": "lifeline",
    "DB_PASSWORD_FILE": "/dev/null",
}
FENCE = {
    **SETTINGS,
    "DRAIN": "false",
    "EPOCH": "1",
    "FENCE_SECONDS": "5",
    "ALIVE_FILE": "/dev/null",
    "METRICS_PORT": "0",
}
HANDOVER = {**SETTINGS, "ENDING_EPOCH": "1", "LEADER": "primary-1", "ACCEPT_LOSS": "false", "PATIENCE_SECONDS": "0"}
NOWHERE = "http://127.0.0.1:1"
PLACE = ["DATABASE is missing", "AWS_REGION is missing", "LEDGER_TABLE is missing"]
ADDRESS = ["DB_HOST is missing", "DB_NAME is missing", "DB_USER is missing", "DB_PASSWORD_FILE is missing"]


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that accepts wrong settings must fail its test and not run on."""
    monkeypatch.setattr(JobLedger, "connect", None)


def problems(job: Job, settings: dict[str, str]) -> list[str]:
    with pytest.raises(SettingError) as refused:
        job(settings)
    return str(refused.value).split("; ")


def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "operations", *words]
    environment = {"PATH": os.environ["PATH"], **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def only_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The only line that a command wrote."""
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def test_everything_that_the_fence_lacks_is_told_at_once() -> None:
    assert problems(fence.main, {}) == [
        *PLACE,
        *ADDRESS,
        "EPOCH is '', expected a number",
        "FENCE_SECONDS is '', expected a number",
        "ALIVE_FILE is missing",
        "METRICS_PORT is '', expected a number",
    ]


def test_everything_that_the_switch_lacks_is_told_at_once() -> None:
    assert problems(switch.main, {}) == [
        "SITE is missing",
        "AWS_REGION is missing",
        "LEDGER_TABLE is missing",
        "SWITCH_SECONDS is '', expected a number",
        "PORT is '', expected a number",
        "METRICS_PORT is '', expected a number",
    ]


def test_everything_that_the_gate_lacks_is_told_at_once() -> None:
    own = ["ENDING_EPOCH is '', expected a number", "LEADER is missing", "PATIENCE_SECONDS is '', expected a number"]
    assert problems(handover.main, {}) == [*PLACE, *ADDRESS, *own]


@pytest.mark.parametrize("key", sorted(FENCE.keys() - {"DRAIN", "DB_PORT"}))
def test_no_setting_of_the_fence_may_be_empty(key: str) -> None:
    (problem,) = problems(fence.main, {**FENCE, key: ""})
    assert problem.startswith(f"{key} is ")


@pytest.mark.parametrize("value", ["five", "-1", "1e3", "1.", "nan", " 1"])
def test_a_number_that_is_none_is_shown(value: str) -> None:
    assert problems(fence.main, {**FENCE, "FENCE_SECONDS": value}) == [f"FENCE_SECONDS is '{value}', expected a number"]


@pytest.mark.parametrize("value", ["yes", "True", "1", ""])
def test_a_flag_is_true_or_false(value: str) -> None:
    assert problems(fence.main, {**FENCE, "DRAIN": value}) == [f"DRAIN is '{value}', expected true or false"]


@pytest.mark.parametrize("value", ["primary", "primary-0", "Primary-1", "primary-1 "])
def test_a_database_id_that_is_none_is_shown(value: str) -> None:
    expected = f"DATABASE: '{value}' is not of the form <site>-<epoch>, such as primary-1"
    assert problems(fence.main, {**FENCE, "DATABASE": value}) == [expected]


def test_an_absent_flag_is_false_and_an_absent_port_is_postgresqls_own() -> None:
    reader = Reader({key: value for key, value in SETTINGS.items() if key != "DB_PORT"})
    assert reader.flag("DRAIN") is False
    assert reader.address().port == 5432
    reader.done()


def test_what_is_set_is_read() -> None:
    reader = Reader({**SETTINGS, "DRAIN": "true", "FENCE_SECONDS": "0.25"})
    place, address = reader.place(), reader.address()
    reader.done()
    assert (place.site, place.database, place.region) == ("primary", DatabaseId("primary", 1), "us-east-2")
    assert (address.host, address.port, address.user) == ("127.0.0.1", 1, "lifeline")
    assert (reader.flag("DRAIN"), reader.number("FENCE_SECONDS")) == (True, 0.25)


@pytest.mark.parametrize("words", [(), ("fense",), ("fence", "handover"), ("fense", "--help")])
def test_wrong_words_are_answered_by_the_right_ones(words: tuple[str, ...]) -> None:
    done = run(*words)
    line = only_line(done)
    assert done.returncode == 2
    assert (line["step"], line["expected"], line["received"]) == (
        "usage",
        [
            "backup",
            "canary",
            "claim",
            "configuration-export",
            "crisis-review",
            "exporter",
            "fence",
            "handover",
            "ledger-export",
            "ledger-restore",
            "promotion-snapshot",
            "promotion-wait",
            "restore",
            "restore-check",
            "roles",
            "self-check",
            "switch",
        ],
        list(words),
    )


@pytest.mark.parametrize("job", ["fence", "handover"])
def test_missing_settings_are_one_line_and_no_traceback(job: str) -> None:
    done = run(job)
    line = only_line(done)
    assert (done.returncode, line["step"]) == (2, "settings")
    assert line["problem"].startswith("DATABASE is missing; AWS_REGION is missing; ")


def test_a_gate_that_reaches_nothing_ends_in_one_line_and_not_well() -> None:
    keys = {"AWS_ENDPOINT_URL": NOWHERE, "AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "not-for-logs"}
    done = run("handover", **HANDOVER, **keys)
    line = only_line(done)
    assert (done.returncode, line["step"]) == (1, "must not promote")
    assert "not-for-logs" not in done.stdout


def test_a_fence_that_reaches_nothing_looks_on_until_it_is_told_to_stop(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    keys = {"AWS_ENDPOINT_URL": NOWHERE, "AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "not-for-logs"}
    environment = {"PATH": os.environ["PATH"], **FENCE, **keys, "ALIVE_FILE": str(alive), "FENCE_SECONDS": "0.01"}
    command = [sys.executable, "-m", "operations", "fence"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(2):
            wait_until(alive.exists)
            alive.unlink()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate()
    assert process.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert {line["step"] for line in lines} == {"look failed", "standing"}
    assert [line["standing"] for line in lines if line["step"] == "standing"] == ["unknown"]


def test_a_refused_password_is_not_said(leader: Server, tmp_path: Path) -> None:
    wrong = replace(leader, password="not-for-anybody' host=elsewhere")
    own = database(wrong, tmp_path)
    with pytest.raises(DatabaseUnreachableError, match="password authentication failed") as refused, own.session():
        pass
    assert "not-for-anybody" not in str(refused.value)


def test_an_address_shows_where_the_password_lies_and_not_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("not-for-logs\n")
    address = DatabaseAddress("127.0.0.1", 1, "mental_health_platform", "lifeline", file)
    with pytest.raises(DatabaseUnreachableError) as refused, OwnDatabase(address).session():
        pass
    assert "not-for-logs" not in repr(address) + str(refused.value)


def test_a_password_is_read_at_every_connection(leader: Server, tmp_path: Path) -> None:
    """A rotation needs no restart."""
    own = database(replace(leader, password="of yesterday"), tmp_path)
    with pytest.raises(DatabaseUnreachableError), own.session():
        pass
    database(leader, tmp_path)
    with own.session() as session:
        assert not session.follows()
