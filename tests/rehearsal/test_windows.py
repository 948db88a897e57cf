"""The windows of a flip, from the rows that were acknowledged."""

from __future__ import annotations

import pytest

from rehearsal.windows import Window, two_writers

Rows = list[tuple[float, str]]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], Window()),
        ([(1.0, "old"), (2.0, "old")], Window()),
        ([(1.0, "old"), (2.0, "old"), (3.0, "new"), (4.0, "new")], Window()),
        ([(1.0, "old"), (3.0, "new"), (4.0, "old"), (5.0, "new"), (7.5, "old")], Window(2, 3.5)),
        ([(1.0, "old"), (3.0, "new"), (600.0, "old")], Window(1, 0.0)),
        ([(1.0, "old"), (3.0, "new"), (4.0, "newest"), (5.0, "new"), (6.0, "old")], Window(2, 1.0)),
    ],
    ids=["nothing", "one leader", "one after the other", "beside each other", "back after a while", "two flips"],
)
def test_rows_count_that_a_leader_takes_after_the_next_one_has_begun(rows: Rows, expected: Window) -> None:
    assert two_writers(rows) == expected
    assert two_writers(reversed(rows)) == expected


def test_a_window_lasts_from_its_first_row_to_its_last() -> None:
    assert Window.of([7.0, 3.0, 4.0]) == Window(3, 4.0)
    assert str(Window.of([7.0, 3.0, 4.0])) == "3 over 4.0 s"
