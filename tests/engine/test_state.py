"""The state file: complete at every moment, with the operations whose result is unknown."""

from __future__ import annotations

from pathlib import Path

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


def test_a_write_that_is_cut_off_leaves_the_last_whole_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file is written, as on a full disk, and the process dies before the old file is replaced."""
    state = State(tmp_path / "state.json")
    state.end("urn:a", THING)
    write = Path.write_text

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


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"pending": {}}',
        b'{"pending": [], "resources": {}}',
        b'{"pending": {}, "resources": []}',
        b'{"pending": {}, "resources": {"urn:a": {"x": 1}}}',
    ],
)
def test_a_file_that_is_no_state_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """With an empty state, the next run would provision everything a second time."""
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(DeploymentError, match=r"state\.json is no state"):
        State(tmp_path / "state.json")
