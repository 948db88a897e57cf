from __future__ import annotations

import gc

from rehearsal.world.garbage import quick_collections


class Cycle:
    """Something that only the garbage collector can end."""

    def __init__(self, ended: list[str]) -> None:
        self.itself, self._ended = self, ended

    def __del__(self) -> None:
        self._ended.append("ended")


def test_a_full_collection_looks_only_at_what_is_newer_than_the_block() -> None:
    ended = list[str]()
    old = Cycle(ended)
    with quick_collections():
        del old
        gc.collect()
        assert ended == []
        Cycle(ended)
        gc.collect()
        assert ended == ["ended"]
    gc.collect()
    assert ended == ["ended", "ended"]
