"""The state file: complete at every moment, with the operations whose result is unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

from engine.monitor import DeploymentError
from engine.state import Resource, State

THING = Resource(type="aws:x/thing:Thing", name="a", parent="", custom=True, id="a-1", inputs={"size": 1}, protect=True)


def test_what_was_made_is_read_back(tmp_path: Path) -> None:
    State(tmp_path / "state.json").end("urn:a", THING)
    assert State(tmp_path / "state.json").resources == {"urn:a": THING}


def test_an_operation_is_pending_until_its_result_is_written(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    state.begin("urn:a", "create")
    assert State(tmp_path / "state.json").pending == {"urn:a": "create"}
    state.end("urn:a", THING)
    assert State(tmp_path / "state.json").pending == {}


def test_what_is_uncertain_stays_so_until_that_very_resource_is_done(tmp_path: Path) -> None:
    """Like the real engine's pending create: a resource may exist that no state names."""
    State(tmp_path / "state.json").begin("urn:lost", "create")
    State(tmp_path / "state.json").end("urn:a", THING)
    assert State(tmp_path / "state.json").pending == {"urn:lost": "create"}


def test_what_was_deleted_is_gone(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    state.end("urn:a", THING)
    state.end("urn:a", None)
    assert State(tmp_path / "state.json").resources == {}


def test_what_changed_is_read_back_in_the_order_of_the_resources(tmp_path: Path) -> None:
    """Deletions go from the last resource to the first, also by a state that was read."""
    state = State(tmp_path / "state.json")
    for urn in ("urn:a", "urn:b"):
        state.end(urn, THING)
    state.end("urn:a", replace(THING, inputs={"size": 2}))
    left = State(tmp_path / "state.json")
    assert list(left.resources) == ["urn:a", "urn:b"]
    assert left.resources["urn:a"].inputs == {"size": 2}


def test_a_registration_that_changed_is_saved_with_the_next_operation(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    state.end("urn:a", THING)
    state.touch("urn:a", replace(THING, protect=False))
    state.begin("urn:b", "create")
    assert not State(tmp_path / "state.json").resources["urn:a"].protect


def test_a_line_that_is_cut_off_leaves_the_last_whole_state(tmp_path: Path) -> None:
    """The process dies while it adds a line. The next operation is not written after the half line."""
    file = tmp_path / "state.json"
    State(file).end("urn:a", THING)
    with file.open("a") as half:
        half.write('{"pending": {"urn:b": "cre')
    left = State(file)
    assert left.resources == {"urn:a": THING}
    assert left.pending == {}
    left.begin("urn:c", "create")
    left.begin("urn:d", "create")
    assert State(file).pending == {"urn:c": "create", "urn:d": "create"}


def test_a_whole_state_that_is_cut_off_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file is written, as on a full disk, and the process dies before the old file is replaced."""
    State(tmp_path / "state.json").end("urn:a", THING)
    state, write = State(tmp_path / "state.json"), Path.write_text

    def half(self: Path, text: str) -> int:
        write(self, text[: len(text) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="no space left"):
        state.begin("urn:b", "create")
    monkeypatch.undo()
    left = State(tmp_path / "state.json")
    assert left.resources == {"urn:a": THING}
    assert left.pending == {}


def test_a_line_that_could_not_be_added_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, opened = State(tmp_path / "state.json"), Path.open
    state.end("urn:a", THING)

    def full(self: Path, mode: str) -> IO[Any]:
        with opened(self, mode) as file:
            file.write("{")
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="no space left"):
        state.begin("urn:b", "create")
    monkeypatch.undo()
    state.end("urn:c", THING)
    left = State(tmp_path / "state.json")
    assert list(left.resources) == ["urn:a", "urn:c"]
    assert left.pending == {"urn:b": "create"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{\n",
        b"\xff\xfe\n",
        b"[]\n",
        b'{"pending": {}}\n',
        b'{"pending": [], "resources": {}}\n',
        b'{"pending": {}, "resources": []}\n',
        b'{"pending": {}, "resources": {"urn:a": {"x": 1}}}\n',
    ],
)
def test_a_file_that_is_no_state_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """With an empty state, the next run would provision everything a second time."""
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(DeploymentError, match=r"state\.json is no state"):
        State(tmp_path / "state.json")
